<?php
// PHP, its curl extension: one handle for all. The interface of the others.
const BYTES = 'Content-Type: application/octet-stream';
const JSON = 'Content-Type: application/json';
[, $base, $folder] = $argv;
$shared = curl_init();

function content(string $name): string
{
    global $folder;
    return file_get_contents("$folder/$name");
}

function asking(CurlHandle $handle, string $path, array $options): CurlHandle
{
    global $base;
    curl_reset($handle);
    curl_setopt_array($handle, $options + [CURLOPT_URL => $base . $path, CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 60]);
    return $handle;
}

function saw(CurlHandle $handle, string|bool|null $body): array
{
    global $folder;
    if (!is_string($body)) {
        throw new RuntimeException(curl_error($handle));
    }
    $file = "$folder/body-" . bin2hex(random_bytes(8));
    file_put_contents($file, $body);
    $length = curl_getinfo($handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
    return ['status' => curl_getinfo($handle, CURLINFO_RESPONSE_CODE), 'file' => $file, 'length' => $length < 0 ? '' : "$length",
        'location' => curl_getinfo($handle, CURLINFO_REDIRECT_URL) ?: ''];
}

function call(string $path, array $options = []): array
{
    global $shared;
    return saw($shared, curl_exec(asking($shared, $path, $options)));
}

function post(string $path, string|array $body, array $fields): array
{
    return call($path, [CURLOPT_POST => true, CURLOPT_POSTFIELDS => $body, CURLOPT_HTTPHEADER => $fields]);
}

function documents(): array
{
    global $folder;
    $form = ['documentType' => 'PASSPORT'];
    foreach (['file', 'back'] as $name) {
        $form[$name] = new CURLFile("$folder/$name.bin");
    }
    return [post('/api/v2.1/customer/individual/2001/documents', $form, [])];
}

function chunked(): array
{
    global $folder;
    $upload = fopen("$folder/upload.bin", 'rb');
    return [call('/api/sink', [CURLOPT_UPLOAD => true, CURLOPT_CUSTOMREQUEST => 'POST', CURLOPT_INFILE => $upload,
        CURLOPT_HTTPHEADER => [BYTES, 'Expect:']])]; // with no length told, it goes out in chunks
}

function parallel(): array
{
    $multi = curl_multi_init();
    $handles = [];
    for ($n = 0; $n < 20; $n++) {
        $handles[] = asking(curl_init(), "/api/echo/parallel-$n", []);
        curl_multi_add_handle($multi, $handles[$n]);
    }
    do {
        curl_multi_exec($multi, $running);
        curl_multi_select($multi, 0.1);
    } while ($running);
    return array_map(fn ($handle) => saw($handle, curl_multi_getcontent($handle)), $handles);
}

$small = fn (string ...$fields) => call('/api/bytes/1000', [CURLOPT_HTTPHEADER => $fields]);
$pay = fn () => [post('/api/echo/payments', content('payment.json'), [JSON])];
$behaviours = [
    'get' => fn () => [call('/api/bytes/100000')],
    'streamed' => fn () => [call('/api/bytes/100000?chunked')],
    'json' => $pay,
    'multipart' => 'documents',
    'chunked' => 'chunked',
    'expect' => fn () => [post('/api/sink', content('upload.bin'), [BYTES, 'Expect: 100-continue'])],
    'keep-alive' => fn () => [$small(), $small(), $small()],
    'close' => fn () => [$small('Connection: close'), $small('Connection: close')],
    'head' => fn () => [call('/api/bytes/1000', [CURLOPT_NOBODY => true])],
    'gzip' => fn () => [call('/api/gzip/100000', [CURLOPT_ENCODING => 'gzip'])],
    'no content' => fn () => [call('/api/status/204'), call('/api/bytes/10')],
    'revoked' => $pay,
    'parallel' => 'parallel',
    'redirect' => fn () => [call('/api/moved')],
];

while (($line = fgets(STDIN)) !== false) {
    try {
        echo json_encode(['replies' => $behaviours[trim($line)]()]), "\n";
    } catch (Throwable $error) {
        echo json_encode(['error' => (string) $error]), "\n";
    }
}
