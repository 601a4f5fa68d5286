"""Requests to a scripted upstream through the upstream leg alone, its one verb."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from origin import Origin, Script, serving
from stage import PLAIN

from sidecar.gateway.body import Budget, Limits, ReplayableBody
from sidecar.gateway.pace import Pace
from sidecar.gateway.upstream import Bounds, Reply, Request, Upstream
from sidecar.wire.clock import slept, steady

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    from sidecar.wire.tls import Tls

BOUNDS = {"connections": 10, "wait": 2.0, "connect": 2.0, "response": 2.0, "idle": 2.0}
BEARER = b"Bearer t0p-secret-token"


@dataclass
class Parts:
    """A caller's body in these parts; `pause` seconds before each but the first, or for ever behind the last."""

    parts: list[bytes]
    pause: float = 0.0
    endless: bool = False
    reads: int = 0

    async def readany(self) -> bytes:
        self.reads += 1
        if self.reads > 1:
            await asyncio.sleep(self.pause)
        if not self.parts and self.endless:
            await asyncio.Event().wait()
        return self.parts.pop(0) if self.parts else b""


def body_of(*parts: bytes, length: int | None = None, source: Parts | None = None, **limits: float) -> ReplayableBody:
    known = sum(map(len, parts)) if length is None and source is None else length
    bounds = Limits(
        max_body=int(limits.get("max_body", 1 << 30)),
        remembered=int(limits.get("remembered", 1 << 20)),
        pace=Pace(limits.get("timeout", 5.0), 1),
    )
    return ReplayableBody(source or Parts(list(parts)), known, bounds, Budget(1 << 30), lambda: None)


@dataclass
class Asking:
    """What a test asks the upstream, through the one verb."""

    upstream: Upstream
    origin: Origin
    sendings: list[str] = field(default_factory=list)

    async def send(
        self, method: str = "GET", target: str = "/a", *fields: tuple[bytes, bytes], body: ReplayableBody | None = None
    ) -> Reply:
        body = body or body_of()
        framing = ((b"Content-Length", b"%d" % body.length),) if body.length else ()
        request = Request(
            method=method,
            target=target,
            fields=((b"Host", self.upstream.authority), *framing, *fields, (b"Authorization", BEARER)),
            body=body,
            sendings=self.sendings,
        )
        return await self.upstream.send(request)

    async def ask(self, method: str = "GET", target: str = "/a", body: ReplayableBody | None = None) -> bytes:
        """Return the whole body of the reply."""
        async with await self.send(method, target, body=body) as reply:
            return await read(reply)


async def read(reply: Reply) -> bytes:
    """Return all that is to come of the body."""
    return b"".join([chunk async for chunk in reply.chunks()])


@contextlib.asynccontextmanager
async def asking(
    script: Script,
    *,
    tls: Callable[[], Tls] = lambda: PLAIN,
    server: ssl.SSLContext | None = None,
    url: str = "",
    clock: Callable[[], float] = steady,
    slept: Callable[[], float] = slept,
    **bounds: float,
) -> AsyncIterator[Asking]:
    """Run an upstream with `script`, and the leg that is tested in front of it."""
    async with serving(script, server) as origin:
        limits = Bounds(**{**BOUNDS, **bounds})  # type: ignore[arg-type]  # connections is an int in every test
        async with Upstream(url or origin.url, limits, tls, clock, slept) as upstream:
            yield Asking(upstream, origin)
            assert upstream.busy == 0, "every connection taken was given back"
