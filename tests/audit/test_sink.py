from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from trails import NOON, chained, text_of, trail

from sidecar.audit.chain import GENESIS, End, read
from sidecar.audit.members import note
from sidecar.audit.sink import FileSink, Torn
from sidecar.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES = trail(5)


def end_of(line: bytes) -> End:
    link = read(line.rstrip(b"\n"))
    assert link is not None
    return End(link.seq, link.hash)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def sink(path: Path) -> Iterator[FileSink]:
    opened = FileSink(str(path))
    yield opened
    opened.close()


def reopened(path: Path) -> FileSink:
    """Open the trail and close it again: what was found stays."""
    opened = FileSink(str(path))
    opened.close()
    return opened


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir() if each.suffix != ".lock")


# ── opened ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_file_is_for_its_owner_alone(sink: FileSink, path: Path) -> None:
    os.umask(0o022)
    try:
        FileSink(str(path.parent / "other")).close()
    finally:
        os.umask(0o077)
    assert stat.S_IMODE((path.parent / "other").stat().st_mode) == 0o600
    assert (sink.end, sink.torn, sink.size) == (End(0, GENESIS), None, 0)


def test_lines_are_added_behind_what_is_there(sink: FileSink, path: Path) -> None:
    assert sink.write(LINES[0]) == len(LINES[0])
    sink.close()
    again = FileSink(str(path))
    again.write(LINES[1])
    assert (again.end, again.size) == (end_of(LINES[0]), len(LINES[0]) + len(LINES[1]))
    assert path.read_bytes() == LINES[0] + LINES[1]
    sink._fd, sink._lock = again._fd, again._lock  # noqa: SLF001  # for the fixture to close


def test_a_second_one_is_kept_out_until_the_first_is_closed(sink: FileSink, path: Path) -> None:
    with pytest.raises(AuditError, match="is being written by another process"):
        FileSink(str(path))
    (path.parent / "link").symlink_to(path)
    with pytest.raises(AuditError, match="is being written by another process"):
        FileSink(str(path.parent / "link"))
    assert sink.write(LINES[0])


def test_after_a_failure_to_open_the_lock_is_free(path: Path) -> None:
    path.mkdir()
    for _ in range(2):
        with pytest.raises(AuditError, match="cannot be opened: Is a directory"):
            FileSink(str(path))
    path.rmdir()
    assert reopened(path).size == 0


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="No such file or directory"):
        FileSink(str(tmp_path / "nowhere" / "audit.jsonl"))


def test_what_is_no_ordinary_file_is_refused(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(AuditError, match="no ordinary file") as caught:
        FileSink(str(path))
    assert '"-" for stdout' in caught.value.remedy


# ── what is found at the end ────────────────────────────────────────────────────────────────────────────────────


def test_the_last_whole_line_is_where_the_trail_goes_on(path: Path) -> None:
    path.write_bytes(text_of(LINES))
    found = reopened(path)
    assert (found.end, found.torn) == (end_of(LINES[-1]), None)


def test_a_whole_line_that_lacks_only_its_newline_counts_and_gets_it(path: Path) -> None:
    path.write_bytes(text_of(LINES[:2])[:-1])
    sink = FileSink(str(path))
    assert (sink.end, sink.torn) == (end_of(LINES[1]), None)
    sink.write(LINES[2])
    sink.close()
    assert path.read_bytes() == text_of(LINES[:3])


@pytest.mark.parametrize("length", [1, 10, 200])
def test_a_torn_line_stays_and_gets_an_end(path: Path, length: int) -> None:
    torn = LINES[2][:length]
    path.write_bytes(text_of(LINES[:2]) + torn)
    sink = FileSink(str(path))
    assert (sink.end, sink.torn) == (end_of(LINES[1]), Torn.of(torn))
    assert sink.write(LINES[2]) == len(LINES[2])
    sink.write(LINES[3])
    sink.close()
    assert path.read_bytes() == text_of(LINES[:2]) + torn + b"\n" + LINES[2] + LINES[3]
    assert sink.size == path.stat().st_size


def test_a_torn_line_may_be_all_there_is(path: Path) -> None:
    path.write_bytes(LINES[0][:30])
    found = reopened(path)
    assert (found.end, found.torn) == (End(), Torn.of(LINES[0][:30]))


def test_several_torn_lines_are_told_of_together(path: Path) -> None:
    path.write_bytes(text_of(LINES[:2]) + b"torn\n\nagain")
    found = reopened(path)
    assert (found.end, found.torn) == (end_of(LINES[1]), Torn.of(b"tornagain"))


def test_a_changed_last_line_is_not_gone_on_with(path: Path) -> None:
    path.write_bytes(text_of(LINES).replace(b"204", b"999"))
    with pytest.raises(AuditError, match=r"its last line \(number 5\) is not what was written"):
        FileSink(str(path))
    assert path.read_bytes() == text_of(LINES).replace(b"204", b"999")


def test_a_large_file_of_something_else_is_left_alone(path: Path) -> None:
    path.write_bytes(b"x" * 2**21)
    with pytest.raises(AuditError, match="is no audit trail"):
        FileSink(str(path))


def test_the_end_of_a_large_trail_is_found_without_reading_it_all(path: Path) -> None:
    lines = chained(note("request", NOON, {"detail": "x" * 1000}) for _ in range(1100))
    path.write_bytes(text_of(lines))
    assert path.stat().st_size > 2**20
    assert reopened(path).end == end_of(lines[-1])


def test_without_a_file_the_newest_of_the_ended_ones_is_gone_on_with(path: Path) -> None:
    (path.parent / "audit.jsonl.9").write_bytes(text_of(LINES[:2]))
    (path.parent / "audit.jsonl.10").write_bytes(text_of(LINES[2:4]))
    (path.parent / "audit.jsonl.11").write_bytes(b"")  # its name was taken, and then the process ended
    assert reopened(path).end == end_of(LINES[3])


def test_a_torn_line_at_the_end_of_an_ended_file_is_told_of(path: Path) -> None:
    (path.parent / "audit.jsonl.1").write_bytes(LINES[0] + b"torn")
    path.write_bytes(b"too")
    found = reopened(path)
    assert (found.end, found.torn) == (end_of(LINES[0]), Torn.of(b"torntoo"))


# ── another file ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_ended_file_gets_the_next_number_and_nothing_is_renamed_over(sink: FileSink, path: Path) -> None:
    (path.parent / "audit.jsonl.4").write_bytes(b"somebody's")
    sink.write(LINES[0])
    assert sink.rotate() == f"{path}.5"
    sink.write(LINES[1])
    assert names(path) == ["audit.jsonl", "audit.jsonl.4", "audit.jsonl.5"]
    assert (path.parent / "audit.jsonl.4").read_bytes() == b"somebody's"
    assert (path.parent / "audit.jsonl.5").read_bytes() == LINES[0]
    assert (path.read_bytes(), sink.size) == (LINES[1], len(LINES[1]))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_name_that_is_taken_meanwhile_is_not_renamed_over(
    sink: FileSink, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.write(LINES[0])
    (path.parent / "audit.jsonl.1").write_bytes(b"somebody's")
    monkeypatch.setattr(sink, "_numbers", list)  # it was not there when we looked
    with pytest.raises(FileExistsError):
        sink.rotate()
    assert (path.parent / "audit.jsonl.1").read_bytes() == b"somebody's"
    assert path.read_bytes() == LINES[0]


def test_a_rotation_that_ended_in_the_middle_is_completed(sink: FileSink, path: Path) -> None:
    sink.write(LINES[0])
    path.rename(path.parent / "audit.jsonl.1")
    sink.rotate()
    sink.write(LINES[1])
    assert names(path) == ["audit.jsonl", "audit.jsonl.1"]
    assert path.read_bytes() == LINES[1]


@pytest.mark.parametrize("away", [True, False])
def test_a_file_that_somebody_took_away_is_begun_anew(sink: FileSink, path: Path, away: bool) -> None:  # noqa: FBT001  # a table's column
    sink.write(LINES[0])
    moved = path.rename(path.parent / "moved")
    if not away:
        path.write_bytes(b"")
    sink.write(LINES[1])
    assert (moved.read_bytes(), path.read_bytes(), sink.size) == (LINES[0], LINES[1], len(LINES[1]))


def test_a_file_that_somebody_cut_has_the_size_that_it_has(sink: FileSink, path: Path) -> None:
    sink.write(text_of(LINES[:3]))
    os.truncate(path, len(LINES[0]))
    sink.write(LINES[3])
    assert sink.size == path.stat().st_size == len(LINES[0]) + len(LINES[3])


def test_files_beyond_those_that_are_kept_are_named_with_the_line_that_the_rest_begins_after(
    sink: FileSink, path: Path
) -> None:
    for line in LINES[:4]:
        sink.write(line)
        sink.rotate()
    assert sink.surplus(4) == sink.surplus(5) == sink.surplus(99) == ([], End())
    doomed, begin = sink.surplus(2)
    assert (doomed, begin) == ([f"{path}.1", f"{path}.2"], end_of(LINES[1]))
    sink.remove([*doomed, f"{path}.77"])
    assert names(path) == ["audit.jsonl", "audit.jsonl.3", "audit.jsonl.4"]


def test_an_empty_file_among_those_that_are_kept_is_passed_over(sink: FileSink, path: Path) -> None:
    for line in LINES[:2]:
        sink.write(line)
        sink.rotate()
    sink.rotate()
    sink.write(LINES[2])
    assert sink.surplus(1) == ([f"{path}.1", f"{path}.2"], end_of(LINES[1]))


def test_nothing_is_removed_while_nobody_can_tell_what_the_rest_begins_after(sink: FileSink) -> None:
    sink.write(LINES[0])
    sink.rotate()
    sink.rotate()
    assert sink.surplus(1) == ([], End())
