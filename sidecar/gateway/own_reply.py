"""A reply of our own, framed and dated."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING

from sidecar.gateway.reply_head import HTTP_11, head_of, reason_of

if TYPE_CHECKING:
    from sidecar.answer import Answer
    from sidecar.rawfields import RawFields


def fields_of(answer: Answer) -> RawFields:
    """Return all fields of the reply but those that belong to the connection."""
    told = ((name.encode(), value.encode()) for name, value in answer.fields)
    return (*told, (b"Content-Length", b"%d" % len(answer.body)), (b"Date", formatdate(usegmt=True).encode()))


def last_words(answer: Answer) -> bytes:
    """Return the whole reply to what was no request that could be read; the connection ends with it."""
    status, fields = answer.status, fields_of(answer)
    head = head_of(HTTP_11, "", last=True, status=status, reason=reason_of(status), fields=fields)
    return head.raw + answer.body
