"""What a manager is told of a sidecar in this process; the process itself is in tests/deploy/test_systemd.py."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import pytest
from manager import Told, notified
from operating import Files, Operated, operated, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@contextlib.asynccontextmanager
async def managed(
    files: Files, told: Told, monkeypatch: pytest.MonkeyPatch, watchdog: float = 0.0
) -> AsyncIterator[Operated]:
    for name, value in notified(told, watchdog).items():
        monkeypatch.setenv(name, value)
    async with operated(files) as one:
        yield one


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path / "notify")


async def test_it_is_ready_once_both_listeners_serve_and_says_in_words_how_it_is(
    files: Files, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.emulator.fault("login:delay=0.5")
    with told:
        async with managed(files, told, monkeypatch) as one:
            await until(lambda: bool(told.messages))
            assert told.messages[0] == {"READY": "1", "STATUS": "no valid FinHub session (EMPTY)"}
            assert (await one.control("GET", "/startupz")).status == 200
            await until(lambda: told.all("STATUS")[-1] == "ready; session FRESH")


async def test_rejected_credentials_are_told_in_words(
    files: Files, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.put("password", "wrong\n")
    with told:
        async with managed(files, told, monkeypatch):
            await until(lambda: "BLOCKED" in told.all("STATUS")[-1] if told.messages else False)
    assert told.course == ["READY", "STOPPING"]


@pytest.mark.parametrize("how", ["/-/reload", "a broken file"])
async def test_a_reload_is_told_from_its_beginning_to_its_end(
    files: Files, told: Told, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with told:
        async with managed(files, told, monkeypatch) as one:
            await until(lambda: told.course == ["READY"])
            before = time.monotonic_ns() // 1000
            files.add("listen", "max_body = 5" if how == "/-/reload" else "max_body = 0")
            assert (await one.control("POST", "/-/reload")).status == (200 if how == "/-/reload" else 422)
            await until(lambda: told.course == ["READY", "RELOADING", "READY"])
            (stamp,) = told.all("MONOTONIC_USEC")
            assert before <= int(stamp) <= time.monotonic_ns() // 1000
            if how != "/-/reload":
                assert told.all("STATUS")[-1].endswith("; the last reload was refused, see the log")


async def test_of_two_reloads_at_once_the_last_ones_end_is_the_end(
    files: Files, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    with told:
        async with managed(files, told, monkeypatch) as one:
            await until(lambda: told.course == ["READY"])
            await asyncio.gather(one.sidecar.reload(), one.sidecar.reload())
            await until(lambda: told.course == ["READY", "RELOADING", "RELOADING", "READY"])


async def test_the_way_down_asks_for_the_time_that_the_configuration_gives_it(
    files: Files, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.add("drain", "min = 0.5")
    files.add("drain", "max = 120")
    with told:
        async with managed(files, told, monkeypatch) as one:
            await until(lambda: told.course == ["READY"])
            one.sidecar.stop("test")
            await until(lambda: told.course == ["READY", "STOPPING"])
            (last,) = (message for message in told.messages if "STOPPING" in message)
            assert last["EXTEND_TIMEOUT_USEC"] == "130500000"
            assert last["STATUS"].startswith("draining; session ")
            await one.sidecar.reload()
            await one.done
    assert told.course == ["READY", "STOPPING"]


async def test_signs_of_life_come_at_half_the_time_also_on_the_way_down(
    files: Files, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.add("drain", "min = 1.0")
    with told:
        async with managed(files, told, monkeypatch, watchdog=0.4) as one:
            await until(lambda: len(told.all("WATCHDOG")) >= 3)
            one.sidecar.stop("test")
            await until(lambda: "STOPPING" in told.course)
            before = len(told.all("WATCHDOG"))
            await one.done
    assert len(told.all("WATCHDOG")) - before >= 2


async def test_without_what_keeps_the_session_there_is_no_sign_of_life(
    files: Files, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    with told:
        async with managed(files, told, monkeypatch, watchdog=0.2) as one:
            await until(lambda: bool(told.all("WATCHDOG")))
            (session,) = [task for task in asyncio.all_tasks() if task.get_name() == "session"]
            session.cancel()
            await until(lambda: told.all("STATUS")[-1].startswith("what keeps the session has ended"))
            before = len(told.all("WATCHDOG"))
            await asyncio.sleep(0.5)
            assert len(told.all("WATCHDOG")) == before
            assert (await one.control("GET", "/livez")).status == 200


async def test_a_manager_that_asks_for_no_signs_gets_none(
    files: Files, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    with told:
        async with managed(files, told, monkeypatch) as one:
            await one.logged_in()
            await until(lambda: told.all("STATUS")[-1] == "ready; session FRESH")
    assert told.all("WATCHDOG") == []


async def test_what_the_manager_waits_for_is_said_again_until_it_is_taken(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.server.manager._TICK", 0.05)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "later"))
    async with operated(files):
        with Told(tmp_path / "later") as told:
            await until(lambda: told.course == ["READY"])


async def test_a_way_that_leads_nowhere_changes_nothing(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "vsock:2:1234")
    async with operated(files) as one:
        await one.logged_in()
        assert [task for task in asyncio.all_tasks() if task.get_name() == "service manager"] == []
