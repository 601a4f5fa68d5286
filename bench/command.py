"""`python -m bench`: arguments, the run, and what is left of it."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

from bench import long, machine, parts, subjects, terminal, written
from bench.errors import BenchError
from bench.plan import IDLE, LATENCY, LOAD, LONG, ORDINARY, PAST, STARTS, TRANSFERS, Plan
from bench.record import Record, say
from bench.stage import stage
from bench.verdicts import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.stage import Stage
    from bench.subject import Subject

_AT_MOST: Final = 3600
"""Seconds after which a run is ended, whatever it waits for."""


_BUSY: Final = 0.5


def main(arguments: Sequence[str]) -> int:
    """Run the command; 0, 1 when something could not be measured, 2 when it could not begin."""
    options = parsed(arguments)
    plan = planned(options)
    record = Record()
    _mind_others()
    try:
        with _bounded():
            _measure(plan, installed(options.only, record), record)
    except BenchError as error:
        say(str(error))
        return 2
    judged = judge(record.readings)
    sys.stdout.write(
        f"{terminal.table(record.readings)}\n{terminal.trends(record.readings)}\n{terminal.verdicts(judged)}\n"
    )
    if options.write:
        versions = {one.title: one.version() or "" for one in subjects.ALL if one.name in options.only}
        written.write(record.readings, judged, plan, versions)
    for trouble in record.troubles:
        say(f"could not be measured: {trouble}")
    return 1 if record.troubles else 0


def _measure(wanted: Plan, compared: list[Subject], record: Record) -> None:
    with stage(*machine.cores()) as ready:
        if {*ORDINARY} & {*wanted.parts} - {STARTS}:
            _side_by_side(ready, wanted, compared, record)
        if STARTS in wanted.parts:
            parts.starts(ready, compared, wanted, record)
        if IDLE in wanted.parts:
            long.beside_idle_callers(ready, wanted, record)
        if PAST in wanted.parts:
            long.after_past_requests(ready, wanted, record)


def _side_by_side(ready: Stage, wanted: Plan, compared: list[Subject], record: Record) -> None:
    with ready.contenders(compared, record) as contenders:
        if LOAD in wanted.parts:
            parts.under_load(ready, contenders, wanted, record)
        if LATENCY in wanted.parts:
            parts.one_caller(ready, contenders, wanted, record)
        if TRANSFERS in wanted.parts:
            parts.large_bodies(contenders, wanted, record)


def installed(names: Sequence[str], record: Record) -> list[Subject]:
    """Return the subjects of these names that are installed; of the others it is noted how to get them."""
    found = []
    for subject in subjects.ALL:
        if subject.name in names:
            if subject.version() is None:
                record.troubles.append(f"{subject.title} is not installed ({subject.remedy})")
            else:
                found.append(subject)
    return found


def planned(options: argparse.Namespace) -> Plan:
    """Return what the options want to be measured."""
    whole = Plan(parts=options.parts + (LONG if options.long else ()))
    base = whole.quick() if options.quick else whole
    given = {name: getattr(options, name) for name in ("callers", "rounds", "seconds")}
    return dataclasses.replace(base, **{name: value for name, value in given.items() if value is not None})


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; SystemExit with 2 where they make no sense."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.write and options.quick:
        parser.error("--write takes a whole run: leave --quick out")
    return options


def _parser() -> argparse.ArgumentParser:
    names = tuple(subject.name for subject in subjects.ALL)
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the sidecar beside nginx, Envoy and a naive proxy, in one run on this machine.",
        epilog="Without options: some five minutes, on two cores that have nothing else to do.",
    )
    parser.add_argument("--quick", action="store_true", help="half a minute that only shows that everything runs")
    parser.add_argument("--long", action="store_true", help="also beside idle callers and after a million requests")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and docs/performance.svg")
    _add_list(parser, "--only", _one_of(names), names, "who is compared")
    _add_list(parser, "--parts", _one_of(ORDINARY + LONG), ORDINARY, "what is measured")
    _add_list(parser, "--callers", _positive, None, "numbers of callers")
    parser.add_argument("--rounds", type=_positive, metavar="N", help="how often everything is measured")
    parser.add_argument("--seconds", type=_positive, metavar="N", help="of load for each reading")
    return parser


def _add_list(parser: argparse.ArgumentParser, option: str, one: Callable[[str], Any], default: Any, text: str) -> None:
    """Add an option that takes a list with commas in it."""

    def several(value: str) -> tuple[Any, ...]:
        return tuple(one(part) for part in value.split(","))

    said = "" if default is None else f"; default: {','.join(default)}"
    parser.add_argument(option, type=several, default=default, metavar="LIST", help=text + said)


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return number


def _one_of(names: tuple[str, ...]) -> Callable[[str], str]:
    def known(value: str) -> str:
        if value not in names:
            raise argparse.ArgumentTypeError(f"{value!r} is none of {', '.join(names)}")
        return value

    return known


def _mind_others() -> None:
    """Say so when the machine has something else to do: its ratios are worth less."""
    busy = os.getloadavg()[0]
    if busy > _BUSY:
        say(f"this machine is not idle (load {busy:.1f}): the rounds will disagree")


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """End the block after a time, and when this process is asked to end, on the way that ends all it has started."""
    before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGALRM)}
    signal.alarm(_AT_MOST)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)
