"""`listen.allowed_peers`: from which addresses callers may connect.

Pure. A caller's address is the same in all of its requests, so what was found about the last ones is remembered.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sidecar.guard.refusal import Denied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REMEDY: Final = "Add the caller's network to listen.allowed_peers if it is meant to use the sidecar."
_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True)
class AllowedPeers:
    """The networks that callers may come from; built by `build`."""

    networks: tuple[Network, ...]
    holds: Callable[[str | None], bool]

    @classmethod
    def build(cls, networks: Iterable[Network]) -> AllowedPeers | None:
        """Return the networks, None where there are none, which means every peer."""
        known = tuple(networks)

        @lru_cache(maxsize=_REMEMBERED)
        def holds(peer: str | None) -> bool:
            address = _address(peer)
            return address is not None and any(address in network for network in known)

        return cls(known, holds) if known else None

    def admit(self, peer: str | None) -> None:
        """Return if the peer is in one of the networks; else raise Denied (403)."""
        if not self.holds(peer):
            raise Denied("peer", f"The peer {peer} is not in listen.allowed_peers.", remedy=_REMEDY)


def _address(peer: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address, None for what is none; IPv4 on a dual-stack socket counts as the IPv4 that it is."""
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
