"""The header fields without which FinHub does not talk to anybody (CONTRACT.md §2).

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar.emulator.answers import FinHubError, malformed, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

RawFields = tuple[tuple[bytes, bytes], ...]

REQUIRED: Final = ("Content-Type", "sec-ch-ua-platform", "X-Forwarded-For", "User-Agent", "X-Tenant-ID")

# A second one leaves two readings of who is asking.
_SINGLE: Final = ("X-Tenant-ID", "Authorization", "Content-Type")


def values(fields: RawFields, name: str) -> list[str]:
    """Return every value of the field `name`, in any case, in the order of the request."""
    wanted = name.lower().encode()
    return [value.decode("latin-1").strip() for key, value in fields if key.lower() == wanted]


def check_required(fields: RawFields) -> None:
    """Raise the 400 that names what is missing or said twice; an empty value is a missing one."""
    missing = [name for name in REQUIRED if not any(values(fields, name))]
    if missing:
        raise malformed(
            missing[0], f"Missing required header: {', '.join(missing)}", f"Send the header {', '.join(missing)}"
        )
    doubled = _doubled(fields)
    if doubled:
        raise malformed(doubled[0], f"Ambiguous header: {', '.join(doubled)}", "Send each of them once")


def _doubled(fields: RawFields) -> Sequence[str]:
    """Return the single fields that came twice, or once more with underscores (CVE-2025-64484)."""
    return [name for name in _SINGLE if len(values(fields, name)) + len(_twin_values(fields, name)) > 1]


def _twin_values(fields: RawFields, name: str) -> list[str]:
    twin = name.replace("-", "_")
    return [] if twin == name else values(fields, twin)


def bearer(fields: RawFields) -> str:
    """Return the bearer token (RFC 6750 §2.1), or raise the 401 that asks for one."""
    said = values(fields, "Authorization")
    scheme, _, token = said[0].partition(" ") if said else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise FinHubError(
            refusal(
                401,
                "Missing required header: Authorization",
                errorType="UNAUTHENTICATED",
                field="Authorization",
                suggestions=["Send Authorization: Bearer <userSessionToken>"],
            )
        )
    return token.strip()


def check_tenant(fields: RawFields, tenant_id: str) -> None:
    """Raise 403 when the request speaks for a tenant that is not the account's."""
    if values(fields, "X-Tenant-ID") != [tenant_id]:
        raise FinHubError(
            refusal(403, "X-Tenant-ID does not belong to the authenticated user", errorType="TENANT_MISMATCH")
        )
