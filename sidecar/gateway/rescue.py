"""A SidecarError becomes the caller's reply here and nowhere else. Never a 401: that status is FinHub's alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from sidecar import problem

if TYPE_CHECKING:
    from sidecar.errors import SidecarError


def reply_to(error: SidecarError, request_id: str) -> web.Response:
    """Return the reply that tells the caller of `error`."""
    return web.Response(status=error.status, body=problem.body(error, request_id), headers=problem.fields(error))
