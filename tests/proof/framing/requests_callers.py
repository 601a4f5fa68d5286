"""What a caller sends that it may not, or more of it than there is room for."""

from __future__ import annotations

from typing import Final

from rows import HOST, Reached, RequestRow, get, post

LISTENS: Final = {
    "": "head_timeout = 1.0\nmax_connections = 40\nmax_requests = 8",
    "narrow": 'allow = ["GET /row/**"]',
}
"""Lines of [listen] of the sidecars on which rows are played: bounds that a row can reach, and rules."""

_LOGIN: Final = b"/api/v2/auth/token"
_HALF: Final = post(b"", b"Content-Length: 5")


def _forbidden(name: str, sent: bytes) -> RequestRow:
    return RequestRow(name=name, sends=(sent,), sees=(403,))


STRANGERS: Final = (
    _forbidden("a page of another origin", get(b"Origin: http://evil.example")),
    _forbidden("a page without an origin", get(b"Origin: null")),
    _forbidden("an image in a page of another site", get(b"Sec-Fetch-Site: cross-site")),
    _forbidden("an image in a page on another local port", get(b"Sec-Fetch-Site: same-site")),
    RequestRow(
        name="an address that was typed into a browser",
        sends=(get(b"Sec-Fetch-Site: none"),),
        sees=(200,),
        reaches=(Reached(),),
    ),
    _forbidden(
        "a preflight",
        get(b"Origin: http://evil.example", b"Access-Control-Request-Method: POST", method=b"OPTIONS"),
    ),
    _forbidden(
        "a preflight of a private network",
        get(
            b"Origin: http://evil.example",
            b"Access-Control-Request-Method: GET",
            b"Access-Control-Request-Private-Network: true",
            method=b"OPTIONS",
        ),
    ),
    _forbidden("the login path", post(b"{}", b"Content-Length: 2", target=_LOGIN)),
    _forbidden("the login path, encoded", post(b"{}", b"Content-Length: 2", target=b"/api/v2/%61uth/token")),
    _forbidden("the login path, with a slash behind it", post(b"{}", b"Content-Length: 2", target=_LOGIN + b"/")),
    _forbidden("the login path, with a parameter", post(b"{}", b"Content-Length: 2", target=_LOGIN + b";a=b")),
    _forbidden("the refresh path", post(b"{}", b"Content-Length: 2", target=_LOGIN + b"/refresh")),
    _forbidden("the logout path", post(b"{}", b"Content-Length: 2", target=b"/api/v2/auth/logout")),
    *(
        RequestRow(name=name, sends=(sent,), sees=(403,), under="narrow")
        for name, sent in {
            "a path that no rule of listen.allow names": get(target=b"/other"),
            "a method that no rule of listen.allow names": get(target=b"/row/a", method=b"DELETE"),
            "another method by X-HTTP-Method-Override": get(b"X-HTTP-Method-Override: PUT", target=b"/row/a"),
            "an encoded slash under a narrower rule": get(target=b"/row/a%2Fb"),
        }.items()
    ),
    RequestRow(
        name="what a rule of listen.allow names",
        sends=(get(target=b"/row/a"),),
        sees=(200,),
        reaches=(Reached(target=b"/row/a"),),
        under="narrow",
    ),
)

BOUNDS: Final = (
    RequestRow(name="a head that does not end", sends=(b"GET /row HTTP/1.1\r\n" + HOST,), sees=(408,), ends=True),
    RequestRow(name="a request line that does not end", sends=(b"GET /r",), sees=(408,), ends=True),
    RequestRow(
        name="a head that comes line by line, and does not end",
        sends=(b"GET /row HTTP/1.1\r\n", HOST, b"X-A: b\r\n"),
        sees=(408,),
        ends=True,
    ),
    RequestRow(name="a body that does not come", sends=(_HALF,), sees=(408,)),
    RequestRow(
        name="fields that are small each and too large together",
        sends=(b"GET /row HTTP/1.1\r\n" + HOST, *[b"X-A: %s\r\n" % (b"a" * 30_000)] * 6),
        sees=(431,),
        ends=True,
    ),
    RequestRow(
        name="one connection more than listen.max_connections",
        beside=(b"",) * 40,
        sends=(get(),),
        sees=(503,),
        ends=True,
    ),
    RequestRow(
        name="one request more than listen.max_requests",
        beside=(_HALF,) * 8,
        sends=(get(),),
        sees=(429,),
    ),
)
