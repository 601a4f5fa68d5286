// Java 17, java.net.HttpURLConnection. One behaviour a line on standard input, one line of JSON for each on standard output.

import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Scanner;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

public class UrlConnection {
    static final Map<String, String> JSON = Map.of("Content-Type", "application/json");
    static final Map<String, String> BYTES = Map.of("Content-Type", "application/octet-stream");
    static final String DOCUMENTS = "/api/v2.1/customer/individual/2001/documents";
    static String base;
    static Path folder;

    enum Sending { WHOLE, FIXED, CHUNKED }

    static String call(String method, String path, Map<String, String> fields, byte[] body, Sending sending) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) new URL(base + path).openConnection();
        connection.setRequestMethod(method);
        connection.setInstanceFollowRedirects(false);
        connection.setReadTimeout(60_000);
        fields.forEach(connection::setRequestProperty);
        if (body != null) {
            connection.setDoOutput(true);
            if (sending == Sending.CHUNKED) connection.setChunkedStreamingMode(50_000);
            if (sending == Sending.FIXED) connection.setFixedLengthStreamingMode(body.length);
            try (OutputStream out = connection.getOutputStream()) {
                out.write(body);
            }
        }
        int status = connection.getResponseCode();
        byte[] seen = {};
        try (InputStream in = status >= 400 ? connection.getErrorStream() : connection.getInputStream()) {
            if (in != null) seen = in.readAllBytes();
        }
        return saw(status, seen, connection.getHeaderField("Content-Length"), connection.getHeaderField("Location"));
    }

    static String call(String method, String path) throws Exception {
        return call(method, path, Map.of(), null, Sending.WHOLE);
    }

    static String saw(int status, byte[] body, String length, String location) throws Exception {
        Path file = folder.resolve("body-" + UUID.randomUUID());
        Files.write(file, body);
        return String.format("{\"status\": %d, \"file\": \"%s\", \"length\": \"%s\", \"location\": \"%s\"}",
                status, file, length == null ? "" : length, location == null ? "" : location);
    }

    static byte[] content(String name) throws Exception {
        return Files.readAllBytes(folder.resolve(name));
    }

    static List<String> parallel() throws Exception {
        var pool = Executors.newFixedThreadPool(20);
        List<Future<String>> asked = new ArrayList<>();
        for (int number = 0; number < 20; number++) {
            String path = "/api/echo/parallel-" + number;
            asked.add(pool.submit(() -> call("GET", path)));
        }
        List<String> seen = new ArrayList<>();
        for (Future<String> one : asked) seen.add(one.get());
        pool.shutdown();
        return seen;
    }

    static List<String> run(String behaviour) throws Exception {
        switch (behaviour) {
            case "get": return List.of(call("GET", "/api/bytes/100000"));
            case "streamed": return List.of(call("GET", "/api/bytes/100000?chunked"));
            case "json":
            case "revoked": return List.of(call("POST", "/api/echo/payments", JSON, content("payment.json"), Sending.WHOLE));
            case "multipart":
                Map<String, String> type = Map.of("Content-Type", "multipart/form-data; boundary=form-4711");
                return List.of(call("POST", DOCUMENTS, type, content("form.bin"), Sending.FIXED));
            case "chunked": return List.of(call("POST", "/api/sink", BYTES, content("upload.bin"), Sending.CHUNKED));
            case "expect":
                Map<String, String> expect = Map.of("Content-Type", "application/octet-stream", "Expect", "100-continue");
                return List.of(call("POST", "/api/sink", expect, content("upload.bin"), Sending.FIXED));
            case "keep-alive":
                return List.of(call("GET", "/api/bytes/1000"), call("GET", "/api/bytes/1000"), call("GET", "/api/bytes/1000"));
            case "close":
                Map<String, String> close = Map.of("Connection", "close");
                return List.of(call("GET", "/api/bytes/1000", close, null, Sending.WHOLE),
                        call("GET", "/api/bytes/1000", close, null, Sending.WHOLE));
            case "head": return List.of(call("HEAD", "/api/bytes/1000"));
            case "gzip": return List.of(call("GET", "/api/gzip/100000", Map.of("Accept-Encoding", "gzip"), null, Sending.WHOLE));
            case "no content": return List.of(call("GET", "/api/status/204"), call("GET", "/api/bytes/10"));
            case "parallel": return parallel();
            case "redirect": return List.of(call("GET", "/api/moved"));
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
