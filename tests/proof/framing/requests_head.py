"""Rows: what a caller's request line and fields mean, to us and to whoever reads them after us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rows import END, HOST, NOTHING, Reached, RequestRow, chunks, get, post

if TYPE_CHECKING:
    from collections.abc import Mapping


def _refused(name: str, *sends: bytes, status: int = 400, ends: bool = False) -> RequestRow:
    return RequestRow(name=name, sends=sends, sees=(status,), ends=ends)


def _target(name: str, target: bytes) -> RequestRow:
    return _refused(f"target: {name}", get(target=target))


def _passes(name: str, target: bytes) -> RequestRow:
    return RequestRow(
        name=f"target: {name}", sends=(get(target=target),), sees=(200,), reaches=(Reached(target=target),)
    )


def _line(name: str, line: bytes, *, status: int = 400) -> RequestRow:
    return _refused(f"request line: {name}", line + HOST + END, status=status)


def _field(name: str, *lines: bytes, status: int = 400) -> RequestRow:
    return _refused(f"field: {name}", get(*lines), status=status)


def _host(name: str, *lines: bytes, status: int = 400) -> RequestRow:
    head = b"GET /row HTTP/1.1\r\n" + b"".join(line + b"\r\n" for line in lines)
    return _refused(f"Host: {name}", head + END, status=status)


def _meets(name: str, sent: tuple[bytes, ...], fields: Mapping[str, tuple[bytes, ...]] = NOTHING) -> RequestRow:
    return RequestRow(name=f"field: {name}", sends=(get(*sent),), sees=(200,), reaches=(Reached(fields=fields),))


TARGETS: Final = (
    _passes("a query, and odd but legal characters", b"/row;p=1/a:b@c!$&'()*+,=~?q=/?&x=%20%ff"),
    _passes("an empty query", b"/row?"),
    _passes("double slashes", b"//row//x"),
    _passes("dots that are no dot segment", b"/row/..x/.../x.."),
    _passes("encoded slash", b"/row%2fx%2Fy"),
    _passes("lower and upper case escapes", b"/row/%c3%A9"),
    _passes("a broken escape", b"/row/%zz%"),
    _passes("quotes, brackets, pipe and caret", b'/row/"<>[]^`{|}'),
    _passes("a dot segment in the query", b"/row?path=/../x"),
    _target("absolute-form", b"http://localhost/row"),
    _target("absolute-form of another host", b"https://elsewhere.example/row"),
    _target("authority-form", b"localhost:443"),
    _target("asterisk-form", b"*"),
    _target("no slash at the beginning", b"row"),
    _target("a fragment", b"/row#part"),
    _target("encoded NUL", b"/row%00"),
    _target("encoded NUL in the query", b"/row?x=%00"),
    _target("NUL", b"/row\0x"),
    _target("dot segment", b"/a/../row"),
    _target("single dot segment", b"/./row"),
    _target("dot segment at the end", b"/row/.."),
    _target("encoded dot segment", b"/a/%2e%2e/row"),
    _target("half encoded dot segment", b"/a/.%2E/row"),
    _target("dot segment behind an encoded slash", b"/a/..%2frow"),
    _target("dot segment with a parameter", b"/a/..;x/row"),
    _target("backslash", b"/a\\row"),
    _target("encoded backslash before a dot segment", b"/a%5c..%5crow"),
    _target("bytes beyond ASCII", b"/row/\xc3\xa9"),
    _target("DEL", b"/row\x7f"),
    _target("tab", b"/row\tx"),
    _refused("target: longer than we read", get(target=b"/" + b"a" * 20000), status=414),
    _refused("target: 1 MiB", get(target=b"/" + b"a" * 1048576), status=414),
)

LINES: Final = (
    _line("a tab", b"GET\t/row HTTP/1.1\r\n"),
    _line("a space at the beginning", b" GET /row HTTP/1.1\r\n"),
    _line("a space in the target", b"GET /row x HTTP/1.1\r\n"),
    _line("a space at the end", b"GET /row HTTP/1.1 \r\n"),
    _line("no target", b"GET HTTP/1.1\r\n"),
    _line("no version", b"GET /row\r\n"),
    _line("HTTP/1.2", b"GET /row HTTP/1.2\r\n"),
    _line("HTTP/2.0", b"GET /row HTTP/2.0\r\n"),
    _line("HTTP/01.1", b"GET /row HTTP/01.1\r\n"),
    _line("http/1.1", b"GET /row http/1.1\r\n"),
    _line("HTTPS/1.1", b"GET /row HTTPS/1.1\r\n"),
    _line("bare LF at the end", b"GET /row HTTP/1.1\n"),
    _line("bare CR at the end", b"GET /row HTTP/1.1\r"),
    _refused("request line: HTTP/0.9", b"GET /row\r\n\r\n"),
    RequestRow(
        name="request line: two spaces",
        sends=(b"GET  /row HTTP/1.1\r\n" + HOST + END,),
        sees=(200,),
        reaches=(Reached(),),
    ),
    RequestRow(
        name="request line: RTSP/1.0, of which the parser knows the methods",
        sends=(b"DESCRIBE /row RTSP/1.0\r\n" + HOST + END,),
        sees=(200,),
        reaches=(Reached(method=b"DESCRIBE"),),
    ),
    _refused("request line: HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"),
    _refused("request line: TLS to the plain port", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"r" * 32),
    _refused("request line: a reply", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
)


def _method(method: bytes, status: int) -> RequestRow:
    return RequestRow(name=f"method: {method.decode()}", sends=(get(method=method),), sees=(status,), method=method)


def _method_passes(method: bytes, *lines: bytes) -> RequestRow:
    return RequestRow(
        name=f"method: {method.decode()}",
        sends=(get(*lines, method=method),),
        sees=(200,),
        reaches=(Reached(method=method),),
        method=method,
    )


METHODS: Final = (
    *(_method_passes(method) for method in (b"HEAD", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")),
    _method(b"get", 400),
    _method(b"Get", 400),
    _method(b"FROB", 400),
    _method(b"G@T", 400),
    _method(b"TRACE", 403),
    _refused("method: TRACE by X-HTTP-Method-Override", get(b"X-HTTP-Method-Override: trace"), status=403),
    _refused("method: CONNECT", b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n"),
    _refused("method: CONNECT of a path", get(method=b"CONNECT")),
    _refused(
        "method: CONNECT with a request behind it",
        b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n" + get(target=b"/hidden"),
        ends=True,
    ),
)

HOSTS: Final = (
    _host("none"),
    _host("two that agree", b"Host: localhost", b"Host: localhost"),
    _host("two that differ", b"Host: localhost", b"Host: elsewhere.example"),
    _host("a list", b"Host: localhost, elsewhere.example"),
    _host("empty", b"Host:"),
    _host("with a path", b"Host: localhost/row"),
    _host("with a user", b"Host: user@localhost"),
    _host("with a port that is none", b"Host: localhost:80x"),
    _host("on a folded line", b"Host:\r\n localhost"),
    _host("with a space before the colon", b"Host : localhost"),
    _host("another one (DNS rebinding)", b"Host: elsewhere.example", status=403),
    _host("none, in HTTP/1.1 with an absolute-form target", b"X: y"),
    RequestRow(
        name="Host: LOCALHOST. with a port",
        sends=(b"GET /row HTTP/1.1\r\nHost: LOCALHOST.:1\r\n\r\n",),
        sees=(200,),
        reaches=(Reached(),),
    ),
)

FIELDS: Final = (
    _field("folded line", b"X-A: 1\r\n 2"),
    _field("folded line with a tab", b"X-A: 1\r\n\t2"),
    _refused("field: folded line first", b"GET /row HTTP/1.1\r\n X-A: 1\r\n" + HOST + END),
    _field("space before the colon", b"X-A : 1"),
    _field("tab before the colon", b"X-A\t: 1"),
    _field("space in the name", b"X A: 1"),
    _field("no name", b": 1"),
    _field("no colon", b"X-A"),
    _field("name beyond ASCII", b"X-\xc3\xa9: 1"),
    _field("NUL in the name", b"X\0A: 1"),
    _field("slash in the name", b"X/A: 1"),
    _field("bare LF in the value", b"X-A: 1\nX-B: 2"),
    _field("bare CR in the value", b"X-A: 1\rX-B: 2"),
    _field("NUL in the value", b"X-A: 1\0002"),
    _field("control character in the value", b"X-A: 1\x082"),
    _field("DEL in the value", b"X-A: 1\x7f2"),
    _field("value that is not UTF-8", b"X-A: caf\xe9"),
    _field("a single one twice", b"Content-Type: text/plain", b"content-type: text/html"),
    _refused("field: bare LF ends the head", b"GET /row HTTP/1.1\nHost: localhost\n\n"),
    _refused("field: bare LF ends the last line", b"GET /row HTTP/1.1\r\n" + HOST + b"\n"),
    _field("longer than we read", b"X-A: " + b"a" * 40000, status=431),
    _field("1 MiB", b"X-A: " + b"a" * 1048576, status=431),
    _field("long name", b"X" * 40000 + b": 1", status=431),
    _field("too many", *(b"X-%d: 1" % number for number in range(300)), status=431),
    _field("all together too large", *(b"X-%d: %s" % (number, b"a" * 16000) for number in range(200)), status=431),
    _meets("empty value, and one of spaces", (b"X-A:", b"X-B: \t "), {"x-a": (b"",), "x-b": (b"",)}),
    _meets("value in UTF-8", ("X-A: café".encode(),), {"x-a": ("café".encode(),)}),
    _meets("duplicates keep their order", (b"X-A: 2", b"X-B: 1", b"x-a: 1"), {"x-a": (b"2", b"1")}),
    _meets("name of odd but legal characters", (b"!#$%&'*+.^`|~9: 1",), {"!#$%&'*+.^`|~9": (b"1",)}),
    _meets("list with empty members", (b"Accept: ,a,, b ,",), {"accept": (b",a,, b ,",)}),
)

_ONE_HOP: Final = (b"Keep-Alive", b"Proxy-Connection", b"TE", b"Trailer", b"HTTP2-Settings", b"Proxy-Authorization")

CREDENTIALS: Final = (
    _meets("the caller's Authorization", (b"Authorization: Bearer theirs", b"authorization: Basic x")),
    _meets("the caller's X-Tenant-ID", (b"x-tenant-id: 9", b"X-TENANT-ID: 8")),
    _meets(
        "twins of X-Tenant-ID",
        (b"X_Tenant_ID: 9", b"X_Tenant-ID: 9", b"X.Tenant.ID: 9"),
        {"x_tenant_id": (), "x_tenant-id": (), "x.tenant.id": ()},
    ),
    _meets("twin of Content-Type", (b"Content_Type: text/plain",), {"content_type": ()}),
    _meets("Connection names what we set", (b"Connection: X-Tenant-ID, Authorization, Content-Type",)),
    _meets(
        "Connection names one of the caller's",
        (b"Connection: keep-alive, X-A", b"X-A: 1", b"X-B: 2"),
        {"x-a": (), "x-b": (b"2",), "connection": ()},
    ),
    _meets(
        "two Connection fields",
        (b"Connection: X-A", b"connection: keep-alive, x-b", b"X-A: 1", b"X-B: 2"),
        {"x-a": (), "x-b": ()},
    ),
    RequestRow(
        name="field: Connection names Content-Length",
        sends=(post(b"hello", b"Connection: Content-Length", b"Content-Length: 5"),),
        sees=(200,),
        reaches=(Reached(method=b"POST", body=b"hello"),),
    ),
    _meets(
        "connection-specific ones",
        tuple(name + b": x" for name in _ONE_HOP),
        {name.decode().lower(): () for name in _ONE_HOP},
    ),
    _meets(
        "X-Sidecar-Key and its twin",
        (b"X-Sidecar-Key: theirs", b"X_Sidecar_Key: theirs"),
        {"x-sidecar-key": (), "x_sidecar_key": ()},
    ),
)

EXPECT: Final = (
    RequestRow(
        name="Expect: 100-continue, body at once",
        sends=(post(b"hello", b"Content-Length: 5", b"Expect: 100-continue"),),
        sees=(200,),
        interim=(100,),
        reaches=(Reached(method=b"POST", body=b"hello", fields={"expect": ()}),),
    ),
    RequestRow(
        name="Expect: 100-Continue in HTTP/1.1, body later",
        sends=(post(b"", b"Content-Length: 5", b"Expect: 100-Continue"), b"hello"),
        sees=(200,),
        interim=(100,),
        reaches=(Reached(method=b"POST", body=b"hello", fields={"expect": ()}),),
    ),
    RequestRow(
        name="Expect: 100-continue without a body",
        sends=(get(b"Expect: 100-continue"),),
        sees=(200,),
        reaches=(Reached(fields={"expect": ()}),),
    ),
    RequestRow(
        name="Expect: 100-continue on what is refused",
        sends=(post(b"", b"Content-Length: 5", b"Expect: 100-continue", b"Origin: http://evil.example"),),
        sees=(403,),
    ),
    RequestRow(
        name="Expect: something else",
        sends=(post(b"hello", b"Content-Length: 5", b"Expect: 200-ok"),),
        sees=(200,),
        reaches=(Reached(method=b"POST", body=b"hello", fields={"expect": ()}),),
    ),
)

UPGRADES: Final = (
    RequestRow(
        name="Upgrade: websocket",
        sends=(get(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"),),
        sees=(200,),
        reaches=(Reached(fields={"upgrade": (), "connection": ()}),),
    ),
    RequestRow(
        name="Upgrade: h2c",
        sends=(get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),),
        sees=(200,),
        reaches=(Reached(fields={"upgrade": (), "connection": (), "http2-settings": ()}),),
    ),
    RequestRow(
        name="Upgrade: websocket with a body",
        sends=(post(b"hello", b"Connection: Upgrade", b"Upgrade: websocket", b"Content-Length: 5"),),
        sees=(200,),
        reaches=(Reached(method=b"POST", body=b"hello", fields={"upgrade": ()}),),
    ),
    RequestRow(
        name="Upgrade: websocket with a chunked body",
        sends=(chunks(b"5\r\nhello\r\n0\r\n\r\n", b"Connection: Upgrade", b"Upgrade: websocket"),),
        sees=(200,),
        reaches=(Reached(method=b"POST", body=b"hello", fields={"upgrade": ()}),),
    ),
    RequestRow(
        name="Upgrade: websocket, then one more request",
        sends=(get(b"Connection: Upgrade", b"Upgrade: websocket"), get(target=b"/second")),
        sees=(200, 200),
        reaches=(Reached(fields={"upgrade": ()}), Reached(target=b"/second")),
    ),
    RequestRow(
        name="Upgrade: websocket, a request pipelined behind it",
        sends=(get(b"Connection: Upgrade", b"Upgrade: websocket") + get(target=b"/second"),),
        sees=(200, 200),
        reaches=(Reached(fields={"upgrade": ()}), Reached(target=b"/second")),
    ),
)
