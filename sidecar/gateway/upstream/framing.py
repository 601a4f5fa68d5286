"""What the head of a reply says about its body and its connection (RFC 9112 §6.3, §9.3).

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sidecar.gateway.upstream.keepalive import rest_of

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

_SWITCHING_PROTOCOLS: Final = 101
_FIRST_FINAL: Final = 200
_NO_CONTENT: Final = frozenset({204, 304})
_TELLING: Final = frozenset({b"content-length", b"transfer-encoding", b"connection", b"keep-alive"})


class Framing(NamedTuple):
    """How a reply ends, and what becomes of its connection.

    Attributes:
        fault: what FinHub did that no proxy can pass on, "" if nothing.
        keeps: the connection may be used again behind it.
        until_close: its body has no other end than the connection's.
        rest: seconds for which FinHub keeps the idle connection, None where it does not say.
    """

    fault: str
    keeps: bool
    until_close: bool
    rest: float | None


def read(status: int, version: str, fields: RawFields, *, bodiless: bool) -> Framing:
    """Return the framing of a final reply; `bodiless` is one to HEAD."""
    telling: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        key = name.lower()
        if key in _TELLING:
            telling.setdefault(key, []).append(value)
    codings = _members(telling, b"transfer-encoding")
    ends_itself = bodiless or bool(codings) or b"content-length" in telling or status in _NO_CONTENT
    rest = rest_of(value.decode("latin-1") for value in telling[b"keep-alive"]) if b"keep-alive" in telling else None
    return Framing(
        fault=_fault(status, version, codings),
        keeps=ends_itself and _keeps(version, _members(telling, b"connection")),
        until_close=not ends_itself,
        rest=rest,
    )


def _members(telling: dict[bytes, list[bytes]], name: bytes) -> list[bytes]:
    if name not in telling:
        return []
    return [member.strip().lower() for value in telling[name] for member in value.split(b",")]


def _keeps(version: str, options: list[bytes]) -> bool:
    if b"close" in options:
        return False
    return version == "1.1" or b"keep-alive" in options


def _fault(status: int, version: str, codings: list[bytes]) -> str:
    """Return what no proxy can pass on.

    A transfer coding ends with us: its label is connection-specific, so the caller could not undo it (RFC 9112 §6.1).
    """
    if status == _SWITCHING_PROTOCOLS:
        return "switched protocols"
    if version not in {"1.0", "1.1"}:
        return "spoke another version of HTTP"
    if status < _FIRST_FINAL:
        return "sent a status that does not exist"
    legal = codings in ([], [b"chunked"]) if version == "1.1" else not codings
    return "" if legal else "transfer-coded the reply"
