"""Which header fields `[fields]` may set, and with what.

Pure. Names are RFC 9110 §5.1 tokens; values follow §5.5, with variables in braces that the gateway fills per request.
"""

from __future__ import annotations

import re
from typing import Final

from sidecar.config.problems import Unfit, nearest, one_of

VARIABLES: Final = (
    "{uuid}",  # one version-4 UUID per caller request, the same on its replay
    "{caller.ip}",
    "{client_ip}",
    "{tenant_id}",
    "{session.id}",
    "{platform}",
    "{version}",
)

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE: Final = re.compile(r"[\t -~]*", re.ASCII)
# Braces around anything but one word are text, as in JSON.
_BRACED: Final = re.compile(r"\{\s*[\w.-]+\s*\}", re.ASCII)
# To the servers that read it, `_` is `-` (CVE-2025-64484).
_MARK: Final = re.compile(r"[^a-z0-9]")
# Ours to set, or what frames a message (RFC 9112 §6), or connection-specific (RFC 9110 §7.6.1).
_OURS: Final = frozenset({"authorization", "host", "x-sidecar-key"})
_FRAMING: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def field_name(value: object) -> str:
    """Return a field name that may be configured, as written."""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise Unfit("a field name: letters, digits and !#$%&'*+-.^_`|~", found="a name that is not one of a field")
    folded = _MARK.sub("-", value.lower())
    if folded in _OURS:
        raise Unfit("another field: this one is the sidecar's own", found="a field that cannot be configured")
    if folded in _FRAMING or folded.startswith("proxy-"):
        raise Unfit("another field: this one belongs to the connection", found="a field that cannot be configured")
    return value


def field_value(value: object) -> str:
    """Return a template of a field value: printable ASCII, no blanks around it, only known variables in braces."""
    if not isinstance(value, str):
        raise Unfit("a string")
    if not _VALUE.fullmatch(value) or value.strip() != value:
        raise Unfit("printable ASCII without blanks around it", found="a text that is no legal field value")
    for variable in _BRACED.findall(value):
        if variable not in VARIABLES:
            raise Unfit(nearest(variable, VARIABLES) or one_of(VARIABLES), found="a variable that does not exist")
    return value


def uses(template: str | None, variable: str) -> bool:
    """Tell whether a template has this variable in it; the variable is given with its braces."""
    return template is not None and variable in template
