"""What a row of the table is: what goes in, and what must be seen at both ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST: Final = b"Host: localhost\r\n"
END: Final = b"\r\n"
NOTHING: Final[Mapping[str, tuple[bytes, ...]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A request that must arrive, once and well-framed. Of `fields` (lower-case name → values) nothing may differ.

    An empty tuple of values says that no such field may arrive.
    """

    method: bytes = b"GET"
    target: bytes = b"/row"
    body: bytes = b""
    fields: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """Bytes of a caller. `sends` are separate writes; `then` is "" (wait for replies), "half-close" or "abort".

    `sees` are the final replies' statuses in order; a 4xx must be a problem of ours. `interim` are those before the
    first of them. `reaches` are all requests that arrive, in order.
    """

    name: str
    sends: tuple[bytes, ...]
    sees: tuple[int, ...]
    then: str = ""
    interim: tuple[int, ...] = ()
    reaches: tuple[Reached, ...] = ()
    under: str = ""  # which of `requests_callers.LISTENS` the sidecar has
    beside: tuple[bytes, ...] = ()  # what other callers have sent, whose connections stay open meanwhile
    ends: bool = False  # the refusal must end the connection: where its next request would begin is anybody's guess
    method: bytes = b"GET"  # by which the reply is read


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRow:
    """Bytes of an upstream, in answer to `request`. `sends` are separate writes, with `pause` seconds between them.

    `then` is "" (go on with the connection), "finish" (close_notify), "cut" (none), "linger" (until the other end has
    closed), "silence" or "reset". `early`: the reply is sent before the request's body is read. `sees` is the caller's
    status, 0 for a reply that is cut short; `body` what arrived of it. `sendings` is how often the request arrived;
    `used_again` whether its connection serves another one.
    """

    name: str
    sends: tuple[bytes, ...]
    sees: int
    body: bytes = b""
    then: str = ""
    pause: float = 0.05
    early: bool = False
    method: bytes = b"GET"
    request: bytes = b""  # fields and body; none as a rule
    version: bytes = b"HTTP/1.1"  # the caller's
    sendings: int = 1
    used_again: bool = False
    fields: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)  # of the caller's reply, as in Reached


def get(*lines: bytes, target: bytes = b"/row", method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    """Return a request without a body: these field lines after a good Host."""
    head = b"%s %s %s\r\n" % (method, target, version)
    return head + HOST + b"".join(line + b"\r\n" for line in lines) + END


def post(body: bytes, *lines: bytes, method: bytes = b"POST", target: bytes = b"/row") -> bytes:
    """Return a request whose framing fields are among the lines, followed by these bytes."""
    return get(*lines, target=target, method=method) + body


def chunks(body: bytes, *lines: bytes) -> bytes:
    """Return a request with `Transfer-Encoding: chunked` followed by these bytes."""
    return post(body, b"Transfer-Encoding: chunked", *lines)
