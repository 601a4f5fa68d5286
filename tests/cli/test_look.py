from __future__ import annotations

import pytest

from sidecar.cli.look import FINE, ROUGH, Look


def of(*, columns: int = 80, terminal: bool = True, encoding: str = "utf-8", **environ: str) -> Look:
    return Look.of(columns=columns, terminal=terminal, environ=environ, encoding=encoding)


@pytest.mark.parametrize(
    ("terminal", "environ", "colors"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_there_are_colours_on_a_terminal_unless_somebody_wants_none(
    terminal: bool,  # noqa: FBT001  # a table's column
    environ: dict[str, str],
    colors: bool,  # noqa: FBT001  # as above
) -> None:
    assert of(terminal=terminal, **environ).colors is colors


@pytest.mark.parametrize(("columns", "width"), [(80, 80), (10, 40), (400, 110)])
def test_lines_are_as_wide_as_the_terminal_within_reason(columns: int, width: int) -> None:
    assert of(columns=columns).width == width


@pytest.mark.parametrize(
    ("encoding", "signs"), [("utf-8", FINE), ("ascii", ROUGH), ("latin-1", ROUGH), ("no-such", ROUGH)]
)
def test_there_are_no_signs_that_the_encoding_does_not_have(encoding: str, signs: object) -> None:
    assert of(encoding=encoding).signs is signs


def test_the_stand_ins_are_in_every_encoding_and_as_many() -> None:
    assert str(ROUGH).isascii()
    assert len(str(ROUGH)) == len(str(FINE))


def test_a_colour_begins_and_ends_and_nothing_else_reaches_the_terminal() -> None:
    assert of().paint("a\x1b[2J", "error") == "\x1b[31ma\\x1b[2J\x1b[0m"
    assert of().paint("a", "unknown") == "a"
    assert of(terminal=False).paint("a\n", "ok") == "a\\n"
    assert of(terminal=False).sign("ok") == "✓"
