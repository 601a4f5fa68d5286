"""The audit trail of an assembled sidecar: what it hears, whom it bars, and how it tells of itself."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING

from operating import finhub, operated, until
from trails import Memory

from sidecar import events
from sidecar.audit.scribe import Rules
from sidecar.audit.trail import Trail

if TYPE_CHECKING:
    from pathlib import Path

BALANCE = "/api/v2.1/wallets/w-1/balance"


def kept() -> tuple[Memory, Trail]:
    sink = Memory()
    return sink, Trail(sink, Rules(fsync="always", max_size=2**30, keep=0), "stop")


async def test_without_one_the_status_says_so(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        assert one.sidecar.status()["audit"] is None


async def test_it_hears_what_happens_and_is_shown_in_the_status(tmp_path: Path) -> None:
    sink, trail = kept()
    async with finhub(tmp_path) as files, operated(files, trail) as one:
        await one.logged_in()
        trail.begin()
        assert (await one.call("GET", BALANCE)).status == 200
        assert (await one.control("POST", "/-/reload")).status == 200
        await until(lambda: one.sidecar.status()["audit"]["waiting"] == 0)
        told = [json.loads(line)["event"] for line in sink.lines()]
        shown = json.loads((await one.control("GET", "/status")).body)["audit"]
        assert (shown["file"], shown["seq"], shown["failing"]) == ("memory", len(told), None)
        one.sidecar.hurry.set()
        one.sidecar.stop("the test")
        await one.done
        await asyncio.to_thread(trail.close)
    told = [json.loads(line)["event"] for line in sink.lines()]
    assert {"identity loaded", "started", "session minted", "request", "control"} < set(told)
    assert told[-2:] == ["draining", "stopped"]
    await until(lambda: [head.why for head in one.events(events.TrailHead)] == ["opened", "closed"])


async def test_while_it_cannot_be_written_nothing_is_carried_whatever_is_reloaded(tmp_path: Path) -> None:
    sink, trail = kept()
    async with finhub(tmp_path) as files, operated(files, trail) as one:
        await one.logged_in()
        trail.begin()
        await until(lambda: bool(sink.lines()))
        sink.room = 0
        assert (await one.call("GET", BALANCE)).status == 200
        await until(lambda: bool(trail.failing))
        await until(lambda: bool(one.sidecar.gateway.traffic.barred))
        before = one.sidecar.gateway
        files.add("listen", "max_requests = 7")
        assert (await one.control("POST", "/-/reload")).status == 200
        assert one.sidecar.gateway is not before
        assert (await one.call("GET", BALANCE)).status == 503
        assert b"No space left" in (await one.control("GET", "/readyz")).body
        assert any("audit trail" in problem["what"] for problem in one.sidecar.status()["problems"])
        (failed,) = one.events(events.TrailFailed)
        assert failed.stops
        sink.room = 10**9
        await until(lambda: not one.sidecar.gateway.traffic.barred)
        assert (await one.call("GET", BALANCE)).status == 200
        await until(lambda: bool(one.events(events.TrailResumed)))
        served = [event for event in one.events(events.Forwarded) if event.status == 200]
        assert [event.tenant for event in served] == [one.session()["tenant"]] * 2
        await asyncio.to_thread(trail.close)


async def test_what_it_tells_of_itself_is_told_on_the_event_loop(tmp_path: Path) -> None:
    _, trail = kept()
    threads: list[str] = []
    async with finhub(tmp_path) as files, operated(files, trail) as one:
        one.sidecar.emit = lambda _: threads.append(threading.current_thread().name)
        teller = threading.Thread(
            target=trail.tell, args=(events.TrailFailed(detail="d", remedy="r", stops=True),), name="another"
        )
        teller.start()
        await until(lambda: bool(threads))
        teller.join()
    assert threads[0] == threading.current_thread().name
