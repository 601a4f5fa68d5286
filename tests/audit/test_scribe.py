from __future__ import annotations

import dataclasses
import gc
import json
from typing import TYPE_CHECKING, Any

import pytest
from told import PLAIN
from trails import NOON, Memory, checked

from sidecar.audit.chain import GENESIS, End
from sidecar.audit.scribe import Rules, Scribe, Waiting
from sidecar.audit.sink import FileSink
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def memory() -> Memory:
    return Memory()


def scribe(memory: Memory, **rules: Any) -> Scribe:
    return Scribe(memory, Rules(**{"fsync": "batch", "max_size": 2**30, "keep": 0, **rules}), memory.asked.append)


def put(one: Scribe, count: int = 1, path: str = "/a", secrets: tuple[Secret, ...] = ()) -> None:
    for _ in range(count):
        one.waiting.put(Waiting(dataclasses.replace(PLAIN, path=path), NOON, secrets))


def events(memory: Memory) -> list[str]:
    return [json.loads(line)["event"] for line in memory.lines()]


def test_what_waits_becomes_lines_of_the_chain_in_its_order(memory: Memory) -> None:
    one = scribe(memory)
    put(one, 3)
    one.write()
    report = checked(memory.lines())
    assert (report.lines, report.count, report.head) == (3, 0, one.end.head)
    assert (one.left, one.written) == (0, one.end)


def test_all_that_waits_costs_one_write_and_one_sync(memory: Memory) -> None:
    one = scribe(memory)
    put(one, 100)
    one.write()
    assert memory.asked == ["write", "sync"]


def test_a_disk_is_not_asked_where_nobody_wants_it(memory: Memory) -> None:
    one = scribe(memory, fsync="never")
    put(one)
    one.write()
    assert memory.asked == ["write", "hand on"]


def test_the_chain_goes_on_from_where_the_sink_ends(memory: Memory) -> None:
    memory.end = End(41, "a" * 64)
    one = scribe(memory)
    put(one)
    one.write()
    line = json.loads(memory.lines()[0])
    assert (line["seq"], line["prev"]) == (42, "a" * 64)


def test_what_cannot_be_written_is_kept_to_the_byte_and_written_first(memory: Memory) -> None:
    one = scribe(memory)
    memory.room = 500
    put(one, 5)
    with pytest.raises(OSError, match="No space left"):
        one.write()
    assert (one.left, one.written) == (4, End())
    put(one, 2)
    assert one.left == 6
    for room in (1, 300):
        memory.room = room
        with pytest.raises(OSError, match="No space left"):
            one.write()
    memory.room = 10**9
    one.write()
    report = checked(memory.lines())
    assert (report.lines, report.count) == (7, 0)


def test_a_line_that_was_taken_from_the_queue_can_be_given_back(memory: Memory) -> None:
    one = scribe(memory)
    put(one, path="/first")
    put(one, path="/second")
    one.put_back(one.waiting.get())
    assert one.left == 2
    one.write()
    assert [json.loads(line)["path"] for line in memory.lines()] == ["/first", "/second"]


def test_a_wake_up_is_no_line(memory: Memory) -> None:
    one = scribe(memory)
    one.put_back(None)
    one.wake()
    assert one.left == 0
    one.write()
    assert memory.lines() == []


def test_a_line_of_its_own_comes_behind_those_before_it(memory: Memory) -> None:
    one = scribe(memory)
    put(one)
    one.write()
    one.add("trail resumed", {"lost": 3})
    one.write()
    assert events(memory) == ["request", "trail resumed"]
    assert checked(memory.lines()).count == 0


# ── secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_secret_is_written_and_the_chain_holds_all_the_same(memory: Memory) -> None:
    secret = Secret("open-sesame")
    one = scribe(memory)
    put(one, 2, path="/reset/open-sesame")
    one.write()
    assert b"open-sesame" not in memory.files[0]
    assert json.loads(memory.lines()[0])["path"] == "/reset/[redacted]"
    assert checked(memory.lines()).count == 0
    assert secret


def test_a_secret_that_died_meanwhile_is_not_written_either(memory: Memory) -> None:
    one = scribe(memory)
    put(one, path="/reset/open-sesame", secrets=(Secret("open-sesame"),))
    gc.collect()
    one.write()
    assert b"open-sesame" not in memory.files[0]


def test_a_secret_with_a_line_end_in_it_takes_no_line_with_it(memory: Memory) -> None:
    one = scribe(memory)
    secret = Secret('complete"\n"time":')
    put(one, 3)
    one.write()
    assert checked(memory.lines()).lines == 3
    assert secret


def test_hashes_are_not_searched_for_secrets(memory: Memory) -> None:
    secret = Secret(GENESIS[:8])
    one = scribe(memory)
    put(one)
    one.write()
    assert checked(memory.lines()).count == 0
    assert secret


# ── another file ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_ended_when_it_is_full_and_the_chain_goes_on(memory: Memory) -> None:
    one = scribe(memory, max_size=1500)
    put(one, 20)
    one.write()
    assert len(memory.files) > 3
    assert all(len(file) < 1500 + 500 for file in memory.files)
    assert all(file.endswith(b"\n") for file in memory.files if file)
    report = checked(memory.lines())
    assert (report.lines, report.count) == (20, 0)
    assert memory.asked.count("ended") == memory.asked.count("rotate")


def test_a_file_is_on_the_disk_before_it_is_ended(memory: Memory) -> None:
    one = scribe(memory, max_size=1)
    put(one)
    one.write()
    assert memory.asked == ["write", "sync", "rotate", "ended", "sync"]


def test_a_file_that_was_full_at_the_start_is_ended_first(memory: Memory) -> None:
    memory.size = 2000
    one = scribe(memory, max_size=1500)
    put(one)
    one.write()
    assert (memory.files[0], len(memory.files)) == (b"", 2)


def test_old_files_are_removed_after_the_trail_has_said_so(memory: Memory) -> None:
    one = scribe(memory, max_size=1, keep=2)
    memory.doomed = ["/somewhere/a.1", "/somewhere/a.2"]
    put(one)
    one.write()
    assert events(memory) == ["request", "files removed"]
    told = json.loads(memory.lines()[1])
    assert (told["files"], told["from"], told["to"]) == (2, "a.1", "a.2")
    assert (told["last"], told["head"]) == (1, GENESIS)
    removed = memory.asked.index("remove ['/somewhere/a.1', '/somewhere/a.2']")
    assert memory.asked[removed - 3 : removed] == ["keep 2", "write", "sync"]


def test_lines_that_cannot_be_made_are_told_as_lost_and_do_not_stop_the_others(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = scribe(memory)
    put(one, 3)
    with monkeypatch.context() as broken:
        broken.setattr("sidecar.audit.scribe.redact", lambda _: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            one.write()
    assert one.spoilt == 3
    put(one)
    one.write()
    assert events(memory) == ["request"]


def test_the_least_files_hold_a_line_each(memory: Memory) -> None:
    one = scribe(memory, max_size=1, keep=1)
    put(one, 5)
    one.write()
    assert checked(memory.lines()).lines == 5


@pytest.fixture
def real(tmp_path: Path) -> Iterator[FileSink]:
    sink = FileSink(str(tmp_path / "a"))
    yield sink
    sink.close()


def test_of_a_trail_with_removed_files_what_is_left_is_whole(real: FileSink, tmp_path: Path) -> None:
    one = Scribe(real, Rules(fsync="never", max_size=2000, keep=3), lambda _: None)
    for _ in range(40):
        put(one, 2)
        one.write()
    there = sorted(tmp_path.glob("a.[0-9]*"), key=lambda path: int(path.suffix[1:]))
    assert len(there) == 3
    lines = [line for path in (*there, tmp_path / "a") for line in path.read_bytes().splitlines(keepends=True)]
    report = checked(lines)
    assert (report.count, report.last) == (0, one.end.seq)
    assert report.first > 1
    assert report.notes == [f"lines 1 to {report.first - 1} were removed, and a line says so (audit.keep)"]
