"""The Host field: exactly one, and a name that the operator allows (invariant 2: DNS rebinding).

Pure. A page that makes its own name resolve to 127.0.0.1 still sends its own name.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sidecar.errors import ConfigError
from sidecar.guard.refusal import Denied, Malformed, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sidecar.guard.seen import Seen

# RFC 3986 §3.2.2, without the percent-encoded names that no resolver takes.
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+;=-]+)(?::([0-9]{0,5}))?")
_COMMA: Final = ord(",")
_DEFAULT_PORT: Final = 80  # callers speak plain HTTP to us; no port means this one (RFC 9110 §4.2.1)


@dataclass(frozen=True, slots=True)
class Authority:
    """A host in one spelling: lower-case, no trailing dot, IPv6 compressed in brackets; `port` None if not written."""

    host: str
    port: int | None


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The names by which callers may call us; an entry without a port allows every port."""

    any_port: frozenset[str]
    with_port: frozenset[tuple[str, int]]

    @classmethod
    def build(cls, entries: Iterable[str]) -> AllowedHosts:
        """Return the list in one spelling; raise ConfigError when an entry is no host."""
        parsed = [_entry(entry) for entry in entries]
        return cls(
            any_port=frozenset(entry.host for entry in parsed if entry.port is None),
            with_port=frozenset((entry.host, entry.port) for entry in parsed if entry.port is not None),
        )

    def admit(self, value: bytes) -> None:
        """Return if a Host value is on the list; raise Malformed (400) if it is no host, Denied (403) if not listed."""
        authority = parse(value)
        if authority is None:
            raise Malformed("host", f"The Host field {shown(value)} is not a host with or without a port.")
        port = _DEFAULT_PORT if authority.port is None else authority.port
        if authority.host in self.any_port or (authority.host, port) in self.with_port:
            return
        remedy = "Call the sidecar by a name in listen.allowed_hosts, or add this one there."
        raise Denied("host", f"The host {shown(value)} is not in listen.allowed_hosts.", remedy=remedy)


def require_one_host(seen: Seen) -> bytes:
    """Return the value of the one Host field; raise Malformed (400) unless there is exactly one (RFC 9112 §3.2)."""
    values = seen.get(b"host", ())
    if len(values) != 1:
        raise Malformed("host", f"The request holds {len(values)} Host fields; there must be exactly one.")
    if _COMMA in values[0]:
        raise Malformed("host", "The Host field holds a list; there must be exactly one host.")
    return values[0]


@lru_cache(maxsize=256)
def parse(value: bytes) -> Authority | None:
    """Return the host and port of a Host value, or None when it is not one."""
    match = _AUTHORITY.fullmatch(value.decode("latin-1"))
    host = _one_spelling(match[1].lower()) if match else None
    if match is None or host is None:
        return None
    return Authority(host, int(match[2]) if match[2] else None)


def _one_spelling(host: str) -> str | None:
    """Return a lower-case host in the form in which hosts are compared, or None for brackets around no IPv6 address."""
    if not host.startswith("["):
        return host.removesuffix(".")
    try:
        return f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
    except ValueError:
        return None


def _entry(entry: str) -> Authority:
    authority = parse(entry.encode())
    if authority is None:
        remedy = 'Write each as a host with or without a port, such as "localhost:8080" or "[::1]".'
        raise ConfigError(f"listen.allowed_hosts: {entry!r} is not a host.", remedy=remedy)
    return authority
