"""The parts of an ordinary run. In each round every contender has its turn, beginning with another one each time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from bench import site
from bench.client import ASKED, request
from bench.errors import BenchError
from bench.latency import median_latency
from bench.load import load, warm
from bench.plan import rotated
from bench.readings import Kind, Measure
from bench.record import say
from bench.transfer import download, upload
from bench.transport import connected, mutual_tls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.contender import Contender
    from bench.plan import Plan
    from bench.record import Record
    from bench.report import Report
    from bench.stage import Stage
    from bench.subject import Subject

_DIRECT: Final = request("GET", site.PATH, f"Authorization: Bearer {site.TOKEN}")


def under_load(stage: Stage, contenders: Sequence[Contender], plan: Plan, record: Record) -> None:
    """Measure requests a second, latencies and processor time at each number of callers, and the memory after it.

    The numbers go up from round to round, not within one: the memory after few callers is not that of many.
    """
    for callers in plan.callers:
        for number in range(plan.rounds):
            say(f"{callers} callers, round {number + 1} of {plan.rounds}")
            for one in rotated(contenders, number):
                with record.attempt(f"{one.subject.title}, {callers} callers"):
                    for kind, value in _turn(stage, one, callers, plan.seconds).items():
                        record.readings.add(Measure(kind, callers), one.subject.name, number, value)


def _turn(stage: Stage, one: Contender, callers: int, seconds: int) -> dict[Kind, float]:
    warm(one.port, callers)
    report, cpu = loaded(one, callers, seconds, stage.other_core)
    return {
        Kind.RATE: report.rate,
        Kind.CPU: cpu,
        Kind.P50: report.p50,
        Kind.P99: report.p99,
        Kind.MEMORY: one.resident_bytes() / 1e6,
    }


def loaded(one: Contender, callers: int, seconds: int, core: int) -> tuple[Report, float]:
    """Load a contender; return the report and its processor time per request in microseconds.

    BenchError when a request failed: what is answered wrongly is not compared.
    """
    before = one.cpu_seconds()
    report = load(one.port, callers, seconds, core)
    used = one.cpu_seconds() - before
    if report.failed:
        raise BenchError(f"{report.failed} of {report.requests} requests failed")
    return report, used * 1e6 / report.requests


def one_caller(stage: Stage, contenders: Sequence[Contender], plan: Plan, record: Record) -> None:
    """Measure what each adds to a direct request over mutual TLS, caller, proxy and upstream all on one core."""
    tls = mutual_tls(stage.site.certificates)
    with stage.on_one_core():
        for number in range(plan.rounds):
            say(f"one caller on one core, round {number + 1} of {plan.rounds}")
            with connected(stage.site.upstream, tls) as connection:
                direct = median_latency(connection, _DIRECT, plan.latency_seconds)
            for one in rotated(contenders, number):
                with record.attempt(f"{one.subject.title}, one caller"), connected(one.port) as connection:
                    through = median_latency(connection, ASKED, plan.latency_seconds)
                    record.readings.add(Measure(Kind.ADDED), one.subject.name, number, through - direct)


def large_bodies(contenders: Sequence[Contender], plan: Plan, record: Record) -> None:
    """Measure 100 MB each way."""
    for number in range(plan.rounds):
        say(f"100 MB each way, round {number + 1} of {plan.rounds}")
        for one in rotated(contenders, number):
            for kind, move in ((Kind.DOWNLOAD, download), (Kind.UPLOAD, upload)):
                with record.attempt(f"{one.subject.title}, {kind.words}"):
                    record.readings.add(Measure(kind), one.subject.name, number, move(one.port))


def starts(stage: Stage, subjects: Sequence[Subject], plan: Plan, record: Record) -> None:
    """Measure the time from starting each to its first served request."""
    for number in range(plan.rounds):
        say(f"starts, round {number + 1} of {plan.rounds}")
        for subject in rotated(subjects, number):
            with contextlib.ExitStack() as stack, record.attempt(f"{subject.title}, start"):
                one = stack.enter_context(stage.contender(subject))
                record.readings.add(Measure(Kind.START), subject.name, number, one.started_in * 1000)
