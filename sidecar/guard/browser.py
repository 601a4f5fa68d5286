"""No web page may use us: Origin, Sec-Fetch-Site and CORS preflights (invariant 2).

Pure. A page on any site, or on another local port, can make a browser send requests to 127.0.0.1; browsers then say so
in fields that a page can neither set nor leave out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sidecar.errors import ConfigError
from sidecar.guard.refusal import Denied, Malformed, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sidecar.guard.seen import Seen

# RFC 6454 §6.2: a scheme, a host, and a port only where it is not the scheme's own; never a path.
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s,@]+")
_OUR_OWN_SITE: Final = frozenset({b"none", b"same-origin"})  # a typed address, and pages that we ourselves delivered
# The question of a page on the internet to a program on a private network, under its two names.
_NETWORK_QUESTIONS: Final = (b"access-control-request-private-network", b"access-control-request-local-network")
_REMEDY: Final = "Call the sidecar from a program; a page may only if its origin is in listen.allowed_origins."


def allowed_origins(entries: Iterable[str]) -> frozenset[bytes]:
    """Return the origins as they are compared; raise ConfigError for what is no origin (`null`, `*`)."""
    origins = [entry.lower() for entry in entries]
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            remedy = 'Write each as browsers send it, with no slash at the end: "https://app.example:8443".'
            raise ConfigError(f"listen.allowed_origins: {origin!r} is not an origin.", remedy=remedy)
    return frozenset(origin.encode() for origin in origins)


def admit_site(origins: frozenset[bytes], method: str, seen: Seen) -> None:
    """Return unless a web page that is not allowed made this request; then raise Denied (403).

    A preflight passes for an allowed origin only; a page's way into a private network is never opened.
    """
    known = _known_origin(origins, seen)
    if not known:
        _refuse_other_sites(seen)
    if method.upper() == "OPTIONS" and b"access-control-request-method" in seen and not known:
        raise Denied("preflight", "The request is a CORS preflight of a page that is not allowed.", remedy=_REMEDY)
    for question in _NETWORK_QUESTIONS:
        if question in seen:
            detail = "The request asks to let a page into a private network."
            remedy = "Open the page from the private network itself; the sidecar never grants this."
            raise Denied("preflight", detail, remedy=remedy)


def _known_origin(origins: frozenset[bytes], seen: Seen) -> bool:
    """Tell whether the request names an allowed Origin; no Origin is False, one that is not allowed raises."""
    values = seen.get(b"origin", ())
    if not values:
        return False
    if len(values) > 1:
        raise Malformed("origin", "The request holds more than one Origin.")
    if values[0].lower() not in origins:
        detail = f"The origin {shown(values[0])} is not in listen.allowed_origins."
        raise Denied("origin", detail, remedy=_REMEDY)
    return True


def _refuse_other_sites(seen: Seen) -> None:
    """Raise Denied if a browser says that another site's page made this request: an `<img>` sends no Origin."""
    for value in seen.get(b"sec-fetch-site", ()):
        if value not in _OUR_OWN_SITE:
            raise Denied(
                "sec_fetch_site", f"A web page made this request (Sec-Fetch-Site: {shown(value)}).", remedy=_REMEDY
            )
