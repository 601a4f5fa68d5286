# Perl, HTTP::Tiny. The interface of the others.
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP qw(encode_json);

my ($base, $folder) = @ARGV;
my $agent = HTTP::Tiny->new(max_redirect => 0, timeout => 60);
my $number = 0;
$| = 1;

sub content {
    my ($name) = @_;
    open my $file, '<:raw', "$folder/$name" or die "$name: $!";
    local $/;
    return <$file>;
}

sub saw {
    my ($reply) = @_;
    die $reply->{content} if $reply->{status} == 599; # the library's own word for an exception
    my $name = "$folder/body-$$-" . $number++;
    open my $file, '>:raw', $name or die "$name: $!";
    print $file $reply->{content} // '';
    close $file;
    my ($length, $location) = map { $reply->{headers}{$_} // '' } qw(content-length location);
    return { status => $reply->{status} + 0, file => $name, length => $length, location => $location };
}

sub get { my ($path, %fields) = @_; saw($agent->get($base . $path, { headers => \%fields })) }

sub post {
    my ($path, $content, %fields) = @_;
    return saw($agent->post($base . $path, { content => $content, headers => \%fields }));
}

my @json = ('Content-Type' => 'application/json');
my @bytes = ('Content-Type' => 'application/octet-stream');

sub chunked {
    open my $file, '<:raw', "$folder/upload.bin" or die $!;
    return post('/api/sink', sub { read($file, my $block, 50_000); return $block }, @bytes);
}

# A process for each: the library does one thing at a time.
sub parallel {
    my @pipes;
    for my $n (0 .. 19) {
        pipe my $reader, my $writer or die $!;
        my $child = fork // die $!;
        if (!$child) {
            print $writer encode_json(saw(HTTP::Tiny->new(timeout => 60)->get("$base/api/echo/parallel-$n")));
            close $writer;
            exec 'true'; # no destructors of the parent's
        }
        close $writer;
        push @pipes, $reader;
    }
    my @seen = map { JSON::PP::decode_json(join '', <$_>) } @pipes;
    1 while wait > 0;
    return @seen;
}

my %behaviours = (
    'get' => sub { get('/api/bytes/100000') },
    'streamed' => sub { get('/api/bytes/100000?chunked') },
    'json' => sub { post('/api/echo/payments', content('payment.json'), @json) },
    'multipart' => sub {
        my @form = ('Content-Type' => 'multipart/form-data; boundary=form-4711');
        post('/api/v2.1/customer/individual/2001/documents', content('form.bin'), @form);
    },
    'chunked' => \&chunked,
    'expect' => sub { post('/api/sink', content('upload.bin'), @bytes, Expect => '100-continue') },
    'keep-alive' => sub { map { get('/api/bytes/1000') } 1 .. 3 },
    'close' => sub { map { get('/api/bytes/1000', Connection => 'close') } 1 .. 2 },
    'head' => sub { saw($agent->head("$base/api/bytes/1000")) },
    'gzip' => sub { get('/api/gzip/100000', 'Accept-Encoding' => 'gzip') },
    'no content' => sub { map { get($_) } '/api/status/204', '/api/bytes/10' },
    'revoked' => sub { post('/api/echo/payments', content('payment.json'), @json) },
    'parallel' => \&parallel,
    'redirect' => sub { get('/api/moved') },
);

while (my $line = <STDIN>) {
    chomp $line;
    my @seen = eval { $behaviours{$line}->() };
    print encode_json($@ ? { error => "$@" } : { replies => \@seen }), "\n";
}
