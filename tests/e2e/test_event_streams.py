"""Server-sent events: each reaches the caller before FinHub sends the next one, on whichever way it was asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from origin import Visit, serving
from playground import ENVIRON, GRANT, configuration
from rawcaller import calling, request
from staging import SidecarProcess

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = 5
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def event(number: int) -> bytes:
    return b"id: %d\ndata: {}\n\n" % number


class FinHub:
    """Sends an event when, and not before, it is told that the one before was seen; `chunked`, or until it ends."""

    def __init__(self, *, chunked: bool) -> None:
        self.seen = asyncio.Semaphore(0)
        self.chunked = chunked

    async def talk(self, visit: Visit) -> None:
        while True:
            asked = await visit.request()
            if asked.target.startswith(b"/api/v2/auth/"):
                await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(GRANT), GRANT)
            elif asked.target == b"/short":
                await visit.send(OK)
            else:
                await self._events(visit)
                if not self.chunked:
                    return

    async def _events(self, visit: Visit) -> None:
        await visit.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" if self.chunked else HEAD + b"\r\n")
        for number in range(EVENTS):
            await self.seen.acquire()
            text = event(number)
            await visit.send(b"%x\r\n%b\r\n" % (len(text), text) if self.chunked else text)
        if self.chunked:
            await visit.send(b"0\r\n\r\n")


@pytest.mark.parametrize("chunked", [True, False])
async def test_each_event_is_seen_before_the_next_is_sent(tmp_path: Path, *, chunked: bool) -> None:
    finhub = FinHub(chunked=chunked)
    async with serving(finhub.talk) as origin:
        config = tmp_path / "sidecar.toml"
        config.write_text(configuration(origin.url))
        process = SidecarProcess(["run", "--config", str(config)], ENVIRON, tmp_path, 1)
        await asyncio.to_thread(lambda: process.start().listening())
        try:
            async with calling(int(process.listen.rpartition(":")[2])) as caller:
                for target in (b"/events", b"/short", b"/events", b"/events"):  # from the third on it is asked at once
                    await caller.send(request(b"GET", target, b"Accept: text/event-stream"))
                    if target == b"/short":
                        assert (await caller.reply()).raw == OK
                        continue
                    assert b"\r\nContent-Type: text/event-stream" in await caller.head()
                    for number in range(EVENTS):
                        text = event(number)
                        finhub.seen.release()
                        async with asyncio.timeout(10):
                            came = await caller.reader.readuntil(text)
                        assert came.endswith(text)
                    assert await caller.reader.readuntil(b"0\r\n\r\n") == b"\r\n0\r\n\r\n"
            lines = await asyncio.to_thread(process.requests)
            assert [line["outcome"] for line in lines] == ["complete"] * 4
        finally:
            await asyncio.to_thread(process.end)
    assert process.process.returncode == 0
