"""Requests and replies as hypothesis makes them: legal ones as a rule, with the odd bytes that are legal too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st
from steps import Answer, Step, Talk

if TYPE_CHECKING:
    from steps import Lines

STEPS_PER_TALK: Final = 10

# Those that an unforeseen name must not be: they frame, or they are the fields by which the proofs find their way.
_RESERVED: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect", b"x-case", b"upgrade"})

_TOKEN: Final = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_METHODS: Final = st.sampled_from(
    [b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"HEAD"] * 8
    + [b"PROPFIND", b"REPORT", b"SEARCH", b"PURGE", b"LINK", b"get", b"FROB", b"TRACE"]
)
_KNOWN: Final = st.sampled_from(
    [
        *(
            b"Accept",
            b"Accept-Encoding",
            b"Accept-Language",
            b"Cookie",
            b"Range",
            b"If-None-Match",
            b"If-Modified-Since",
        ),
        *(b"Content-Type", b"Content-Encoding", b"User-Agent", b"X-Forwarded-For", b"X-Request-ID", b"Idempotency-Key"),
        *(b"X-Tenant-ID", b"Authorization", b"X_Tenant_ID", b"Connection", b"Keep-Alive", b"TE", b"Trailer"),
        *(b"Proxy-Authorization", b"Proxy-Connection", b"Cache-Control", b"Forwarded", b"Via", b"Referer", b"etag"),
        *(b"If-Match", b"If-Unmodified-Since", b"X-HTTP-Method-Override", b"Idempotency-Key", b"Prefer", b"Accept"),
    ]
)


# Parts of a target that one of the two refuses.
_DOUBTFUL: Final = (b"%zz", b"/../", b"/%2e/", b"\\", b"#f", b"%00")


def _names() -> st.SearchStrategy[bytes]:
    odd = st.text(_TOKEN, min_size=1, max_size=12).map(str.encode)
    known = st.integers(0, 49).flatmap(lambda dice: _KNOWN if dice else st.sampled_from([b"Origin", b"Sec-Fetch-Site"]))
    return st.one_of(known, known.map(bytes.lower), odd.filter(lambda name: name.lower() not in _RESERVED))


def _values() -> st.SearchStrategy[bytes]:
    text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_categories=["Cc"]), max_size=24)
    legal = text.map(lambda value: value.strip().encode())
    rare = st.binary(min_size=1, max_size=6).filter(lambda raw: not any(byte <= 0x20 or byte == 0x7F for byte in raw))
    listed = st.sampled_from([b"a, b", b", ,", b'W/"x"', b'"q"', b"close", b"keep-alive, X-A", b"none", b"trailers"])
    return st.integers(0, 59).flatmap(lambda dice: rare if dice == 0 else listed if dice < 12 else legal)


def _lines() -> st.SearchStrategy[Lines]:
    padding = st.sampled_from([b"", b" ", b" ", b" ", b"\t ", b"   "])
    value = st.tuples(padding, _values(), st.sampled_from([b"", b"", b"", b" \t"])).map(b"".join)
    return st.lists(st.tuples(_names(), value), max_size=8).map(tuple)


def _targets() -> st.SearchStrategy[bytes]:
    escape = st.integers(1, 255).map(lambda code: f"%{code:02x}".encode())
    plain = st.text("abcXYZ019-._~!$&'()*+,;=:@", max_size=8).map(str.encode)
    odd = st.sampled_from([b'"', b"<>", b"[]", b"^", b"`", b"{|}"] * 4 + list(_DOUBTFUL))
    segment = st.lists(st.one_of(plain, plain, plain, plain, escape, odd), max_size=3).map(b"".join)
    path = st.lists(segment, min_size=1, max_size=4).map(lambda parts: b"/" + b"/".join(parts))
    query = st.lists(st.one_of(plain, escape, st.sampled_from([b"?", b"/", b"&", b"=", b"/../"])), max_size=4)
    return st.tuples(path, st.one_of(st.just(b""), query.map(lambda parts: b"?" + b"".join(parts)))).map(b"".join)


def _bodies() -> st.SearchStrategy[bytes]:
    long = st.tuples(st.binary(min_size=1, max_size=7), st.integers(1, 30000)).map(lambda made: made[0] * made[1])
    return st.one_of(st.just(b""), st.binary(max_size=200), st.binary(max_size=200), long)


_FRACTIONS: Final = st.floats(0.0, 1.0, exclude_max=True, allow_nan=False)

_REPLY_NAMES: Final = st.sampled_from(
    [
        *(b"Content-Type", b"ETag", b"etag", b"Last-Modified", b"Location", b"Set-Cookie", b"Cache-Control", b"Vary"),
        *(b"Content-Encoding", b"Content-Language", b"Retry-After", b"WWW-Authenticate", b"X-Request-ID", b"Date"),
        *(b"Server", b"Link", b"Warning", b"Access-Control-Allow-Origin", b"X-A", b"x-a", b"Via", b"Age"),
    ]
)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Make a reply; 401 is left out, since what the sidecar does with it is what it is for."""
    status = draw(
        st.sampled_from([200] * 6 + [201, 202, 204, 206, 301, 304, 400, 403, 404, 409, 418, 422, 429, 500, 503])
    )
    fields = draw(st.lists(st.tuples(_REPLY_NAMES, _values()), max_size=6).map(tuple))
    return Answer(
        status=status,
        reason=draw(st.sampled_from([b"OK", b"Odd Reason", b""])),
        fields=tuple((name, value) for name, value in fields if _is_utf8(value)),
        body=draw(_bodies()),
        framing=draw(st.sampled_from(["length", "length", "chunked", "chunked", "close"])),
    )


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Make a request and its reply."""
    body = draw(_bodies())
    return Step(
        method=draw(_METHODS),
        target=draw(_targets()),
        host=draw(
            st.sampled_from([b"localhost"] * 30 + [b"LOCALHOST:1", b"127.0.0.1", b"[::1]:8080", b"elsewhere.example"])
        ),
        fields=draw(_lines()),
        body=body,
        chunks=draw(st.one_of(st.just(()), st.lists(st.integers(1, 40000), min_size=1, max_size=4).map(tuple)))
        if body
        else (),
        splits=tuple(draw(st.lists(_FRACTIONS, max_size=3))),
        answer=draw(answers()),
    )


@st.composite
def talks(draw: st.DrawFn) -> Talk:
    """Make what one caller does on one connection."""
    return Talk(
        steps=tuple(draw(st.lists(steps(), min_size=STEPS_PER_TALK, max_size=STEPS_PER_TALK))),
        pipelined=draw(st.sampled_from([False, False, False, True])),
        abort=draw(st.one_of(st.none(), _FRACTIONS)),
        by_reset=draw(st.booleans()),
    )


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
