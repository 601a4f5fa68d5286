"""What the head of a reply says about its body and its connection (RFC 9112 §6.3, §9.3).

Pure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from sidecar.gateway.reply_head import NEVER_WITH_A_BODY
from sidecar.gateway.upstream.keepalive import rest_of
from sidecar.rawfields import MEMORABLE, names_of

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

SWITCHING_PROTOCOLS: Final = 101
_FIRST_FINAL: Final = 200
_TELLING: Final = frozenset({b"transfer-encoding", b"connection", b"keep-alive"})

_LONGEST_REMEMBERED: Final = 128
"""Bytes of the values that tell: FinHub's replies say the same again and again, in a few words."""


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
    names = names_of(fields)
    measured, where, keys = (_remembered if len(names) <= MEMORABLE else _telling)(names)
    told = tuple([fields[index][1] for index in where])
    judge = _judged if sum(map(len, told)) <= _LONGEST_REMEMBERED else _judge
    return judge(status, version, measured or bodiless, keys, told)


def _telling(names: bytes) -> tuple[bool, tuple[int, ...], tuple[bytes, ...]]:
    """Return what names say (`names_of`): is there a length, and where stands what else tells, under which key."""
    keys = names.lower().split(b"\n")
    where = tuple([index for index, key in enumerate(keys) if key in _TELLING])
    return b"content-length" in keys, where, tuple([keys[index] for index in where])


def _judge(
    status: int,
    version: str,
    ends: bool,  # noqa: FBT001  # remembered by position, which is quickest
    keys: tuple[bytes, ...],
    told: tuple[bytes, ...],
) -> Framing:
    """Return the framing that the values `told` under `keys` tell of; `ends`: the reply has a length, or no body."""
    telling = tuple(zip(keys, told, strict=True))
    codings = _members(telling, b"transfer-encoding")
    ends_itself = ends or bool(codings) or status in NEVER_WITH_A_BODY
    return Framing(
        fault=_fault(status, version, codings),
        keeps=ends_itself and _keeps(version, _members(telling, b"connection")),
        until_close=not ends_itself,
        rest=rest_of(value.decode("latin-1") for key, value in telling if key == b"keep-alive"),
    )


_remembered = lru_cache(maxsize=128)(_telling)
_judged = lru_cache(maxsize=128)(_judge)


def _members(telling: RawFields, name: bytes) -> list[bytes]:
    return [member.strip().lower() for key, value in telling if key == name for member in value.split(b",")]


def _keeps(version: str, options: list[bytes]) -> bool:
    if b"close" in options:
        return False
    return version == "1.1" or b"keep-alive" in options


def _fault(status: int, version: str, codings: list[bytes]) -> str:
    """Return what no proxy can pass on.

    A transfer coding ends with us: its label is connection-specific, so the caller could not undo it (RFC 9112 §6.1).
    """
    if status == SWITCHING_PROTOCOLS:
        return "switched protocols"
    if version not in {"1.0", "1.1"}:
        return "spoke another version of HTTP"
    if status < _FIRST_FINAL:
        return "sent a status that does not exist"
    legal = codings in ([], [b"chunked"]) if version == "1.1" else not codings
    return "" if legal else "transfer-coded the reply"
