"""The protocol that a caller asks to switch its connection to: who asks for it, and what says yes (RFC 9110 §7.8).

Pure. Both fields that ask are connection-specific, so that they end here and are made anew on either side. Whoever asks
in any other way than RFC 6455 §4.1 has it is taken not to have asked: a server may leave a wish for another protocol
unheeded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar.gateway import connection
from sidecar.gateway.reply_head import HTTP_11

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

SWITCHING: Final = 101
"""The status that says yes."""

_LENGTH: Final = b"content-length"


def wished(method: str, version: tuple[int, int], fields: RawFields, length: int | None) -> bytes:
    """Return the lower-case name of the protocol that a request asks for, b"" if it asks for none."""
    if method != "GET" or version != HTTP_11 or length != 0:
        return b""
    return named(fields)


def named(fields: RawFields) -> bytes:
    """Return the one protocol that a message names in `Upgrade`, lower-case; b"" where `Connection` does not say so."""
    names = [value.strip(b" \t").lower() for name, value in fields if name.lower() == b"upgrade"]
    where = tuple(index for index, (name, _) in enumerate(fields) if name.lower() == b"connection")
    if len(names) != 1 or b"upgrade" not in connection.options(fields, where):
        return b""
    return names[0]


def asking(protocol: bytes) -> RawFields:
    """Return the fields that ask for a protocol, or say yes to it."""
    return ((b"Connection", b"Upgrade"), (b"Upgrade", protocol))


def yes(protocol: bytes, reason: bytes, fields: RawFields) -> bytes:
    """Return the head that says yes, with the `fields` that pass; it has no length (RFC 9110 §8.6)."""
    passing = [field for field in fields if field[0].lower() != _LENGTH]
    lines = b"".join([b"%b: %b\r\n" % field for field in (*passing, *asking(protocol))])
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (SWITCHING, reason, lines)
