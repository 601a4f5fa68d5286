// .NET Framework's HttpWebRequest, as Mono has it. One behaviour a line on standard input, one line of JSON for each on standard output.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Threading.Tasks;

public static class WebRequests
{
    static string address, folder;

    static HttpWebRequest Asking(string method, string path)
    {
        var request = (HttpWebRequest)WebRequest.Create(address + path);
        request.Method = method;
        request.AllowAutoRedirect = false;
        request.Timeout = 60000;
        request.ServicePoint.Expect100Continue = false;
        return request;
    }

    static string Send(HttpWebRequest request, byte[] body = null)
    {
        if (body != null)
        {
            if (!request.SendChunked) request.ContentLength = body.Length;
            using (var stream = request.GetRequestStream()) stream.Write(body, 0, body.Length);
        }
        try
        {
            using (var reply = (HttpWebResponse)request.GetResponse()) return Saw(reply);
        }
        catch (WebException error) when (error.Response != null)
        {
            using (var reply = (HttpWebResponse)error.Response) return Saw(reply);
        }
    }

    static string Saw(HttpWebResponse reply)
    {
        var file = Path.Combine(folder, "body-" + Guid.NewGuid());
        using (var stream = reply.GetResponseStream())
        using (var copy = File.Create(file)) stream.CopyTo(copy);
        return string.Format("{{\"status\": {0}, \"file\": \"{1}\", \"length\": \"{2}\", \"location\": \"{3}\"}}",
            (int)reply.StatusCode, file, reply.Headers["Content-Length"], reply.Headers["Location"]);
    }

    static byte[] Content(string name) { return File.ReadAllBytes(Path.Combine(folder, name)); }

    static string Get(string path) { return Send(Asking("GET", path)); }

    static string Post(string path, string file, string type, bool chunked = false, bool expect = false)
    {
        var request = Asking("POST", path);
        request.ContentType = type;
        request.SendChunked = chunked;
        request.ServicePoint.Expect100Continue = expect;
        request.AllowWriteStreamBuffering = false;
        return Send(request, Content(file));
    }

    static string Closing()
    {
        var request = Asking("GET", "/api/bytes/1000");
        request.KeepAlive = false;
        return Send(request);
    }

    static string Unpacked()
    {
        var request = Asking("GET", "/api/gzip/100000");
        request.AutomaticDecompression = DecompressionMethods.GZip;
        return Send(request);
    }

    static IEnumerable<string> Parallel()
    {
        return Task.WhenAll(Enumerable.Range(0, 20).Select(number => Task.Factory.StartNew(
            () => Get("/api/echo/parallel-" + number), TaskCreationOptions.LongRunning))).Result;
    }

    static IEnumerable<string> Run(string behaviour)
    {
        const string json = "application/json", bytes = "application/octet-stream";
        switch (behaviour)
        {
            case "get": return new[] { Get("/api/bytes/100000") };
            case "streamed": return new[] { Get("/api/bytes/100000?chunked") };
            case "json":
            case "revoked": return new[] { Post("/api/echo/payments", "payment.json", json) };
            case "multipart":
                const string documents = "/api/v2.1/customer/individual/2001/documents";
                return new[] { Post(documents, "form.bin", "multipart/form-data; boundary=form-4711") };
            case "chunked": return new[] { Post("/api/sink", "upload.bin", bytes, chunked: true) };
            case "expect": return new[] { Post("/api/sink", "upload.bin", bytes, expect: true) };
            case "keep-alive": return new[] { Get("/api/bytes/1000"), Get("/api/bytes/1000"), Get("/api/bytes/1000") };
            case "close": return new[] { Closing(), Closing() };
            case "head": return new[] { Send(Asking("HEAD", "/api/bytes/1000")) };
            case "gzip": return new[] { Unpacked() };
            case "no content": return new[] { Get("/api/status/204"), Get("/api/bytes/10") };
            case "parallel": return Parallel();
            case "redirect": return new[] { Get("/api/moved") };
            default: throw new ArgumentException(behaviour);
        }
    }

    public static void Main(string[] arguments)
    {
        address = arguments[0];
        folder = arguments[1];
        ServicePointManager.DefaultConnectionLimit = 20; // two, unless told otherwise
        string line;
        while ((line = Console.ReadLine()) != null)
        {
            try { Console.WriteLine("{\"replies\": [" + string.Join(", ", Run(line.Trim())) + "]}"); }
            catch (Exception error) { Console.WriteLine("{\"error\": \"" + error.Message.Replace("\"", "'") + "\"}"); }
            Console.Out.Flush();
        }
    }
}
