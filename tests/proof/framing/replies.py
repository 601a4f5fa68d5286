"""Rows: what an upstream may answer, and what becomes of the connection that it answered on."""

from __future__ import annotations

from typing import Final

from rows import ReplyRow

_OK: Final = b"HTTP/1.1 200 OK\r\n"
_TWO: Final = _OK + b"Content-Length: 2\r\n\r\nok"
_CHUNKED: Final = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_FIVE: Final = b"Content-Length: 5\r\n\r\nhello"


def _bad(name: str, *sends: bytes, then: str = "finish", status: int = 502) -> ReplyRow:
    return ReplyRow(name=name, sends=sends, then=then, sees=status)


def _whole(name: str, *sends: bytes, status: int = 200, body: bytes = b"ok", again: bool = True) -> ReplyRow:
    return ReplyRow(name=name, sends=sends, sees=status, body=body, used_again=again)


def _cut(name: str, *sends: bytes, body: bytes = b"", then: str = "finish") -> ReplyRow:
    return ReplyRow(name=name, sends=sends, then=then, sees=0, body=body)


def _broken(name: str, chunk: bytes, body: bytes = b"ok") -> tuple[ReplyRow, ReplyRow]:
    """Return two rows: the broken chunk comes with what is before it, and it comes when that has been delivered."""
    begun = _CHUNKED + b"2\r\nok\r\n"
    return _bad(f"{name}, at once", begun + chunk), _cut(f"{name}, later", begun, chunk, body=body)


HEADS: Final = (
    _whole("a good reply", _TWO),
    _whole("a good reply byte by byte", *(b"%c" % byte for byte in _TWO[:30]), _TWO[30:]),
    _whole("a reason phrase that is empty", b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"),
    _whole("a status that nobody knows", b"HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nok", status=299),
    _bad("garbage", b"\x15\x03\x01 garbage\r\n\r\n"),
    _bad("a malformed status line", b"HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok"),
    _bad("a status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok"),
    _bad("a status of four digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok"),
    _bad("status 099", b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok"),
    _bad("version HTTP/2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    _bad("no version", b"200 OK\r\nContent-Length: 2\r\n\r\nok"),
    _whole("NUL in the reason phrase, which is dropped", b"HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok"),
    _bad("a field without a colon", _OK + b"X-A\r\nContent-Length: 2\r\n\r\nok"),
    _bad("a space before a colon", _OK + b"X-A : 1\r\nContent-Length: 2\r\n\r\nok"),
    ReplyRow(
        name="a folded field is put on one line",
        sends=(_OK + b"X-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nok",),
        sees=200,
        body=b"ok",
        used_again=True,
        fields={"x-a": (b"1 2",)},
    ),
    _bad("NUL in a field", _OK + b"X-A: 1\0002\r\nContent-Length: 2\r\n\r\nok"),
    _bad("bare CR in a field", _OK + b"X-A: 1\rSet-Cookie: x\r\nContent-Length: 2\r\n\r\nok"),
    ReplyRow(
        name="a line that ends with a bare LF",
        sends=(_OK + b"X-A: 1\nContent-Length: 2\r\n\r\nok",),
        sees=200,
        body=b"ok",
        used_again=True,
        fields={"x-a": (b"1",)},
    ),
    _bad("a field that is not UTF-8", _OK + b"X-A: caf\xe9\r\nContent-Length: 2\r\n\r\nok"),
    _bad("a name beyond ASCII", _OK + b"X-\xc3\xa9: 1\r\nContent-Length: 2\r\n\r\nok"),
    _bad("a field of 1 MiB", _OK + b"X-A: " + b"a" * 1048576 + b"\r\nContent-Length: 2\r\n\r\nok"),
    _bad("2,000 fields", _OK + b"X-A: 1\r\n" * 2000 + b"Content-Length: 2\r\n\r\nok"),
    _bad("an endless status line", b"HTTP/1.1 200 " + b"a" * 1048576),
    _bad("half a head, then the end", _OK + b"Content-Le"),
    _bad("half a head, then a reset", _OK + b"Content-Le", then="reset"),
    _bad("half a status line, then the end", b"HTTP/1.1 2"),
)

FRAMING: Final = (
    _bad(
        "Content-Length and Transfer-Encoding",
        _OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ),
    _bad("two Content-Length that differ", _OK + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\nhello"),
    _bad("two Content-Length that agree", _OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"),
    _bad("Content-Length as a list", _OK + b"Content-Length: 2, 2\r\n\r\nok"),
    _bad("Content-Length +2", _OK + b"Content-Length: +2\r\n\r\nok"),
    _bad("Content-Length -2", _OK + b"Content-Length: -2\r\n\r\nok"),
    _bad("Content-Length 0x2", _OK + b"Content-Length: 0x2\r\n\r\nok"),
    _bad("Content-Length beyond 64 bits", _OK + b"Content-Length: 18446744073709551618\r\n\r\nok"),
    _bad("Content-Length empty", _OK + b"Content-Length:\r\n\r\nok"),
    _bad("Transfer-Encoding gzip, chunked", _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    _bad("Transfer-Encoding gzip", _OK + b"Transfer-Encoding: gzip\r\n\r\nok"),
    _bad(
        "Transfer-Encoding chunked, chunked", _OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    ),
    _bad(
        "Transfer-Encoding twice",
        _OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ),
    _bad("Transfer-Encoding chunked, identity", _OK + b"Transfer-Encoding: chunked, identity\r\n\r\nok"),
    _bad("Transfer-Encoding in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    _whole("chunked", _CHUNKED + b"2\r\nok\r\n0\r\n\r\n"),
    _whole("chunked, with an extension", _CHUNKED + b'2;a="b"\r\nok\r\n0\r\n\r\n'),
    _whole("chunked, byte by byte", _CHUNKED, *(b"%c" % byte for byte in b"2\r\nok\r\n0\r\n\r\n")),
    ReplyRow(
        name="chunked, with trailers",
        sends=(_OK + b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",),
        sees=200,
        body=b"ok",
        used_again=True,
        fields={"trailer": (), "x-sum": ()},
    ),
    *_broken("a bad chunk size", b"zz\r\n"),
    *_broken("a chunk size beyond 64 bits", b"10000000000000002\r\nok\r\n0\r\n\r\n"),
    *_broken("a chunk longer than it says", b"1\r\nok\r\n0\r\n\r\n", body=b"oko"),
    *_broken("a chunk size with a sign", b"+2\r\nok\r\n0\r\n\r\n"),
    _cut("an endless chunk extension", _CHUNKED + b"2\r\nok\r\n", b"2;" + b"a" * 1048576, body=b"ok"),
    _cut("chunked, cut inside a chunk", _CHUNKED + b"2\r\nok\r\n5\r\nhel", body=b"okhel"),
    _cut("chunked, no last chunk", _CHUNKED + b"2\r\nok\r\n", body=b"ok"),
    _cut("chunked, no last chunk, then a reset", _CHUNKED + b"2\r\nok\r\n", body=b"ok", then="reset"),
    _cut("chunked, silence in the middle", _CHUNKED + b"2\r\nok\r\n", body=b"ok", then="silence"),
    _cut("shorter than its Content-Length", _OK + b"Content-Length: 5\r\n\r\nok", body=b"ok"),
    _cut(
        "shorter than its Content-Length, then a reset", _OK + b"Content-Length: 5\r\n\r\nok", body=b"ok", then="reset"
    ),
    _cut(
        "shorter than its Content-Length, then silence",
        _OK + b"Content-Length: 5\r\n\r\nok",
        body=b"ok",
        then="silence",
    ),
    ReplyRow(name="delimited by the close", sends=(_OK + b"\r\nok",), then="finish", sees=200, body=b"ok"),
    ReplyRow(name="delimited by the close, and empty", sends=(_OK + b"\r\n",), then="finish", sees=200),
    ReplyRow(
        name="delimited by the close, to an HTTP/1.0 caller",
        sends=(_OK + b"\r\nok",),
        then="finish",
        sees=200,
        body=b"ok",
        version=b"HTTP/1.0",
    ),
    _cut("delimited by the close, but TLS is cut", _OK + b"\r\nok", body=b"ok", then="cut"),
    _cut("delimited by the close, but reset", _OK + b"\r\nok", body=b"ok", then="reset"),
    ReplyRow(
        name="chunked, to an HTTP/1.0 caller",
        sends=(_CHUNKED + b"2\r\nok\r\n0\r\n\r\n",),
        sees=200,
        body=b"ok",
        version=b"HTTP/1.0",
        used_again=True,
        fields={"transfer-encoding": ()},
    ),
    ReplyRow(
        name="HTTP/1.0 with a length",
        sends=(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",),
        then="finish",
        sees=200,
        body=b"ok",
    ),
    ReplyRow(
        name="HTTP/1.0 with keep-alive",
        sends=(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",),
        sees=200,
        body=b"ok",
        used_again=True,
    ),
    ReplyRow(
        name="HTTP/1.0 delimited by the close",
        sends=(b"HTTP/1.0 200 OK\r\n\r\nok",),
        then="finish",
        sees=200,
        body=b"ok",
    ),
    ReplyRow(name="Connection: close", sends=(_OK + b"Connection: close\r\n" + _FIVE,), sees=200, body=b"hello"),
)

BODILESS: Final = (
    ReplyRow(name="204", sends=(b"HTTP/1.1 204 No Content\r\n\r\n",), sees=204, used_again=True),
    _bad("204 with a body", b"HTTP/1.1 204 No Content\r\n" + _FIVE),
    ReplyRow(
        name="204 with a body that comes later",
        sends=(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b"hello"),
        sees=204,
    ),
    _bad(
        "204 with a chunked body", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    ),
    ReplyRow(
        name="304 with a length, which is dropped",
        sends=(b'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "x"\r\n\r\n',),
        sees=304,
        used_again=True,
        fields={"content-length": (), "etag": (b'"x"',)},
    ),
    _bad("304 with a body", b"HTTP/1.1 304 Not Modified\r\n" + _FIVE),
    ReplyRow(
        name="HEAD with a length",
        method=b"HEAD",
        sends=(_OK + b"Content-Length: 5\r\n\r\n",),
        sees=200,
        used_again=True,
        fields={"content-length": (b"5",)},
    ),
    ReplyRow(
        name="HEAD with chunked and no length",
        method=b"HEAD",
        sends=(_CHUNKED,),
        sees=200,
        used_again=True,
    ),
    ReplyRow(name="HEAD with a body", method=b"HEAD", sends=(_OK + _FIVE,), sees=502),
    ReplyRow(
        name="HEAD with a body that comes later",
        method=b"HEAD",
        sends=(_OK + b"Content-Length: 5\r\n\r\n", b"hello"),
        sees=200,
    ),
)

SURPLUS: Final = (
    _bad("surplus bytes with the reply", _TWO + b"surplus"),
    _whole("surplus bytes after the reply", _TWO, b"surplus", again=False),
    _whole("a CRLF with the reply, which means nothing", _TWO + b"\r\n"),
    _whole("a CRLF after the reply", _TWO, b"\r\n", again=False),
    _whole("a second reply with the first", _TWO + _OK + b"Content-Length: 3\r\n\r\nbad", again=False),
    _whole("a second reply later", _TWO, _OK + b"Content-Length: 3\r\n\r\nbad", again=False),
    _whole("surplus behind a chunked reply", _CHUNKED + b"2\r\nok\r\n0\r\n\r\n" + _TWO, again=False),
)

INTERIM: Final = (
    _whole("103 before the reply", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + _TWO),
    _whole("100 that nobody asked for", b"HTTP/1.1 100 Continue\r\n\r\n" + _TWO),
    _whole("102, and the reply later", b"HTTP/1.1 102 Processing\r\n\r\n", _TWO),
    _bad("101 that nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
    _bad("1xx without end", b"HTTP/1.1 102 Processing\r\n\r\n" * 200000),
)

_UPLOAD: Final = b"Content-Length: 1000000\r\n\r\n" + b"u" * 100000  # the rest never comes

TIMING: Final = (
    ReplyRow(
        name="a reply before the request body is whole",
        method=b"POST",
        request=_UPLOAD,
        sends=(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno",),
        early=True,
        sendings=0,
        sees=413,
        body=b"no",
    ),
    ReplyRow(
        name="a reply before the request body is whole, from one that then closes",
        method=b"POST",
        request=_UPLOAD,
        sends=(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",),
        early=True,
        sendings=0,
        then="linger",
        sees=413,
        body=b"no",
    ),
    ReplyRow(name="no reply, but the end", sends=(b"",), then="finish", sees=502, sendings=2),
    ReplyRow(
        name="no reply to a POST, but the end",
        sends=(b"",),
        then="finish",
        sees=502,
        method=b"POST",
        request=b"Content-Length: 2\r\n\r\nhi",
    ),
    ReplyRow(
        name="no reply to a PUT, but a reset",
        sends=(b"",),
        then="reset",
        sees=502,
        method=b"PUT",
        request=b"Content-Length: 2\r\n\r\nhi",
    ),
    ReplyRow(name="no reply at all", sends=(b"",), then="silence", sees=504),
)

CONNECTION: Final = (
    ReplyRow(
        name="connection-specific fields",
        sends=(
            _OK
            + b"Connection: X-A\r\nX-A: 1\r\nKeep-Alive: timeout=5\r\n"
            + b"Proxy-Authenticate: Basic\r\nUpgrade: h2\r\nX-B: 2\r\n"
            + _FIVE,
        ),
        sees=200,
        body=b"hello",
        used_again=True,
        fields={"x-a": (), "keep-alive": (), "proxy-authenticate": (), "upgrade": (), "x-b": (b"2",)},
    ),
    ReplyRow(
        name="Connection names Content-Length",
        sends=(_OK + b"Connection: Content-Length\r\n" + _FIVE,),
        sees=200,
        body=b"hello",
        used_again=True,
        fields={"content-length": (b"5",)},
    ),
    ReplyRow(
        name="nothing is added, nothing is changed",
        sends=(_OK + b'etag: W/"x"\r\nSet-Cookie: a\r\nset-cookie: b\r\nContent-Encoding: gzip\r\n' + _FIVE,),
        sees=200,
        body=b"hello",
        used_again=True,
        fields={
            "date": (),
            "server": (),
            "content-type": (),
            "etag": (b'W/"x"',),
            "set-cookie": (b"a", b"b"),
            "content-encoding": (b"gzip",),
        },
    ),
)
