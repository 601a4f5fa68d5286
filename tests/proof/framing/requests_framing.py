"""Rows: where a caller's request ends. Two readings of one request are how requests are smuggled (RFC 9112 §6)."""

from __future__ import annotations

from typing import Final

from rows import HOST, Reached, RequestRow, chunks, get, post

_HIDDEN: Final = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
_FIVE: Final = Reached(method=b"POST", body=b"hello")


def _refused(name: str, *sends: bytes, status: int = 400) -> RequestRow:
    return RequestRow(name=name, sends=sends, sees=(status,), ends=True)


def _carried(name: str, *sends: bytes, body: bytes = b"hello", method: bytes = b"POST") -> RequestRow:
    return RequestRow(name=name, sends=sends, sees=(200,), reaches=(Reached(method=method, body=body),), method=method)


def _length(name: str, value: bytes) -> RequestRow:
    return _refused(f"Content-Length {name}", post(b"hello", b"Content-Length:" + value))


def _coding(name: str, *lines: bytes) -> RequestRow:
    return _refused(f"Transfer-Encoding {name}", post(b"5\r\nhello\r\n0\r\n\r\n" + _HIDDEN, *lines))


def _chunk(name: str, body: bytes) -> RequestRow:
    return _refused(f"chunk: {name}", chunks(body))


LENGTHS: Final = (
    _carried("one Content-Length", post(b"hello", b"Content-Length: 5")),
    _carried("Content-Length with leading zeros", post(b"hello", b"Content-Length: 0005")),
    _carried("Content-Length with a tab and spaces around it", post(b"hello", b"Content-Length:\t 5 \t")),
    _carried("Content-Length 0", post(b"", b"Content-Length: 0"), body=b""),
    _carried("POST with neither length nor coding", post(b""), body=b""),
    _carried("GET with a body", post(b"hello", b"Content-Length: 5", method=b"GET"), method=b"GET"),
    _carried("a body that comes byte by byte", post(b"", b"Content-Length: 5"), b"h", b"e", b"l", b"l", b"o"),
    _refused(
        "Content-Length, then Transfer-Encoding",
        post(b"0\r\n\r\n" + _HIDDEN, b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    ),
    _refused(
        "Transfer-Encoding, then Content-Length",
        post(b"0\r\n\r\n" + _HIDDEN, b"Transfer-Encoding: chunked", b"Content-Length: 45"),
    ),
    _refused("two Content-Length that differ", post(b"hello" + _HIDDEN, b"Content-Length: 5", b"Content-Length: 0")),
    _refused("two Content-Length that agree", post(b"hello", b"Content-Length: 5", b"Content-Length: 5")),
    _length("as a list", b" 5, 5"),
    _length("as a list that differs", b" 5, 0"),
    _length("+5", b" +5"),
    _length("-5", b" -5"),
    _length("0x5", b" 0x5"),
    _length("5.0", b" 5.0"),
    _length("5e0", b" 5e0"),
    _length("with a space in it", b" 1 5"),
    _length("in quotes", b' "5"'),
    _length("empty", b""),
    _length("in Arabic digits", " \u0665".encode()),
    _length("after a vertical tab", b" \x0b5"),
    _length("beyond 64 bits", b" 18446744073709551621"),
    _length("of 400 digits", b" " + b"9" * 400),
    RequestRow(
        name="Content-Length beyond listen.max_body",
        sends=(post(b"hello", b"Content-Length: 1000000000000"),),
        sees=(413,),
    ),
    RequestRow(
        name="Content_Length beside Content-Length",
        sends=(post(b"hello", b"Content-Length: 5", b"Content_Length: 0"),),
        sees=(200,),
        reaches=(Reached(method=b"POST", body=b"hello", fields={"content_length": (), "content-length": (b"5",)}),),
    ),
    RequestRow(
        name="a body shorter than its Content-Length, then the end",
        sends=(post(b"hel", b"Content-Length: 5"),),
        then="half-close",
        sees=(),
    ),
    RequestRow(
        name="a body shorter than its Content-Length, then a reset",
        sends=(post(b"hel", b"Content-Length: 5"),),
        then="abort",
        sees=(),
    ),
    RequestRow(
        name="a body shorter than its Content-Length, then silence",
        sends=(post(b"hel", b"Content-Length: 5"),),
        sees=(408,),
    ),
)

CODINGS: Final = (
    _carried("Transfer-Encoding chunked", chunks(b"5\r\nhello\r\n0\r\n\r\n")),
    _carried("Transfer-Encoding cHuNkEd", post(b"5\r\nhello\r\n0\r\n\r\n", b"Transfer-Encoding: cHuNkEd")),
    _coding("gzip", b"Transfer-Encoding: gzip"),
    _coding("gzip, chunked", b"Transfer-Encoding: gzip, chunked"),
    _coding("chunked, gzip", b"Transfer-Encoding: chunked, gzip"),
    _coding("chunked, chunked", b"Transfer-Encoding: chunked, chunked"),
    _coding("chunked twice", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    _coding("gzip, then chunked in a second field", b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"),
    _coding("identity", b"Transfer-Encoding: identity"),
    _coding("chunked, identity", b"Transfer-Encoding: chunked, identity"),
    _coding("xchunked", b"Transfer-Encoding: xchunked"),
    _coding("with a parameter", b"Transfer-Encoding: chunked;q=1"),
    _coding("in quotes", b'Transfer-Encoding: "chunked"'),
    _coding("empty", b"Transfer-Encoding:"),
    _coding("with an empty member", b"Transfer-Encoding: ,chunked"),
    _coding("after a vertical tab", b"Transfer-Encoding: \x0bchunked"),
    _coding("after a NUL", b"Transfer-Encoding: \0chunked"),
    _coding("on a folded line", b"Transfer-Encoding:\r\n chunked"),
    _coding("with a space before the colon", b"Transfer-Encoding : chunked"),
    _coding("with a long s in its name", "Tran\u017ffer-Encoding: chunked".encode()),
    _refused(
        "Transfer-Encoding in HTTP/1.0",
        get(b"Transfer-Encoding: chunked", method=b"POST", version=b"HTTP/1.0") + b"5\r\nhello\r\n0\r\n\r\n",
    ),
    RequestRow(
        name="Transfer_Encoding: chunked",
        sends=(post(b"", b"Transfer_Encoding: chunked"),),
        sees=(200,),
        reaches=(Reached(method=b"POST", fields={"transfer_encoding": (), "transfer-encoding": ()}),),
    ),
)

CHUNKS: Final = (
    _carried("chunk: several", chunks(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")),
    _carried("chunk: size with leading zeros", chunks(b"0000005\r\nhello\r\n000\r\n\r\n")),
    _carried(
        "chunk: size in both cases", chunks(b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), body=b"0123456789" * 2
    ),
    _carried("chunk: a short extension", chunks(b'5;name=value;other="x"\r\nhello\r\n0;last\r\n\r\n')),
    _carried(
        "chunk: cut into pieces anywhere",
        chunks(b""),
        *(b"%c" % byte for byte in b"5\r\nhello\r\n0\r\n\r\n"),
    ),
    _chunk("size beyond 64 bits", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    _chunk("size of 300 digits", b"0" * 300 + b"5g\r\nhello\r\n0\r\n\r\n"),
    _chunk("size 0x5", b"0x5\r\nhello\r\n0\r\n\r\n"),
    _chunk("size +5", b"+5\r\nhello\r\n0\r\n\r\n"),
    _chunk("size -5", b"-5\r\nhello\r\n0\r\n\r\n"),
    _chunk("size 5g", b"5g\r\nhello\r\n0\r\n\r\n"),
    _chunk("space before the size", b" 5\r\nhello\r\n0\r\n\r\n"),
    _chunk("space after the size", b"5 \r\nhello\r\n0\r\n\r\n"),
    _chunk("no size", b"\r\nhello\r\n0\r\n\r\n"),
    _chunk("bare LF after the size", b"5\nhello\r\n0\r\n\r\n"),
    _chunk("bare CR after the size", b"5\rhello\r\n0\r\n\r\n"),
    _chunk("bare LF after the data", b"5\r\nhello\n0\r\n\r\n"),
    _chunk("no CRLF after the data", b"5\r\nhello0\r\n\r\n"),
    _chunk("data longer than its size", b"3\r\nhello\r\n0\r\n\r\n"),
    _chunk("data shorter than its size", b"7\r\nhello\r\n0\r\n\r\n" + _HIDDEN),
    _chunk("bare LF in an extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    _chunk("NUL in an extension", b"5;a\0b\r\nhello\r\n0\r\n\r\n"),
    _chunk("bare LF at the end", b"5\r\nhello\r\n0\r\n\n"),
    _carried("chunk: an extension of 1 MiB", chunks(b"5;" + b"a" * 1048576 + b"\r\nhello\r\n0\r\n\r\n")),
    RequestRow(
        name="chunk: an extension that never ends",
        sends=(chunks(b"5;"), *((b"a" * 100,) * 250)),
        sees=(408,),
    ),
    RequestRow(
        name="chunk: no last chunk, then the end",
        sends=(chunks(b"5\r\nhello\r\n"),),
        then="half-close",
        sees=(),
    ),
    RequestRow(name="chunk: no last chunk, then a reset", sends=(chunks(b"5\r\nhello\r\n"),), then="abort", sees=()),
    RequestRow(name="chunk: no last chunk, then silence", sends=(chunks(b"5\r\nhello\r\n"),), sees=(408,)),
    RequestRow(
        name="chunk: last chunk without the final CRLF, then silence",
        sends=(chunks(b"5\r\nhello\r\n0\r\n"),),
        sees=(408,),
    ),
)

_TRAILED: Final = b"5\r\nhello\r\n0\r\n"

TRAILERS: Final = (
    RequestRow(
        name="trailers with the names of fields that we set",
        sends=(
            chunks(
                _TRAILED + b"Authorization: Bearer theirs\r\nX-Tenant-ID: 9\r\nX_Tenant_ID: 9\r\n\r\n",
                b"Trailer: Authorization",
            ),
        ),
        sees=(200,),
        reaches=(Reached(method=b"POST", body=b"hello", fields={"trailer": (), "x_tenant_id": ()}),),
    ),
    _refused("a trailer Content-Length", chunks(_TRAILED + b"Content-Length: 0\r\n\r\n")),
    RequestRow(
        name="a trailer Host",
        sends=(chunks(_TRAILED + b"Host: elsewhere\r\n\r\n"),),
        sees=(200,),
        reaches=(Reached(method=b"POST", body=b"hello"),),
    ),
    RequestRow(
        name="a harmless trailer",
        sends=(chunks(_TRAILED + b"X-Checksum: 1\r\n\r\n"),),
        sees=(200,),
        reaches=(Reached(method=b"POST", body=b"hello", fields={"x-checksum": ()}),),
    ),
    _refused("a trailer with a space before its colon", chunks(_TRAILED + b"X-A : 1\r\n\r\n")),
    _refused("a trailer of 1 MiB", chunks(_TRAILED + b"X-A: " + b"a" * 1048576 + b"\r\n\r\n"), status=431),
    _refused("10,000 trailers", chunks(_TRAILED + b"X-A: 1\r\n" * 10000 + b"\r\n"), status=431),
)

CONNECTIONS: Final = (
    RequestRow(
        name="pipelined requests are answered in order",
        sends=(
            get(target=b"/first") + post(b"hello", b"Content-Length: 5", target=b"/second") + get(target=b"/third"),
        ),
        sees=(200, 200, 200),
        reaches=(
            Reached(target=b"/first"),
            Reached(target=b"/second", method=b"POST", body=b"hello"),
            Reached(target=b"/third"),
        ),
    ),
    RequestRow(
        name="pipelined behind a chunked body",
        sends=(chunks(b"5\r\nhello\r\n0\r\n\r\n") + get(target=b"/second"),),
        sees=(200, 200),
        reaches=(_FIVE, Reached(target=b"/second")),
    ),
    RequestRow(
        name="garbage behind a good request",
        sends=(get(), b"\x16\x03\x01 garbage\r\n\r\n"),
        sees=(200, 400),
        reaches=(Reached(),),
        ends=True,
    ),
    _refused("garbage behind a good request, in one write", get() + b"\x16\x03\x01 garbage\r\n\r\n"),
    RequestRow(
        name="garbage behind a body of the announced length",
        sends=(post(b"hello", b"Content-Length: 5"), b"surplus\r\n\r\n"),
        sees=(200, 400),
        reaches=(_FIVE,),
        ends=True,
    ),
    _refused(
        "garbage behind a body of the announced length, in one write",
        post(b"hello surplus\r\n\r\n", b"Content-Length: 5"),
    ),
    RequestRow(
        name="a request pipelined behind one that is refused by a rule",
        sends=(get(b"Origin: http://evil.example") + get(target=b"/second"),),
        sees=(403, 200),
        reaches=(Reached(target=b"/second"),),
    ),
    RequestRow(
        name="a body behind a refusal is not taken for a request",
        sends=(post(_HIDDEN, b"Origin: http://evil.example", b"Content-Length: %d" % len(_HIDDEN)),),
        sees=(403,),
    ),
    RequestRow(
        name="Connection: close, then one more request",
        sends=(get(b"Connection: close"), get(target=b"/second")),
        sees=(200,),
        reaches=(Reached(fields={"connection": ()}),),
        ends=True,
    ),
    RequestRow(
        name="Proxy-Connection: close ends it too",
        sends=(get(b"Proxy-Connection: close"),),
        sees=(200,),
        reaches=(Reached(fields={"proxy-connection": ()}),),
        ends=True,
    ),
    _refused(
        "Connection: close and one more request, in one write", get(b"Connection: close") + get(target=b"/second")
    ),
    RequestRow(
        name="Connection: close, and a CRLF behind the body, as old programs send it",
        sends=(post(b"hello\r\n", b"Connection: close", b"Content-Length: 5"),),
        sees=(200,),
        reaches=(_FIVE,),
        ends=True,
    ),
    RequestRow(
        name="empty lines before the request line",
        sends=(b"\r\n\r\n" + get(),),
        sees=(200,),
        reaches=(Reached(),),
    ),
    RequestRow(
        name="HTTP/1.0 closes",
        sends=(get(version=b"HTTP/1.0"), get(target=b"/second")),
        sees=(200,),
        reaches=(Reached(),),
        ends=True,
    ),
    RequestRow(
        name="HTTP/1.0 with keep-alive",
        sends=(get(b"Connection: keep-alive", version=b"HTTP/1.0"), get(target=b"/second", version=b"HTTP/1.0")),
        sees=(200, 200),
        reaches=(Reached(fields={"connection": (), "keep-alive": ()}), Reached(target=b"/second")),
    ),
    RequestRow(name="nothing but a connection", sends=(b"",), then="half-close", sees=()),
    RequestRow(name="half a head, then the end", sends=(b"GET /row HTTP/1.1\r\n" + HOST,), then="half-close", sees=()),
    RequestRow(name="half a head, then a reset", sends=(b"GET /row HTTP/1.1\r\nHo",), then="abort", sees=()),
)
