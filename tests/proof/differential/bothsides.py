"""Both proxies side by side before one recording upstream: the same bytes go in, and what comes out is kept."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import nginx
import realsidecar
from messages import Reply, Unsound
from rawhttp import Caller
from recorder import OK, Arrival, Recorder, answer
from steps import NUMBER, Answer, Step, Talk, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import trustme
    from messages import Request
    from recorder import Exchange, Script


@dataclass(slots=True)
class Outcome:
    """What one side made of one step: the caller's reply, and every request that arrived for it."""

    reply: Reply | None = None
    arrived: list[Request] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Compared:
    """What both sides made of one step."""

    step: Step
    nginx: Outcome
    sidecar: Outcome


class Bench:
    """Plays talks on both sides. `played` counts the requests that went to each.

    Attributes:
        strays: arrivals that no request of the talk accounts for: a half request taken for a whole one, or a late one.
    """

    def __init__(self, sidecar: realsidecar.Sidecar, nginx_address: str, upstream: Recorder) -> None:
        self.sidecar = sidecar
        self.authority = upstream.authority
        self.upstream = upstream
        self.strays: list[Arrival] = []
        self.played = 0
        self._addresses = {"nginx": nginx_address, "sidecar": sidecar.address}
        self._numbers = itertools.count(1)
        self.answers: dict[bytes, tuple[bytes, Answer]] = {}

    def play(self, talk: Talk) -> list[Compared]:
        """Play the talk on both sides; return what became of each step."""
        numbers = [next(self._numbers) for _ in talk.steps]
        self.answers = {b"%d" % n: (s.method, s.answer) for n, s in zip(numbers, talk.steps, strict=True)}
        self.played += len(talk.steps)
        outcomes = {side: self._play_on(side, talk, numbers) for side in self._addresses}
        for arrival in self._take():
            number = arrival.request.values(NUMBER)[0]
            if number in self.answers:
                outcomes[arrival.connection.peer][numbers.index(int(number))].arrived.append(arrival.request)
            else:
                self.strays.append(arrival)
        pairs = zip(talk.steps, outcomes["nginx"], outcomes["sidecar"], strict=True)
        return [Compared(*pair) for pair in pairs]

    def _take(self) -> list[Arrival]:
        taken = list(self.upstream.arrivals)
        del self.upstream.arrivals[: len(taken)]
        return taken

    def _play_on(self, side: str, talk: Talk, numbers: list[int]) -> list[Outcome]:
        address = self._addresses[side]
        messages = [step.to_bytes(number) for step, number in zip(talk.steps, numbers, strict=True)]
        play = _at_once if talk.pipelined else _one_by_one
        replies = play(address, talk.steps, messages)
        if talk.abort is not None:
            self._break_off(address, talk)
        return [Outcome(reply) for reply in replies]

    def _break_off(self, address: str, talk: Talk) -> None:
        """Send a part of one more request; nobody is to take it for a whole one."""
        whole = talk.steps[-1].to_bytes(next(self._numbers))
        part = whole[: int((talk.abort or 0.0) * len(whole))]
        with Caller(address) as caller:
            caller.send(part)
            if talk.by_reset:
                caller.abort()
            else:
                caller.half_close()
                caller.rest()


def _one_by_one(address: str, steps: tuple[Step, ...], messages: list[bytes]) -> list[Reply | None]:
    """Send each request when the one before it is answered, on one connection for as long as it lasts."""
    replies: list[Reply | None] = []
    with contextlib.ExitStack() as stack:
        caller = stack.enter_context(Caller(address))
        for step, message in zip(steps, messages, strict=True):
            caller.send(*written(message, step.splits))
            replies.append(_reply(caller, step))
            if not _goes_on(replies[-1]):
                caller = stack.enter_context(Caller(address))
    return replies


def _at_once(address: str, steps: tuple[Step, ...], messages: list[bytes]) -> list[Reply | None]:
    """Send all requests in one go, and read as many replies as come."""
    with Caller(address) as caller, caller.sending(b"".join(messages)):
        replies: list[Reply | None] = []
        for step in steps:
            replies.append(_reply(caller, step) if not replies or _goes_on(replies[-1]) else None)
    return replies


def _reply(caller: Caller, step: Step) -> Reply | None:
    try:
        return caller.reply(step.method)
    except Unsound:
        return None


def _goes_on(reply: Reply | None) -> bool:
    if reply is None or reply.framing == "close":
        return False
    options = b",".join(reply.values("connection")).lower()
    return b"close" not in options and (reply.version == b"HTTP/1.1" or b"keep-alive" in options)


@contextlib.contextmanager
def set_up(folder: Path, authority: trustme.CA) -> Iterator[Bench]:
    """Start the upstream, nginx and the sidecar in `folder`, and end them."""
    held: list[Bench] = []
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(Recorder(authority, lambda request: _script(held, request)))
        for name in ("nginx", "sidecar"):
            (folder / name).mkdir()
        plain = stack.enter_context(nginx.running(folder / "nginx", authority, upstream))
        ours = stack.enter_context(realsidecar.running(folder / "sidecar", authority, upstream))
        held.append(Bench(ours, plain, upstream))
        yield held[0]


def _script(held: list[Bench], request: Request) -> Script:
    """Return the script that answers this request as its step says."""
    number = b"".join(request.values(NUMBER))
    if not held or number not in held[0].answers:
        return answer(OK)
    method, wanted = held[0].answers[number]

    def script(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(wanted.to_bytes(method))
        if wanted.framing == "close" and wanted.has_body:
            exchange.finish()

    return script
