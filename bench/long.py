"""The long part: what a request costs beside idle callers, and after many requests. Only the sidecar is asked."""

from __future__ import annotations

import contextlib
import resource
from typing import TYPE_CHECKING, Final

from bench import subjects
from bench.client import ASKED, exchange
from bench.errors import BenchError
from bench.load import load, warm
from bench.parts import loaded
from bench.plan import BESIDE, rotated
from bench.readings import AGED, FRESH, SIDECAR, Kind, Measure
from bench.record import say
from bench.transport import connected

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

    from bench.contender import Contender
    from bench.plan import Plan
    from bench.record import Record
    from bench.stage import Stage

_OURS: Final = subjects.ALL[0]
_FRESH_AFTER: Final = 10_000
_PIECE: Final = 5  # seconds of load at a time, on the way to the next number
_WINDOW: Final = 1  # seconds; short and few, since every window makes the fresh one older
_WINDOWS: Final = 3


def beside_idle_callers(stage: Stage, plan: Plan, record: Record) -> None:
    """Measure 64 callers at work while others keep an idle connection each; rounds go through all numbers."""
    _make_room(max(plan.idle) + 256)
    with record.attempt("idle callers"), stage.contender(_OURS) as one:
        for number in range(plan.rounds):
            for idle in rotated(plan.idle, number):
                say(f"{idle} idle callers, round {number + 1} of {plan.rounds}")
                with idle_callers(one.port, idle):
                    warm(one.port, BESIDE)
                    _, cpu = loaded(one, BESIDE, plan.seconds, stage.other_core)
                record.readings.add(Measure(Kind.IDLE_CPU, idle), SIDECAR, number, cpu)


@contextlib.contextmanager
def idle_callers(port: int, count: int) -> Iterator[None]:
    """Hold so many connections that were served once; BenchError when one of them was ended meanwhile."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connected(port)) for _ in range(count)]
        for connection in held:
            exchange(connection, ASKED)
        yield
        ended = sum(not _is_open(connection) for connection in held)
        if ended:
            raise BenchError(f"{ended} of {count} idle connections were ended")


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)  # noqa: FBT003  # the standard library's own spelling
    try:
        connection.recv(1)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _make_room(files: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < files:
        raise BenchError(f"{files} open files are needed and {most} allowed: raise it with `ulimit -n`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), most))


def after_past_requests(stage: Stage, plan: Plan, record: Record) -> None:
    """Measure one process that has served ever more requests beside another that has served few, each time anew.

    What the machine does meanwhile happens to both, so the ratio tells what the past costs.
    """
    with record.attempt("past requests"), stage.contender(_OURS) as aged:
        served = 0
        for past in plan.past:
            served = _serve(stage, aged, served, past)
            with stage.contender(_OURS) as fresh:
                _serve(stage, fresh, 0, min(_FRESH_AFTER, past))
                served += _compare(stage, {AGED: aged, FRESH: fresh}, past, record)


def _serve(stage: Stage, one: Contender, served: int, wanted: int) -> int:
    """Load until so many requests have been served; return how many it were."""
    while served < wanted:
        say(f"{one.subject.title}: {served:,} of {wanted:,} requests")
        report = load(one.port, BESIDE, 1 if wanted - served <= _FRESH_AFTER else _PIECE, stage.other_core)
        served += report.requests
    return served


def _compare(stage: Stage, pair: Mapping[str, Contender], past: int, record: Record) -> int:
    """Measure both in turns; return the requests that the aged one served meanwhile."""
    served = 0
    for number in range(_WINDOWS):
        for name, one in rotated(list(pair.items()), number):
            warm(one.port, BESIDE)
            report, cpu = loaded(one, BESIDE, _WINDOW, stage.other_core)
            served += report.requests if name == AGED else 0
            record.readings.add(Measure(Kind.PAST_CPU, past), name, number, cpu)
            record.readings.add(Measure(Kind.PAST_MEMORY, past), name, number, one.resident_bytes() / 1e6)
    return served
