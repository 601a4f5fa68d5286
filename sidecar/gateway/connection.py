"""Connection-specific fields: what belongs to one connection, and so is never forwarded (RFC 9110 §7.6.1).

Pure. In both directions these are taken out before anything of ours is put in, so that `Connection: X-Tenant-ID`
cannot remove a field that we set (CVE-2025-48865).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

# RFC 9110 §7.6.1, with the ones that older specifications add; HTTP2-Settings is RFC 7540 §3.2.1.
_BOTH_WAYS: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
# Expect is answered on the caller's own connection; Proxy-Authorization is meant for the next proxy, not the origin.
OF_REQUESTS: Final = _BOTH_WAYS | {b"expect", b"http2-settings", b"proxy-authorization"}
# RFC 9110 §11.7.1: a proxy's challenge is for the next client in the chain only, and that is us.
OF_REPLIES: Final = _BOTH_WAYS | {b"proxy-authenticate", b"proxy-authentication-info"}

# RFC 9110 §7.6.1 forbids naming a field meant for all recipients; honouring that here would unframe the body.
_NEVER_AN_OPTION: Final = frozenset({b"content-length"})


# What nearly every message says, read already.
_USUAL: Final = {value: frozenset({value.lower()}) for value in (b"keep-alive", b"Keep-Alive", b"close", b"Close")}


def options(fields: RawFields, where: tuple[int, ...]) -> frozenset[bytes]:
    """Return the lower-case names of the fields that `Connection` declares to be for this connection only.

    `where` says which of `fields` are `Connection`.
    """
    said = b",".join([fields[index][1] for index in where])
    return _USUAL.get(said) or frozenset(option.strip(b" \t") for option in said.lower().split(b",")) - _NEVER_AN_OPTION
