"""Who may see the status and use the controls: this machine's operator, and no browser page.

Pure. The probes ask nobody: the kubelet comes from anywhere, with any Host.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from sidecar.errors import RequestDenied
from sidecar.gateway.authority import AllowedHosts, require_one_host
from sidecar.gateway.browser import admit_site
from sidecar.gateway.seen import watch

if TYPE_CHECKING:
    from sidecar.gateway.connection import RawFields

_LOOPBACK_NAMES: Final = AllowedHosts.build(("localhost", "127.0.0.1", "[::1]"))
_REMEDY: Final = "Ask from this machine, with curl or `finhub-sidecar status`, over a loopback address."


def admit_operator(*, method: str, fields: RawFields, peer: str | None) -> None:
    """Return if the request may see the status or use a control; raise RequestDenied or MalformedRequest if not.

    `peer` is None on a Unix socket, whose file mode has let the operator in already; Host is not checked there.
    """
    seen = watch(fields)
    if peer is not None:
        if not _is_loopback(peer):
            raise RequestDenied(f"status and controls answer loopback peers only, not {peer}", remedy=_REMEDY)
        _LOOPBACK_NAMES.admit(require_one_host(seen))
    admit_site(frozenset(), method, seen)


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
