"""Each row of the table holds, and docs/refusals.md is what they show."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import pytest
import table
from rows import ReplyRow, RequestRow, get

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from play import Played, Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A sidecar and its upstream for all rows."""
    with table.staged(tmp_path_factory.mktemp("framing")) as running:
        yield running


class Plays(dict[str, "Played"]):
    """Rows, played when they are first asked for: a worker that is given some of the tests plays only those."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def __missing__(self, name: str) -> Played:
        self[name] = self._stage.play(table.ROWS[name])
        return self[name]


@pytest.fixture(scope="module")
def played(stage: Stage) -> Plays:
    """All rows, each played at most once."""
    return Plays(stage)


@pytest.mark.parametrize("name", table.ROWS)
def test_a_row_of_the_table_holds(name: str, played: Plays) -> None:
    assert played[name].faults == []


def test_the_page_is_what_a_run_shows(played: Plays, figures: Callable[[str], None]) -> None:
    written = table.PAGE.read_text(encoding="utf-8").splitlines()
    diff = difflib.unified_diff(written, table.page(played).splitlines(), "docs/refusals.md", "this run", lineterm="")
    assert list(diff) == [], "renew it with: python tests/proof/framing/table.py --write"
    figures(f"{len(table.ROWS)} rows, docs/refusals.md is what this run shows")


def test_no_two_rows_bear_one_name() -> None:
    assert len(table.ROWS) == sum(len(rows) for rows in table.GROUPS.values())


@pytest.mark.parametrize(
    "wrong",
    [
        RequestRow(name="refused", sends=(get(),), sees=(400,)),
        RequestRow(name="served and nothing arrives", sends=(get(),), sees=(200,)),
        RequestRow(name="served and the connection ends", sends=(get(),), sees=(200,), ends=True),
        ReplyRow(name="refused", sends=(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",), sees=502),
        ReplyRow(name="dropped", sends=(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",), sees=200, body=b"ok"),
        ReplyRow(
            name="sent twice",
            sends=(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",),
            sees=200,
            body=b"ok",
            used_again=True,
            sendings=2,
        ),
    ],
    ids=lambda row: row.name,
)
def test_a_row_that_does_not_hold_is_found(wrong: RequestRow | ReplyRow, stage: Stage) -> None:
    assert stage.play(wrong).faults != []
