"""Who may see the status and use the controls: this machine's operator, and no browser page.

Pure. The probes and the metrics ask nobody: the kubelet and Prometheus come from anywhere, with any Host.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from sidecar.errors import RequestDenied
from sidecar.guard.authority import parse, require_one_host
from sidecar.guard.browser import admit_site
from sidecar.guard.seen import shape_of, watch
from sidecar.rawfields import names_of

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

_REMEDY: Final = "Ask from this machine with a program such as curl, at localhost or a loopback address."


def admit_operator(*, method: str, fields: RawFields, peer: str | None) -> None:
    """Return if the request may see the status or use a control; raise RequestDenied or MalformedRequest if not.

    `peer` is None on a Unix socket, whose file mode has let the operator in already; Host is not checked there.
    """
    seen = watch(fields, shape_of(names_of(fields), len(fields)))
    if peer is not None:
        if not _is_loopback(peer):
            raise _denied(f"not {peer or 'one that has gone'}")
        _admit_host(require_one_host(seen))
    try:
        admit_site(frozenset(), method, seen)
    except RequestDenied:
        raise _denied("no web page") from None  # the callers' refusal names a key that opens nothing here


def _admit_host(value: bytes) -> None:
    """Return if the Host is this machine by its very name: a page's own name may have been made to resolve to us."""
    authority = parse(value)
    if authority is None or not (authority.host == "localhost" or _is_loopback(authority.host.strip("[]"))):
        raise _denied("under no other name")


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _denied(whom: str) -> RequestDenied:
    return RequestDenied(f"status and controls answer loopback peers only, {whom}", remedy=_REMEDY)
