from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from calling import until
from told import PLAIN
from trails import Memory, checked

from sidecar import events
from sidecar.audit import trail as module
from sidecar.audit.chain import End
from sidecar.audit.scribe import Rules
from sidecar.audit.sink import Torn
from sidecar.audit.trail import Trail, opened
from sidecar.config.model import Audit
from sidecar.errors import AuditError
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFUSED = dataclasses.replace(PLAIN, attempts=0, status=503, upstream_status=0)
FULL = "the audit trail cannot be written: No space left on device"
SLOW = "the audit trail cannot keep up: too many lines wait for the disk"


class Kept:
    """A trail over a sink of a test's own, what it told, and what it said of requests."""

    def __init__(self, on_failure: Any = "stop", fsync: Any = "always", sink: Memory | None = None) -> None:
        self.sink = sink or Memory()
        self.told: list[events.Event] = []
        self.barred: list[str] = []
        self.trail = Trail(self.sink, Rules(fsync=fsync, max_size=2**30, keep=0), on_failure)
        self.trail.tell, self.trail.bar = self.told.append, self.barred.append

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.sink.lines()]

    def written(self, count: int) -> None:
        """Return once there are so many lines; they hold."""
        until(lambda: len(self.sink.lines()) >= count, f"{count} lines are written")
        assert checked(self.sink.lines()).count == 0

    def of(self, kind: type[events.Event]) -> list[events.Event]:
        return [event for event in self.told if isinstance(event, kind)]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN", 0.01)
    monkeypatch.setattr(module, "_FAREWELL", 0.2)


@pytest.fixture
def kept() -> Iterator[Kept]:
    one = Kept()
    one.trail.begin()
    yield one
    one.trail.close()


def test_it_begins_with_a_line_of_its_own_before_anything_happens(kept: Kept) -> None:
    kept.written(1)
    assert kept.events() == ["trail begun"]


def test_a_later_process_goes_on_and_says_so() -> None:
    one = Kept()
    one.sink.end, one.sink.torn = End(7, "a" * 64), Torn(3, "b" * 64)
    one = Kept(sink=one.sink)
    one.trail.begin()
    one.trail.close()
    (line,) = map(json.loads, one.sink.lines())
    assert (line["seq"], line["event"], line["torn"], line["torn_sha256"]) == (8, "trail continued", 3, "b" * 64)


def test_a_trail_with_nothing_but_a_torn_line_in_it_goes_on() -> None:
    sink = Memory()
    sink.torn = Torn(3, "b" * 64)
    one = Kept(sink=sink)
    one.trail.begin()
    one.trail.close()
    assert one.events() == ["trail continued"]


def test_what_it_holds_is_written_and_nothing_else(kept: Kept) -> None:
    kept.trail(PLAIN)
    kept.trail(events.Caution(detail="d", remedy="r"))
    kept.trail(events.TrailHead(why="rotated", file="f", seq=1, head="h"))
    kept.trail(events.Stopped(cut=0))
    kept.written(3)
    assert kept.events() == ["trail begun", "request", "stopped"]


def test_an_event_is_told_with_the_time_at_which_it_came(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "time", lambda: 1_780_000_000.5)
    kept.trail(PLAIN)
    kept.written(2)
    assert json.loads(kept.sink.lines()[1])["time"] == "2026-05-28T20:26:40.500000Z"


async def test_nothing_blocks_the_event_loop(kept: Kept) -> None:
    for _ in range(200):
        kept.trail(PLAIN)
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while len(kept.sink.lines()) < 201:  # noqa: ASYNC110  # another thread writes them
            await asyncio.sleep(0.005)


def test_lines_wait_for_each_other_where_none_is_wanted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST", 0.3)
    one = Kept(fsync="batch")
    one.trail.begin()
    one.written(1)
    for _ in range(5):
        one.trail(PLAIN)
        time.sleep(0.02)
    one.written(6)
    assert one.sink.asked.count("sync") == 2
    one.trail.close()


def test_a_secret_that_dies_before_its_line_is_written_is_not_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST", 0.2)
    one = Kept(fsync="batch")
    one.trail.begin()
    one.written(1)
    secret = Secret("open-sesame")
    one.trail(dataclasses.replace(PLAIN, path="/open-sesame"))
    del secret
    one.trail.close()
    assert json.loads(one.sink.lines()[1])["path"] == "/[redacted]"


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_waits_at_the_end_is_written_at_once_and_the_head_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST", 30.0)
    one = Kept(fsync="batch")
    one.trail.begin()
    one.written(1)
    for _ in range(10):
        one.trail(PLAIN)
        time.sleep(0.001)  # the thread has the first of them in its hands
    one.trail.close()
    assert len(one.sink.lines()) == 11
    report = checked(one.sink.lines())
    first, last = one.of(events.TrailHead)
    assert first == events.TrailHead(why="opened", file="memory", seq=0, head=End().head)
    assert last == events.TrailHead(why="closed", file="memory", seq=11, head=report.head)
    assert one.sink.asked[-1] == "close"
    assert "audit" not in [thread.name for thread in threading.enumerate()]


def test_a_trail_that_was_never_begun_is_closed_without_a_line() -> None:
    one = Kept()
    one.trail.close()
    assert (one.sink.asked, one.told) == (["close"], [])


def test_lines_that_cannot_be_written_at_the_end_are_told_as_lost() -> None:
    one = Kept()
    one.trail.begin()
    one.written(1)
    one.sink.room = 0
    one.trail(PLAIN)
    one.trail(PLAIN)
    until(lambda: bool(one.barred and one.barred[-1]), "the failure is seen")
    one.trail.close()
    assert one.trail.lost == 2
    failed = one.of(events.TrailFailed)[-1]
    assert isinstance(failed, events.TrailFailed)
    assert failed.detail == f"2 lines are lost: {FULL}"
    head = one.of(events.TrailHead)[-1]
    assert isinstance(head, events.TrailHead)
    assert head.seq == 1


# ── a disk that is full ─────────────────────────────────────────────────────────────────────────────────────────


def test_while_it_cannot_be_written_no_request_is_carried_and_then_it_goes_on_by_itself(kept: Kept) -> None:
    kept.written(1)
    kept.sink.room = 0
    kept.trail(PLAIN)
    until(lambda: kept.barred[-1:] == [FULL], "requests are barred")
    for _ in range(3):
        kept.trail(REFUSED)
    kept.trail(PLAIN)
    assert kept.of(events.TrailFailed) == [events.TrailFailed(detail=FULL, remedy=module._REMEDY, stops=True)]  # noqa: SLF001  # the text is its
    assert kept.trail.shown()["failing"] == "No space left on device"
    kept.sink.room = 10**9
    until(lambda: kept.barred[-1] == "", "requests are carried again")
    assert kept.events() == ["trail begun", "request", "request", "trail resumed"]
    told = json.loads(kept.sink.lines()[-1])
    assert (told["lost"], told["refused"], told["cause"]) == (0, 3, "No space left on device")
    assert kept.of(events.TrailResumed) == [events.TrailResumed(lost=0, refused=3)]
    assert kept.trail.shown() == {
        "file": "memory",
        "seq": 4,
        "head": checked(kept.sink.lines()).head,
        "waiting": 0,
        "lost": 0,
        "refused": 3,
        "failing": None,
    }


def test_a_failure_is_told_once_however_long_it_lasts(kept: Kept) -> None:
    kept.written(1)
    kept.sink.room = 0
    kept.trail(PLAIN)
    until(lambda: kept.barred.count(FULL) > 5, "it was tried again and again")
    assert len(kept.of(events.TrailFailed)) == 1
    kept.sink.room = 10**9


def test_a_second_failure_tells_of_what_is_new_alone(kept: Kept) -> None:
    kept.written(1)
    for count in (2, 1):
        kept.sink.room = 0
        kept.trail(PLAIN)
        until(lambda: kept.barred[-1:] == [FULL], "requests are barred")
        for _ in range(count):
            kept.trail(REFUSED)
        kept.sink.room = 10**9
        until(lambda: kept.barred[-1:] == [""], "requests are carried again")
    assert kept.of(events.TrailResumed) == [
        events.TrailResumed(lost=0, refused=2),
        events.TrailResumed(lost=0, refused=1),
    ]


def test_a_refused_request_is_a_line_while_the_trail_can_be_written(kept: Kept) -> None:
    kept.trail(REFUSED)
    kept.written(2)
    assert kept.trail.refused == 0


def test_where_it_goes_on_lines_beyond_the_room_are_counted_and_the_trail_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_ROOM", 5)
    one = Kept("count")
    one.trail.begin()
    one.written(1)
    one.sink.room = 0
    one.trail(PLAIN)
    until(lambda: bool(one.trail.failing), "the failure is seen")
    for _ in range(9):
        one.trail(PLAIN)
    one.trail(REFUSED)
    assert (one.trail.lost, one.trail.refused, one.barred) == (5, 0, [])
    one.sink.room = 10**9
    one.written(8)
    assert one.events() == ["trail begun", *["request"] * 6, "trail resumed"]
    assert json.loads(one.sink.lines()[-1])["lost"] == 5
    one.trail.close()


def test_where_it_stops_a_disk_that_is_too_slow_bars_requests_until_the_lines_are_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_ROOM", 5)
    monkeypatch.setattr(module, "_ADMITTED", 3)
    one, may_go_on, write = Kept(), threading.Event(), Memory.write
    one.trail.begin()
    one.written(1)

    def slow(self: Memory, data: bytes) -> int:
        may_go_on.wait(10)
        return write(self, data)

    monkeypatch.setattr(Memory, "write", slow)
    one.trail(PLAIN)
    until(one.trail._queue.empty, "the thread is at it")  # noqa: SLF001  # no one is told
    for _ in range(5):
        one.trail(PLAIN)
    assert SLOW not in one.barred
    for _ in range(5):
        one.trail(PLAIN)
    assert one.barred.count(SLOW) == 3
    assert one.trail.lost == 2
    may_go_on.set()
    until(lambda: one.barred[-1] == "", "requests are carried again")
    until(lambda: "trail resumed" in one.events(), "the trail tells of the lost ones")
    assert json.loads(one.sink.lines()[-1])["lost"] == 2
    one.trail.close()
    assert len(one.sink.lines()) == 11


def test_a_bug_in_a_line_is_told_and_the_next_lines_are_written(kept: Kept) -> None:
    kept.written(1)
    kept.trail(dataclasses.replace(PLAIN, path=7))
    until(lambda: bool(kept.of(events.Bug)), "the bug is told")
    kept.trail(PLAIN)
    kept.written(3)
    until(lambda: not kept.trail.failing, "it is written again")
    assert "request" in kept.events()


# ── opened as configured ────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_kept_as_the_configuration_says(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    one = opened(str(path), Audit(file=str(path), max_size=600, keep=1), None)
    told: list[events.Event] = []
    one.tell = told.append
    one.begin()
    for _ in range(10):
        one(PLAIN)
    one.close()
    assert len(list(tmp_path.glob("audit.jsonl.[0-9]*"))) == 1
    heads = [event for event in told if isinstance(event, events.TrailHead)]
    assert {head.why for head in heads} == {"opened", "rotated", "closed"}
    assert [head.seq for head in heads] == sorted(head.seq for head in heads)
    with pytest.raises(AuditError):
        opened(str(tmp_path), Audit(), None)


def test_stdout_gets_whole_lines() -> None:
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw)
    one = opened("-", Audit(file="-"), stdout)
    one.begin()
    one(PLAIN)
    one.close()
    assert checked(raw.getvalue().splitlines(keepends=True)).lines == 2
    assert not stdout.closed


def test_without_a_stdout_it_is_no_place_for_a_trail() -> None:
    with pytest.raises(AuditError, match="there is no stdout"):
        opened("-", Audit(file="-"), None)
