from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from trails import text_of, trail

from sidecar.audit.chain import LONGEST
from sidecar.audit.reading import pieces
from sidecar.errors import AuditError

if TYPE_CHECKING:
    from pathlib import Path

LINES = trail(6)


def test_ended_files_are_read_before_the_one_that_is_written_oldest_first(tmp_path: Path) -> None:
    for number, line in (("10", LINES[2]), ("9", LINES[1]), ("2", LINES[0])):
        (tmp_path / f"a.{number}").write_bytes(line)
    (tmp_path / "a").write_bytes(text_of(LINES[3:]))
    (tmp_path / "a.lock").write_bytes(b"")
    path = str(tmp_path / "a")
    assert list(pieces([path])) == [
        (f"{path}.2", 1, LINES[0]),
        (f"{path}.9", 1, LINES[1]),
        (f"{path}.10", 1, LINES[2]),
        (path, 1, LINES[3]),
        (path, 2, LINES[4]),
        (path, 3, LINES[5]),
    ]


def test_several_files_are_read_in_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(LINES[0])
    (tmp_path / "a.1").write_bytes(LINES[1])
    named = [str(tmp_path / "a.1"), str(tmp_path / "a")]
    assert [piece for _, _, piece in pieces(named)] == [LINES[1], LINES[0]]


def test_a_file_may_be_missing_between_two_of_them(tmp_path: Path) -> None:
    (tmp_path / "a.1").write_bytes(LINES[0])
    assert len(list(pieces([str(tmp_path / "a")]))) == 1


def test_files_that_are_ended_while_others_are_read_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "a"
    (tmp_path / "a.1").write_bytes(LINES[0])
    path.write_bytes(LINES[1])
    reading = pieces([str(path)])
    seen = [next(reading)]
    path.rename(tmp_path / "a.2")
    path.write_bytes(LINES[2])
    seen.append(next(reading))
    path.rename(tmp_path / "a.3")
    (tmp_path / "a.4").write_bytes(b"")
    path.write_bytes(LINES[3])
    seen += reading
    assert [line for _, _, line in seen] == LINES[:4]


def test_a_file_that_is_ended_while_it_is_read_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(text_of(LINES[:2]))
    reading = pieces([str(path)])
    seen = [next(reading)]
    path.rename(tmp_path / "a.1")
    path.write_bytes(LINES[2])
    seen += reading
    assert [line for _, _, line in seen] == LINES[:2]


def test_a_very_long_line_is_read_in_pieces_with_one_number(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * (LONGEST + 5) + b"\n" + LINES[0] + b"torn")
    read = [(number, len(piece)) for _, number, piece in pieces([str(path)])]
    assert read == [(1, LONGEST), (1, 6), (2, len(LINES[0])), (3, 4)]


def test_a_path_may_lead_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.1").write_bytes(LINES[0])
    (tmp_path / "there" / "a").write_bytes(LINES[1])
    (tmp_path / "a").symlink_to(tmp_path / "there" / "a")
    assert [line for _, _, line in pieces([str(tmp_path / "a")])] == LINES[:2]


@pytest.mark.parametrize("names", [["a"], ["nowhere/a"], ["a", "b"]])
def test_a_file_that_is_not_there_is_told(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(AuditError, match=r"cannot be read: No such file"):
        list(pieces([str(tmp_path / name) for name in names]))
