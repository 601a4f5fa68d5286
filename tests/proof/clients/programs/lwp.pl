# Perl, LWP::UserAgent. One behaviour a line on standard input, one line of JSON for each on standard output.
use strict;
use warnings;
use HTTP::Request::Common qw(POST);
use JSON::PP qw(encode_json);
use LWP::UserAgent;

my ($base, $folder) = @ARGV;
my $agent = LWP::UserAgent->new(keep_alive => 1, max_redirect => 0, timeout => 60);
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
    die $reply->status_line if ($reply->header('Client-Warning') // '') eq 'Internal response';
    my $name = "$folder/body-$$-" . $number++;
    open my $file, '>:raw', $name or die "$name: $!";
    print $file $reply->content;
    close $file;
    my ($length, $location) = map { $reply->header($_) // '' } qw(Content-Length Location);
    return { status => $reply->code + 0, file => $name, length => $length, location => $location };
}

sub get { saw($agent->get($base . shift, @_)) }

sub post { saw($agent->post($base . shift, @_)) }

my @json = ('Content-Type' => 'application/json');
my @bytes = ('Content-Type' => 'application/octet-stream');

sub chunked {
    open my $file, '<:raw', "$folder/upload.bin" or die $!;
    my $blocks = sub { read($file, my $block, 50_000); return $block };
    my $request = HTTP::Request->new(POST => "$base/api/sink", [@bytes], $blocks);
    return saw($agent->request($request));
}

# A process for each: the library does one thing at a time.
sub parallel {
    my @pipes;
    for my $n (0 .. 19) {
        pipe my $reader, my $writer or die $!;
        my $child = fork // die $!;
        if (!$child) {
            my $own = LWP::UserAgent->new(timeout => 60);
            print $writer encode_json(saw($own->get("$base/api/echo/parallel-$n")));
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
    'json' => sub { post('/api/echo/payments', @json, Content => content('payment.json')) },
    'multipart' => sub {
        my @form = (documentType => 'PASSPORT', map { $_ => ["$folder/$_.bin"] } qw(file back));
        saw($agent->request(POST "$base/api/v2.1/customer/individual/2001/documents", Content_Type => 'form-data', Content => \@form));
    },
    'chunked' => \&chunked,
    'expect' => sub { post('/api/sink', @bytes, Expect => '100-continue', Content => content('upload.bin')) },
    'keep-alive' => sub { map { get('/api/bytes/1000') } 1 .. 3 },
    'close' => sub { map { get('/api/bytes/1000', Connection => 'close') } 1 .. 2 },
    'head' => sub { saw($agent->head("$base/api/bytes/1000")) },
    'gzip' => sub { get('/api/gzip/100000', 'Accept-Encoding' => 'gzip') },
    'no content' => sub { map { get($_) } '/api/status/204', '/api/bytes/10' },
    'revoked' => sub { post('/api/echo/payments', @json, Content => content('payment.json')) },
    'parallel' => \&parallel,
    'redirect' => sub { get('/api/moved') },
);

while (my $line = <STDIN>) {
    chomp $line;
    my @seen = eval { $behaviours{$line}->() };
    print encode_json($@ ? { error => "$@" } : { replies => \@seen }), "\n";
}
