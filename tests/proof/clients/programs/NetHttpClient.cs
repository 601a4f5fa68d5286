// .NET's HttpClient, as Mono has it. The interface of the others.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Threading.Tasks;

public static class NetHttpClient
{
    static string address, folder;
    static HttpClient client;

    static async Task<string> Send(HttpRequestMessage request)
    {
        using (var reply = await client.SendAsync(request))
        {
            var file = Path.Combine(folder, "body-" + Guid.NewGuid());
            File.WriteAllBytes(file, await reply.Content.ReadAsByteArrayAsync());
            IEnumerable<string> location;
            reply.Headers.TryGetValues("Location", out location);
            return string.Format("{{\"status\": {0}, \"file\": \"{1}\", \"length\": \"{2}\", \"location\": \"{3}\"}}",
                (int)reply.StatusCode, file, reply.Content.Headers.ContentLength, location?.FirstOrDefault());
        }
    }

    static HttpRequestMessage Asking(HttpMethod method, string path) { return new HttpRequestMessage(method, address + path); }

    static Task<string> Get(string path) { return Send(Asking(HttpMethod.Get, path)); }

    static HttpRequestMessage Posting(string path, HttpContent content, string type = null)
    {
        var request = Asking(HttpMethod.Post, path);
        request.Content = content;
        if (type != null) content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        return request;
    }

    static HttpContent Stored(string name) { return new ByteArrayContent(File.ReadAllBytes(Path.Combine(folder, name))); }

    static Task<string> Documents()
    {
        var form = new MultipartFormDataContent { { new StringContent("PASSPORT"), "\"documentType\"" } };
        foreach (var name in new[] { "file", "back" }) form.Add(Stored(name + ".bin"), "\"" + name + "\"", "\"" + name + ".bin\"");
        return Send(Posting("/api/v2.1/customer/individual/2001/documents", form));
    }

    static Task<string> Upload(bool chunked, bool expect)
    {
        var request = Posting("/api/sink", Stored("upload.bin"), "application/octet-stream");
        request.Headers.TransferEncodingChunked = chunked;
        request.Headers.ExpectContinue = expect;
        return Send(request);
    }

    static Task<string> Closing()
    {
        var request = Asking(HttpMethod.Get, "/api/bytes/1000");
        request.Headers.ConnectionClose = true;
        return Send(request);
    }

    static async Task<string[]> InTurn(params Func<Task<string>>[] calls)
    {
        var seen = new List<string>();
        foreach (var call in calls) seen.Add(await call());
        return seen.ToArray();
    }

    static Task<string[]> Run(string behaviour)
    {
        Func<Task<string>> small = () => Get("/api/bytes/1000");
        switch (behaviour)
        {
            case "get": return InTurn(() => Get("/api/bytes/100000"));
            case "streamed": return InTurn(() => Get("/api/bytes/100000?chunked"));
            case "json":
            case "revoked": return InTurn(() => Send(Posting("/api/echo/payments", Stored("payment.json"), "application/json")));
            case "multipart": return InTurn(Documents);
            case "chunked": return InTurn(() => Upload(true, false));
            case "expect": return InTurn(() => Upload(false, true));
            case "keep-alive": return InTurn(small, small, small);
            case "close": return InTurn(Closing, Closing);
            case "head": return InTurn(() => Send(Asking(HttpMethod.Head, "/api/bytes/1000")));
            case "gzip": return InTurn(() => Get("/api/gzip/100000"));
            case "no content": return InTurn(() => Get("/api/status/204"), () => Get("/api/bytes/10"));
            case "parallel": return Task.WhenAll(Enumerable.Range(0, 20).Select(number => Get("/api/echo/parallel-" + number)));
            case "redirect": return InTurn(() => Get("/api/moved"));
            default: throw new ArgumentException(behaviour);
        }
    }

    public static void Main(string[] arguments)
    {
        address = arguments[0];
        folder = arguments[1];
        ServicePointManager.DefaultConnectionLimit = 20; // two, unless told otherwise
        client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, AutomaticDecompression = DecompressionMethods.GZip });
        string line;
        while ((line = Console.ReadLine()) != null)
        {
            try { Console.WriteLine("{\"replies\": [" + string.Join(", ", Run(line.Trim()).Result) + "]}"); }
            catch (Exception error) { Console.WriteLine("{\"error\": \"" + error.GetBaseException().Message.Replace("\"", "'") + "\"}"); }
            Console.Out.Flush();
        }
    }
}
