"""The scripted caller: Python's plain `urllib`, without a token, a certificate or any FinHub field."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

_TIMEOUT: Final = 20.0

# The environment's proxies are not for loopback.
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Got:
    """What the caller saw: the status, 0 where no reply came, and the decoded JSON, None where there was none."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that knows a URL and nothing else."""

    url: str

    async def get(self, path: str) -> Got:
        """GET `path`."""
        return await asyncio.to_thread(self._ask, urllib.request.Request(self.url + path))  # noqa: S310  # http on loopback

    async def post(self, path: str, body: dict[str, Any]) -> Got:
        """POST `body` as JSON."""
        return await self.send(path, json.dumps(body).encode(), "application/json")

    async def send(self, path: str, body: bytes, content_type: str) -> Got:
        """POST bytes."""
        request = urllib.request.Request(self.url + path, body, {"Content-Type": content_type})  # noqa: S310  # as above
        return await asyncio.to_thread(self._ask, request)

    @staticmethod
    def _ask(request: urllib.request.Request) -> Got:
        try:
            with _OPENER.open(request, timeout=_TIMEOUT) as reply:
                return Got(reply.status, _decoded(reply.read()))
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Got(refusal.code, _decoded(refusal.read()))
        except OSError:  # also urllib's URLError: a broken connection, a time-out
            return Got(0, None)


def _decoded(body: bytes) -> Any:
    with contextlib.suppress(ValueError):
        return json.loads(body)
    return None
