"""Where the sidecar may differ from nginx, and why. A difference that is not here is a fault.

Each has an example by which the tests see that it still is one: an entry without effect is a fault too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from steps import Answer, Step

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Requests that one of the two refuses with one of these statuses; nothing of them arrives from there."""

    title: str
    reason: str
    statuses: tuple[int, ...]
    applies: Callable[[Step], bool]
    example: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Fields (lower-case names) of a request or reply that are not compared for a step, since only one has them."""

    title: str
    reason: str
    names: Callable[[Step], frozenset[bytes]]
    example: Step


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _path(step: Step) -> bytes:
    return step.target.partition(b"?")[0]


_DOT_SEGMENT: Final = re.compile(rb"(?:^|[/\\])\.\.?(?:[/\\;]|$)")
_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")

# The parser's: RFC 9110's, WebDAV's, UPnP's and the like.
_KNOWN_METHODS: Final = frozenset(
    b"GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND REPORT SEARCH PURGE LINK".split()
)
_OVERRIDES: Final = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})
_LOCAL: Final = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})


# Single by their definitions; each of the two knows some of them.
_SINGLE_TO_US: Final = frozenset(
    b"content-location content-range content-type etag max-forwards server user-agent".split()
)
_SINGLE_TO_NGINX: Final = frozenset(
    b"if-none-match if-modified-since if-match if-unmodified-since if-range content-range authorization".split()
)


def _twice(step: Step, single: frozenset[bytes]) -> bool:
    return any(len(step.values(name)) > 1 for name in single)


def _is_foreign(step: Step) -> bool:
    return step.host.lower().removesuffix(b":1").removesuffix(b":8080") not in _LOCAL


def _is_trace(step: Step) -> bool:
    spoken = [step.method, *(value for name in _OVERRIDES for value in step.values(name))]
    return any(method.upper() == b"TRACE" for method in spoken)


def _comes_from_a_page(step: Step) -> bool:
    sites = step.values(b"sec-fetch-site")
    return bool(step.values(b"origin")) or any(site not in (b"none", b"same-origin") for site in sites)


def _leads_above_the_root(step: Step) -> bool:
    """Tell whether the path's dot segments, decoded once, lead out of it; empty segments count, as nginx was told."""
    depth = 0
    for segment in unquote_to_bytes(_path(step).partition(b"#")[0]).split(b"/")[1:]:
        depth += -1 if segment == b".." else 0 if segment == b"." else 1
        if depth < 0:
            return True
    return False


REFUSED_BY_US: Final = (
    Refused(
        title="a value that is not UTF-8",
        reason="the HTTP library would drop the bytes; nothing is altered silently",
        statuses=(400,),
        applies=lambda step: not all(_is_utf8(value) for _, value in step.fields),
        example=Step(fields=((b"X-A", b" caf\xe9"),)),
    ),
    Refused(
        title="a single field twice, such as Content-Type",
        reason="readers disagree on which of them counts",
        statuses=(400,),
        applies=lambda step: _twice(step, _SINGLE_TO_US),
        example=Step(fields=((b"Content-Type", b" a/b"), (b"content-type", b" c/d"))),
    ),
    Refused(
        title="a method that the parser does not know",
        reason="the parser knows those that are registered; nginx takes any in capitals",
        statuses=(400,),
        applies=lambda step: step.method not in _KNOWN_METHODS,
        example=Step(method=b"FROB"),
    ),
    Refused(
        title="TRACE, in the request line or in an override",
        reason="the reply would show the session token",
        statuses=(403,),
        applies=_is_trace,
        example=Step(fields=((b"X-HTTP-Method-Override", b" trace"),)),
    ),
    Refused(
        title="a dot segment in the path, plain or encoded",
        reason="origins disagree on what it means; a rule of `listen.allow` must not be walked around",
        statuses=(400,),
        applies=lambda step: bool(_DOT_SEGMENT.search(unquote_to_bytes(_path(step)))),
        example=Step(target=b"/a/%2e%2E/b"),
    ),
    Refused(
        title="a backslash in the path",
        reason="some servers read it as a slash",
        statuses=(400,),
        applies=lambda step: b"\\" in _path(step),
        example=Step(target=b"/a\\b"),
    ),
    Refused(
        title="a fragment",
        reason="it is never sent (RFC 9110 §7.1), and origins disagree on what it means",
        statuses=(400,),
        applies=lambda step: b"#" in step.target,
        example=Step(target=b"/a#b"),
    ),
    Refused(
        title="an encoded NUL",
        reason="origins cut the target there, or do not; nginx refuses it in the path only",
        statuses=(400,),
        applies=lambda step: b"%00" in step.target,
        example=Step(target=b"/a?b=%00"),
    ),
    Refused(
        title="a Host that is not in listen.allowed_hosts",
        reason="a page whose name resolves to this machine still sends its own name (DNS rebinding)",
        statuses=(403,),
        applies=_is_foreign,
        example=Step(host=b"elsewhere.example"),
    ),
    Refused(
        title="Origin, or Sec-Fetch-Site of another site",
        reason="no web page may use the session",
        statuses=(400, 403),
        applies=_comes_from_a_page,
        example=Step(fields=((b"Origin", b" http://elsewhere.example"),)),
    ),
)

REFUSED_BY_NGINX: Final = (
    Refused(
        title="a broken percent-escape in the path",
        reason="nginx decodes the path to find its location; we only pass it on",
        statuses=(400,),
        applies=lambda step: bool(_BROKEN_ESCAPE.search(_path(step).partition(b"#")[0])),
        example=Step(target=b"/%zz"),
    ),
    Refused(
        title="a single field twice, such as If-Match",
        reason="as we do, with others; of a caller's Authorization, once or twice, none passes anyway",
        statuses=(400,),
        applies=lambda step: _twice(step, _SINGLE_TO_NGINX),
        example=Step(fields=((b"If-Match", b' "1"'), (b"If-Match", b' "2"'))),
    ),
    Refused(
        title="an encoded NUL in the path",
        reason="as we do, but in the path only",
        statuses=(400,),
        applies=lambda step: b"%00" in _path(step).partition(b"#")[0],
        example=Step(target=b"/a%00b"),
    ),
    Refused(
        title="dot segments that lead above the root",
        reason="as we do with any",
        statuses=(400,),
        applies=_leads_above_the_root,
        example=Step(target=b"/../a"),
    ),
    Refused(
        title="a method that is not in capitals",
        reason="as we do",
        statuses=(400,),
        applies=lambda step: re.fullmatch(rb"[A-Z_-]+", step.method) is None,
        example=Step(method=b"get"),
    ),
    Refused(
        title="TRACE in the request line",
        reason="as we do, with another status",
        statuses=(405,),
        applies=lambda step: step.method == b"TRACE",
        example=Step(method=b"TRACE"),
    ),
)

SET_BY_US: Final = (
    Fields(
        title="Authorization and X-Tenant-ID",
        reason="the session's, in place of whatever the caller sent",
        names=lambda _: frozenset({b"authorization", b"x-tenant-id"}),
        example=Step(fields=((b"Authorization", b" theirs"), (b"X-Tenant-ID", b" 9"))),
    ),
    Fields(
        title="the fields that FinHub asks for, where the caller sent none",
        reason="`[fields]` of the production environment",
        names=lambda step: _FILLED - step.names,
        example=Step(fields=((b"User-Agent", b" theirs"),)),
    ),
    Fields(
        title="Content-Length: 0",
        reason="the HTTP library says so for a method that may have a body (RFC 9110 §8.6); it means the same",
        names=lambda step: frozenset() if step.body else frozenset({b"content-length"}),
        example=Step(method=b"POST"),
    ),
)
_FILLED: Final = frozenset(
    (
        *(b"content-type", b"sec-ch-ua-platform", b"x-forwarded-for", b"user-agent"),
        *(b"x-request-id", b"x-correlation-id", b"x-activity-id"),
    )
)

_ONE_HOP: Final = frozenset({b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade", b"http2-settings"})


def _named_by_connection(step: Step) -> frozenset[bytes]:
    options = b",".join(step.values(b"connection")).lower().split(b",")
    return frozenset(option.strip(b" \t") for option in options) - {b"", b"content-length"}


def _twins(step: Step) -> frozenset[bytes]:
    ours = {_folded(name) for name in _FILLED | {b"authorization", b"x-tenant-id", b"content-length", b"host"} | _NEVER}
    exact = _FILLED | _NEVER | {b"authorization", b"x-tenant-id"}
    return frozenset(name for name in step.names if name not in exact and _folded(name) in ours)


_NEVER: Final = _ONE_HOP | {b"connection", b"transfer-encoding", b"expect", b"proxy-authorization", b"x-sidecar-key"}


def _folded(name: bytes) -> bytes:
    return re.sub(rb"[^0-9a-z]", b"-", name)


TAKEN_OUT_BY_US: Final = (
    Fields(
        title="connection-specific fields, which nginx passes on",
        reason="they are between the caller and us (RFC 9110 §7.6.1)",
        names=lambda _: _ONE_HOP,
        example=Step(fields=((b"Proxy-Connection", b" x"), (b"Trailer", b" x"))),
    ),
    Fields(
        title="Proxy-Authorization",
        reason="meant for the next proxy, which is us (RFC 9110 §11.7.2)",
        names=lambda _: frozenset({b"proxy-authorization"}),
        example=Step(fields=((b"Proxy-Authorization", b" Basic x"),)),
    ),
    Fields(
        title="fields that Connection names",
        reason="declared to be for this connection only; taken out before ours are set (RFC 9110 §7.6.1)",
        names=_named_by_connection,
        example=Step(fields=((b"Connection", b" X-A"), (b"X-A", b" 1"))),
    ),
    Fields(
        title="twins of fields that we set or that frame (`X_Tenant_ID`)",
        reason="many servers read `_`, and some all marks, as `-`",
        names=_twins,
        example=Step(fields=((b"X_Tenant_ID", b" 9"),)),
    ),
)


def _odd_content_type(step: Step) -> frozenset[bytes]:
    values = [value for name, value in step.answer.fields if name.lower() == b"content-type"]
    return frozenset({b"content-type"} if len(values) > 1 or b"" in values else ())


IN_REPLIES: Final = (
    Fields(
        title="Connection",
        reason="each says for its own connection whether it stays",
        names=lambda _: frozenset({b"connection"}),
        example=Step(),
    ),
    Fields(
        title="Content-Type that is empty, or comes twice: nginx drops it, or the first",
        reason="we drop nothing from a reply",
        names=_odd_content_type,
        example=Step(answer=Answer(fields=((b"Content-Type", b"a/b"), (b"content-type", b"c/d")))),
    ),
)

REFUSED: Final = REFUSED_BY_US + REFUSED_BY_NGINX
OF_REQUESTS: Final = SET_BY_US + TAKEN_OUT_BY_US


def is_refused(step: Step) -> bool:
    """Tell whether one of the two is to refuse this request."""
    return any(one.applies(step) for one in REFUSED)
