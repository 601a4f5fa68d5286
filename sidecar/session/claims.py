"""The claims of a session token, unverified: for scheduling and for naming it in a refresh, never for trust.

Pure. FinHub signs with HS256 and we hold no key (CONTRACT §3). The token may be opaque, and its claims may be anything.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import jwt

from sidecar.session import lookup

if TYPE_CHECKING:
    from collections.abc import Mapping

_NONE: Final[Mapping[str, object]] = MappingProxyType({})


def claims(token: str) -> Mapping[str, object]:
    """Return the token's claims, or none when it is no JWT. Never raises."""
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except (jwt.PyJWTError, ValueError, RecursionError):
        return _NONE


def lifetime(found: Mapping[str, object]) -> float | None:
    """Return `exp - iat` in seconds, which is not positive for a token that never lived; None without the two.

    By the issuer's clock alone, so that ours need not agree with it (RFC 7519 §4.1.4, §4.1.6).
    """
    expires_at, issued_at = lookup.number(found.get("exp")), lookup.number(found.get("iat"))
    if expires_at is None or issued_at is None:
        return None
    return expires_at - issued_at
