"""The file itself: its mode, its wholeness, its lock; the contract is in test_store.py."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import sys
import time
from typing import TYPE_CHECKING

import pytest

from sidecar.session.store import filed
from sidecar.session.store.file import FileStore
from sidecar.session.store.store import Away, Found, Garbled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FileStore]:
    async with FileStore(str(tmp_path / "session"), time.time) as store:
        yield store


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def published(store: FileStore, entry: bytes = b"one") -> None:
    lease = (await store.take("slot", "a", 30.0)).lease
    assert await store.publish("slot", "a", lease, entry, 30.0)


async def test_nobody_else_can_read_the_file_whatever_the_umask_and_what_was_there(
    store: FileStore, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        (tmp_path / "session").write_bytes(b"")
        (tmp_path / "session").chmod(0o666)
        await published(store)
    finally:
        os.umask(before)
    assert modes(tmp_path) == {"session": 0o600, "session.lock": 0o600}


async def test_what_one_left_who_died_while_writing_is_written_over(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "session.new").write_bytes(b"half of it")
    (tmp_path / "session.new").chmod(0o644)
    await published(store)
    assert not (tmp_path / "session.new").exists()
    assert stat.S_IMODE((tmp_path / "session").stat().st_mode) == 0o600


async def test_a_later_process_finds_what_was_written(store: FileStore, tmp_path: Path) -> None:
    await published(store)
    async with FileStore(str(tmp_path / "session"), lambda: time.time() + 10) as later:
        found = await later.read("slot")
    assert found.entry == b"one"
    assert found.age >= 10


async def test_a_file_that_is_not_ours_is_left_as_it_is(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "session").write_text("my diary")
    for call in (store.read("slot"), store.take("slot", "a", 5.0), store.publish("slot", "a", 1, b"x", 5.0)):
        with pytest.raises(Garbled):
            await call
    assert (tmp_path / "session").read_text() == "my diary"


async def test_a_folder_that_is_not_there_or_cannot_be_written_is_away(tmp_path: Path) -> None:
    async with FileStore(str(tmp_path / "nowhere" / "session"), time.time) as store:
        with pytest.raises(Away, match="No such file"):
            await store.take("slot", "a", 5.0)
        assert await store.read("slot") == Found()


async def test_who_keeps_the_file_locked_holds_up_nobody_for_long(store: FileStore, tmp_path: Path) -> None:
    await published(store)
    with (tmp_path / "session.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Away, match="locked"):
            await store.take("slot", "b", 5.0)
        assert (await store.read("slot")).entry == b"one"
    assert (await store.take("slot", "b", 5.0)).lease


async def test_a_process_that_dies_with_the_lock_gives_it_back(store: FileStore, tmp_path: Path) -> None:
    code = "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, 2); print(flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code, str(tmp_path / "session.lock")]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    process.kill()
    await process.wait()
    assert (await store.take("slot", "a", 5.0)).lease


async def test_what_other_processes_change_is_heard_of(store: FileStore, tmp_path: Path) -> None:
    heard = asyncio.Event()
    store.listen("slot", heard.set)
    await asyncio.sleep(0)
    (tmp_path / "other").write_bytes(filed.encode({}, 0.0))
    (tmp_path / "other").replace(tmp_path / "session")
    async with asyncio.timeout(5):
        await heard.wait()


async def test_sixteen_processes_at_once_lose_no_fence_and_no_slot(tmp_path: Path) -> None:
    stores = [FileStore(str(tmp_path / "session"), time.time) for _ in range(16)]
    found = await asyncio.gather(*(one.take(f"slot-{n}", f"{n}", 30.0) for n, one in enumerate(stores)))
    assert all(each.lease for each in found)
    slots = filed.decode((tmp_path / "session").read_bytes())
    assert len(slots) == 16
