"""A SidecarError in the words of HTTP: problem details for the body, `Proxy-Status` and `Retry-After` beside it.

Pure. RFC 9457, RFC 9209.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from sidecar.answer import Answer
from sidecar.redact import redact

if TYPE_CHECKING:
    from sidecar.errors import SidecarError

PROXY_NAME: Final = "finhub-sidecar"
MEDIA_TYPE: Final = "application/problem+json"


def fields(error: SidecarError) -> dict[str, str]:
    """Return the header fields of the reply that tells of `error`."""
    told = {
        "Content-Type": MEDIA_TYPE,
        "Cache-Control": "no-store",
        "Proxy-Status": f"{PROXY_NAME}; error={error.proxy_error}",
    }
    return told if error.retry_after is None else {**told, "Retry-After": str(error.retry_after)}


def body(error: SidecarError, request_id: str = "", *, status: int | None = None) -> bytes:
    """Return the problem details: what happened and what to do about it, without any secret.

    `status` is the reply's where it is not the error's own; a reply outside a caller's request has no `request_id`.
    """
    members: dict[str, str | int] = {
        "type": f"urn:{PROXY_NAME}:problem:{error.proxy_error}",
        "title": error.title,
        "status": error.status if status is None else status,
        "detail": redact(error.detail),
        "remedy": redact(error.remedy),
    }
    if request_id:
        members["request_id"] = request_id
    # In ASCII: a detail may quote bytes of the caller's that are no text, and those have no UTF-8.
    return json.dumps(members).encode()


def answer(error: SidecarError, request_id: str = "", *, status: int | None = None) -> Answer:
    """Return the whole reply that tells of `error`; see `body` for the rest."""
    return Answer(
        status=error.status if status is None else status,
        fields=tuple(fields(error).items()),
        body=body(error, request_id, status=status),
    )
