<?php
// PHP, the http stream wrapper behind file_get_contents. One behaviour a line on standard input, one line of JSON for each on
// standard output. Called with a third argument, it makes that one request and says what it saw.
const BYTES = 'Content-Type: application/octet-stream';
const JSON = 'Content-Type: application/json';
const FORM = 'Content-Type: multipart/form-data; boundary=form-4711';
[, $base, $folder] = $argv;

function content(string $name): string
{
    global $folder;
    return file_get_contents("$folder/$name");
}

function call(string $method, string $path, array $fields = [], ?string $body = null): array
{
    global $base, $folder;
    $asked = ['method' => $method, 'header' => $fields, 'ignore_errors' => true, 'follow_location' => 0, 'timeout' => 60,
        'protocol_version' => 1.1];
    if ($body !== null) {
        $asked['content'] = $body;
    }
    $seen = file_get_contents($base . $path, false, stream_context_create(['http' => $asked]));
    if ($seen === false) {
        throw new RuntimeException(error_get_last()['message']);
    }
    $file = "$folder/body-" . bin2hex(random_bytes(8));
    file_put_contents($file, $seen);
    $found = [];
    foreach ($http_response_header as $line) {
        if (preg_match('~^HTTP/\S+ (\d+)~', $line, $match)) {
            $found = ['status' => (int) $match[1]];
        } elseif (preg_match('~^(Content-Length|Location): (.*)~i', $line, $match)) {
            $found[strtolower(str_replace('Content-', '', $match[1]))] = $match[2];
        }
    }
    return $found + ['file' => $file, 'length' => '', 'location' => ''];
}

// A process for each: the wrapper waits for its reply.
function parallel(): array
{
    global $base, $folder;
    $running = [];
    for ($n = 0; $n < 20; $n++) {
        $command = [PHP_BINARY, __FILE__, $base, $folder, "/api/echo/parallel-$n"];
        $running[] = [proc_open($command, [1 => ['pipe', 'w']], $pipes), $pipes[1]];
    }
    return array_map(fn ($one) => json_decode(stream_get_contents($one[1]), true), $running);
}

if (isset($argv[3])) {
    echo json_encode(call('GET', $argv[3]));
    exit;
}

$behaviours = [
    'get' => fn () => [call('GET', '/api/bytes/100000')],
    'streamed' => fn () => [call('GET', '/api/bytes/100000?chunked')],
    'json' => fn () => [call('POST', '/api/echo/payments', [JSON], content('payment.json'))],
    'multipart' => fn () => [call('POST', '/api/v2.1/customer/individual/2001/documents', [FORM], content('form.bin'))],
    'expect' => fn () => [call('POST', '/api/sink', [BYTES, 'Expect: 100-continue'], content('upload.bin'))],
    'close' => fn () => [call('GET', '/api/bytes/1000', ['Connection: close']), call('GET', '/api/bytes/1000', ['Connection: close'])],
    'head' => fn () => [call('HEAD', '/api/bytes/1000')],
    'gzip' => fn () => [call('GET', '/api/gzip/100000', ['Accept-Encoding: gzip'])],
    'no content' => fn () => [call('GET', '/api/status/204'), call('GET', '/api/bytes/10')],
    'revoked' => fn () => [call('POST', '/api/echo/payments', [JSON], content('payment.json'))],
    'parallel' => 'parallel',
    'redirect' => fn () => [call('GET', '/api/moved')],
];

while (($line = fgets(STDIN)) !== false) {
    try {
        echo json_encode(['replies' => $behaviours[trim($line)]()]), "\n";
    } catch (Throwable $error) {
        echo json_encode(['error' => (string) $error]), "\n";
    }
}
