"""What the command line means, and what it refuses."""

from __future__ import annotations

import os

import pytest

from bench import command, machine, subjects
from bench.plan import LONG, ORDINARY, Plan
from bench.record import Record
from bench.subject import Subject


def planned(*arguments: str) -> Plan:
    return command.planned(command.parsed(arguments))


def test_without_options_everything_ordinary_is_measured() -> None:
    assert planned() == Plan()
    assert command.parsed(()).only == ("sidecar", "nginx", "envoy", "naive")


def test_options_say_what_is_measured_and_how_often() -> None:
    plan = planned("--callers", "64", "--rounds", "3", "--parts", "load,starts")
    assert (plan.callers, plan.rounds, plan.seconds, plan.parts) == ((64,), 3, 2, ("load", "starts"))


def test_a_quick_run_can_be_a_long_one_and_its_rounds_be_given() -> None:
    plan = planned("--quick", "--long", "--rounds", "2")
    assert plan.parts == ORDINARY + LONG
    assert (plan.rounds, plan.seconds, plan.past) == (2, 1, (1_000, 10_000))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "sidecar,apache"), "'apache' is none of sidecar, nginx, envoy, naive"),
        (("--parts", "all"), "'all' is none of load"),
        (("--callers", "many"), "invalid"),
        (("--callers", "0"), "at least 1"),
        (("--rounds", "0"), "at least 1"),
        (("--write", "--quick"), "--write takes a whole run"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_who_is_missing_is_named_with_the_remedy_and_the_others_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    naive = subjects.ALL[-1]
    missing = Subject("envoy", "Envoy", naive.prepare, lambda: None, "pip install it")
    monkeypatch.setattr(subjects, "ALL", (missing, naive))
    record = Record()
    assert command.installed(("envoy", "naive"), record) == [naive]
    assert record.troubles == ["Envoy is not installed (pip install it)"]
    assert command.installed(("naive",), Record()) == [naive]


def test_a_run_that_cannot_begin_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with machine.on_core(min(os.sched_getaffinity(0))):
        assert command.main(["--quick"]) == 2
    assert "two cores are needed" in capsys.readouterr().err
