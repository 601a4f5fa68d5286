"""A SidecarError becomes the caller's reply here and nowhere else. Never a 401: that status is FinHub's alone.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar import problem

if TYPE_CHECKING:
    from sidecar.answer import Answer
    from sidecar.errors import SidecarError


def reply_to(error: SidecarError, request_id: str) -> Answer:
    """Return the reply that tells the caller of `error`."""
    return problem.answer(error, request_id)
