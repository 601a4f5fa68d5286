"""The process as an operator handles it: ended, killed, started again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from calling import BALANCE, curl, get, post, until
from crowd import constant_load, crowd

if TYPE_CHECKING:
    from staging import SidecarProcess, Stage


def in_flight(sidecar: SidecarProcess) -> int:
    running: int = sidecar.status()["requests"]["in_flight"]
    return running


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "/-/quit"])
async def test_asked_to_end_it_finishes_what_runs_refuses_what_comes_and_exits_0(stage: Stage, how: str) -> None:
    sidecar = stage.run()
    async with crowd(sidecar.url) as callers:
        slow = [asyncio.create_task(callers.get("/api/slow?seconds=1")) for _ in range(8)]
        await asyncio.to_thread(until, lambda: in_flight(sidecar) == 8, "eight requests run")
        if how == "/-/quit":
            await asyncio.to_thread(post, f"{sidecar.admin}/-/quit")
        else:
            sidecar.process.send_signal(signal.Signals[how])
        await asyncio.to_thread(until, lambda: refused(sidecar.listen), "new callers are refused")
        unready = await asyncio.to_thread(get, f"{sidecar.admin}/readyz")
        got = await asyncio.gather(*slow)
    assert (unready.status, unready.body) == (503, b"draining\n")
    assert Counter(each.status for each in got) == {200: 8}
    assert await asyncio.to_thread(sidecar.process.wait, 30) == 0
    assert stage.finhub.counts.abandoned == 0
    (stopped,) = sidecar.lines("stopped")
    assert stopped["cut"] == 0


def refused(listen: str) -> bool:
    host, port = listen.split(":")
    try:
        socket.create_connection((host, int(port)), 5).close()
    except ConnectionRefusedError:
        return True
    return False


async def test_ended_under_load_it_answers_in_full_or_not_at_all(stage: Stage) -> None:
    sidecar = stage.run()
    statuses: Counter[int] = Counter()

    async def ask_until_it_is_gone() -> None:
        with contextlib.suppress(OSError):
            async with crowd(sidecar.url) as callers:
                while True:
                    statuses.update((await constant_load(callers, BALANCE, number=1, seconds=0)).statuses)
                    statuses[(await callers.get("/api/bytes/50000")).status] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(ask_until_it_is_gone())
        await asyncio.sleep(0.5)
        sidecar.process.terminate()
    assert set(statuses) == {200}
    assert await asyncio.to_thread(sidecar.process.wait, 30) == 0


def test_killed_it_starts_again_on_the_same_port_beside_its_own_dead_connections(stage: Stage) -> None:
    first = stage.run()
    address = first.listen
    host, port = address.split(":")
    with socket.create_connection((host, int(port))) as left_over:
        left_over.sendall(b"GET /api/slow?seconds=60 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: in_flight(first) == 1, "a request runs")
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
        second = stage.run(LISTEN__ADDRESS=address)
    assert second.listen == address
    assert get(f"{second.url}{BALANCE}").status == 200


def test_killed_it_starts_again_on_the_same_unix_socket(stage: Stage) -> None:
    path = stage.finhub.folder / "s"
    for number in (1, 2):
        sidecar = stage.run(LISTEN__ADDRESS=f"unix:{path}")
        assert sidecar.listen == f"unix:{path}"
        assert path.stat().st_mode & 0o777 == 0o600
        got = curl("--unix-socket", str(path), "--write-out", "%{http_code}", f"http://any.name{BALANCE}")
        assert got.stdout.endswith(b"200"), f"start {number}"
        sidecar.end(signal.SIGKILL)
        assert path.exists()


def test_what_another_sidecar_listens_on_is_left_to_it(stage: Stage) -> None:
    first = stage.run()
    path = stage.finhub.folder / "s"
    stage.run(LISTEN__ADDRESS=f"unix:{path}")
    for address in (first.listen, f"unix:{path}"):
        late = stage.start(["run", "--config", str(stage.finhub.config)], LISTEN__ADDRESS=address)
        assert late.process.wait(30) == 5
        assert address in late.stderr
    assert get(f"{first.url}{BALANCE}").status == 200
    assert curl("--unix-socket", str(path), f"http://localhost{BALANCE}").returncode == 0


def test_it_dumps_no_core_and_starts_with_no_key_that_everybody_can_read(stage: Stage) -> None:
    limits = stage.run().proc("limits").decode().splitlines()
    assert [line.split()[4:6] for line in limits if line.startswith("Max core file size")] == [["0", "0"]]
    key = stage.finhub.folder / "client.key"
    key.chmod(0o644)
    refused = stage.start(["run", "--config", str(stage.finhub.config)])
    assert refused.process.wait(30) == 3
    assert "identity.unsafe_key_mode" in refused.stderr
    assert stage.run(IDENTITY__UNSAFE_KEY_MODE="true").lines("identity loaded")[0]["warnings"]
