"""Whose fault it is: the one question of whoever is called at night, before any other.

Pure.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sidecar.wire import tls_causes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.session.answer import Failure

SIDECAR: Final = "sidecar"
FINHUB: Final = "FinHub"
CONFIGURATION: Final = "configuration"
NETWORK: Final = "network"

_SERVER_ERRORS: Final = range(500, 600)
_MADE_BY_FINHUB: Final = tuple(tls_causes.VERDICTS[verdict].detail for verdict in (9, 10, 23))
"""What only FinHub can mend of its certificate: not valid yet, expired, revoked."""

WHOSE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dns_error": NETWORK,
        "connection_refused": NETWORK,
        "connection_timeout": NETWORK,
        "connection_terminated": NETWORK,
        "connection_limit_reached": CONFIGURATION,
        "connection_read_timeout": FINHUB,
        "destination_unavailable": NETWORK,
        "http_protocol_error": FINHUB,
        "proxy_configuration_error": CONFIGURATION,
        "proxy_internal_error": SIDECAR,
        "tls_alert_received": CONFIGURATION,
        "tls_certificate_error": CONFIGURATION,
        "tls_protocol_error": NETWORK,
    }
)
"""Whose fault it is, by RFC 9209 name, where FinHub has not answered."""


def whose(failure: Failure) -> str:
    """Return whose fault a failed mint is."""
    if failure.status in _SERVER_ERRORS:
        return FINHUB
    if failure.status and failure.cause == "destination_unavailable":  # 429, a redirection, no such path
        return CONFIGURATION
    if any(made in failure.detail for made in _MADE_BY_FINHUB):
        return FINHUB
    return WHOSE.get(failure.cause, FINHUB)
