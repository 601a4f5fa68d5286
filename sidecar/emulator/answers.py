"""What FinHub answers: JSON in its own shapes, and the refusal that carries one of them (CONTRACT.md §5).

Pure.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator  # noqa: TC003  # a dataclass field's annotation
from dataclasses import dataclass
from typing import Final

EXPIRED: Final = "The access token has expired, please authenticate again"

_JSON: Final = (("Content-Type", "application/json"),)

MESSAGES: Final = {
    400: "Invalid request format",
    401: EXPIRED,
    403: "Insufficient permissions or invalid certificate",
    404: "No such resource",
    405: "Method not allowed",
    409: "The request conflicts with an earlier one",
    413: "The request is too large",
    429: "Rate limit exceeded, reduce authentication frequency",
    500: "Server-side error, contact support with error details",
    501: "Not implemented",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway time-out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole reply; `inside` is the status that its body says where the reply's own is another (FinCard)."""

    status: int = 200
    fields: tuple[tuple[str, str], ...] = _JSON
    body: bytes = b""
    inside: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A reply whose body comes in pieces; `length` in bytes, None for one that does not say how long it is."""

    chunks: AsyncIterator[bytes]
    length: int | None
    status: int = 200
    fields: tuple[tuple[str, str], ...] = (("Content-Type", "application/octet-stream"),)


Reply = Answer | Stream


class FinHubError(Exception):
    """A request is over, with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def as_json(content: object, status: int = 200) -> Answer:
    """Return `content` as a JSON reply."""
    return Answer(status=status, body=json.dumps(content).encode())


def success(data: object) -> Answer:
    """Return `data` in the envelope of v2 and v2.1."""
    return as_json({"code": 200, "message": "Success", "data": data})


def refusal(status: int, message: str | None = None, *, retry_after: int | None = None, **data: object) -> Answer:
    """Return FinHub's error body; `message` is the usual one of this status when none is given.

    `retry_after` in whole seconds becomes the field of that name (RFC 9110 §10.2.3).
    """
    text = message or MESSAGES.get(status, "Error")
    fields = _JSON if retry_after is None else (*_JSON, ("Retry-After", str(retry_after)))
    return Answer(
        status=status,
        fields=fields,
        body=json.dumps({"code": status, "message": text, "data": {"message": text, **data}}).encode(),
    )


def fincard_refusal(status: int, message: str, fields: tuple[tuple[str, str], ...] = _JSON) -> Answer:
    """Return FinCard's error body; it says 401 inside an HTTP 200 (CONTRACT.md §5)."""
    body = json.dumps({"success": False, "code": status, "msg": message}).encode()
    if status == 401:  # noqa: PLR2004  # HTTP's own number
        return Answer(fields=fields, body=body, inside=status)
    return Answer(status=status, fields=fields, body=body)


def said(answer: Answer) -> str:
    """Return the message of a refusal in the words of v2."""
    return str(json.loads(answer.body)["message"])


def malformed(field: str, details: str, suggestion: str) -> FinHubError:
    """Return the 400 that names the field at fault."""
    return FinHubError(
        refusal(
            400,
            f"{MESSAGES[400]}: {details}",
            error="BAD_REQUEST",
            details=details,
            field=field,
            suggestions=[suggestion],
        )
    )
