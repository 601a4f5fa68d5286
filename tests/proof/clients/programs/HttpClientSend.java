// Java 17, java.net.http.HttpClient as it is unless told otherwise: it offers HTTP/2 by Upgrade. The interface of the others.

import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

public class HttpClientSend {
    static final HttpClient CLIENT = HttpClient.newHttpClient();
    static final BodyPublisher NONE = BodyPublishers.noBody();
    static String base;
    static Path folder;

    static HttpRequest.Builder asking(String method, String path, BodyPublisher body, String... fields) {
        HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(base + path)).method(method, body);
        return fields.length == 0 ? builder : builder.headers(fields);
    }

    static String call(HttpRequest.Builder builder) throws Exception {
        return saw(CLIENT.send(builder.build(), BodyHandlers.ofByteArray()));
    }

    static String get(String path, String... fields) throws Exception {
        return call(asking("GET", path, NONE, fields));
    }

    static HttpRequest.Builder posting(String path, BodyPublisher body, String type) {
        return asking("POST", path, body, "Content-Type", type);
    }

    static String saw(HttpResponse<byte[]> reply) throws Exception {
        Path file = folder.resolve("body-" + UUID.randomUUID());
        Files.write(file, reply.body());
        return String.format("{\"status\": %d, \"file\": \"%s\", \"length\": \"%s\", \"location\": \"%s\"}",
                reply.statusCode(), file, reply.headers().firstValue("Content-Length").orElse(""),
                reply.headers().firstValue("Location").orElse(""));
    }

    static byte[] content(String name) throws Exception {
        return Files.readAllBytes(folder.resolve(name));
    }

    static List<String> parallel() throws Exception {
        List<CompletableFuture<HttpResponse<byte[]>>> asked = new ArrayList<>();
        for (int number = 0; number < 20; number++) {
            HttpRequest request = asking("GET", "/api/echo/parallel-" + number, NONE).build();
            asked.add(CLIENT.sendAsync(request, BodyHandlers.ofByteArray()));
        }
        List<String> seen = new ArrayList<>();
        for (var one : asked) seen.add(saw(one.get()));
        return seen;
    }

    static List<String> run(String behaviour) throws Exception {
        switch (behaviour) {
            case "get": return List.of(get("/api/bytes/100000"));
            case "streamed": return List.of(get("/api/bytes/100000?chunked"));
            case "json":
            case "revoked":
                var payment = BodyPublishers.ofByteArray(content("payment.json"));
                return List.of(call(posting("/api/echo/payments", payment, "application/json")));
            case "multipart":
                var form = BodyPublishers.ofByteArray(content("form.bin"));
                String documents = "/api/v2.1/customer/individual/2001/documents";
                return List.of(call(posting(documents, form, "multipart/form-data; boundary=form-4711")));
            case "chunked":
                byte[] upload = content("upload.bin");
                var stream = BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(upload));
                return List.of(call(posting("/api/sink", stream, "application/octet-stream")));
            case "expect":
                var bytes = BodyPublishers.ofByteArray(content("upload.bin"));
                return List.of(call(posting("/api/sink", bytes, "application/octet-stream").expectContinue(true)));
            case "keep-alive": return List.of(get("/api/bytes/1000"), get("/api/bytes/1000"), get("/api/bytes/1000"));
            case "head": return List.of(call(asking("HEAD", "/api/bytes/1000", NONE)));
            case "gzip": return List.of(get("/api/gzip/100000", "Accept-Encoding", "gzip"));
            case "no content": return List.of(get("/api/status/204"), get("/api/bytes/10"));
            case "parallel": return parallel();
            case "redirect": return List.of(get("/api/moved"));
            default: throw new IllegalArgumentException(behaviour);
        }
    }

    public static void main(String[] arguments) throws Exception {
        base = arguments[0];
        folder = Path.of(arguments[1]);
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            try {
                System.out.println("{\"replies\": [" + String.join(", ", run(lines.nextLine().trim())) + "]}");
            } catch (Exception error) {
                System.out.println("{\"error\": \"" + error.toString().replace("\"", "'") + "\"}");
            }
            System.out.flush();
        }
    }
}
