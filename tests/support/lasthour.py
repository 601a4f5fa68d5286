"""A sidecar of this process with an hour behind it that nobody had to wait for: a real session, made-up traffic."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from calling import PATIENCE
from operating import Files, Operated, assembled, finhub, until

from sidecar import events
from sidecar.observe.history import SLOT, SLOTS
from sidecar.server import serve
from sidecar.wire.clock import steady, utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from sidecar.app.sidecar import Sidecar

WRONG: Final = "wrong-from-the-start"


class Clocks:
    """Both clocks of the sidecar, ahead of the machine's by `ahead` seconds."""

    _MODULES: Final = ("sidecar.app.lanes", "sidecar.app.oncall", "sidecar.app.tenancy")

    def __init__(self) -> None:
        self.ahead = 0.0

    def steady(self) -> float:
        return steady() + self.ahead

    def utc_now(self) -> float:
        return utc_now() + self.ahead

    @contextlib.contextmanager
    def instead(self) -> Iterator[None]:
        """Let the sidecar that is built meanwhile go by these."""
        with contextlib.ExitStack() as stack:
            for module in self._MODULES:
                stack.enter_context(mock.patch(f"{module}.steady", self.steady))
                stack.enter_context(mock.patch(f"{module}.utc_now", self.utc_now))
            yield


@dataclass(frozen=True, slots=True)
class Scene:
    """What is to be seen: `prepare` before the sidecar is there, its `state`, and traffic by slot (0 to 359).

    `aged`: seconds that have passed since the session got there. `slept`: slots in which nobody counted.
    """

    state: str
    prepare: Callable[[Files], None]
    traffic: Callable[[int, random.Random], list[dict[str, Any]]]
    aged: float = 0.0
    slept: range = range(0)


_GOOD: Final = {"status": 200, "upstream_status": 200, "source": "upstream", "reason": ""}
_SERVER: Final = {"status": 503, "upstream_status": 503, "source": "upstream", "reason": ""}
_NO_TOKEN: Final = {"status": 503, "upstream_status": 0, "source": "sidecar", "attempts": 0}


def _day(slot: int, chance: random.Random) -> list[dict[str, Any]]:
    """Ordinary traffic: slow waves, now and then an error, now and then a token that ends before its time."""
    told = [dict(_GOOD) for _ in range(int(14 + 8 * abs((slot % 90) / 45 - 1) + chance.random() * 5))]
    if chance.random() < 0.02:
        told.append(dict(_SERVER))
    if slot in {87, 204}:
        told[0]["replay"] = events.TOKEN_REFUSED
    return told


def _fails_from(slot_of_failure: int, failing: dict[str, Any]) -> Callable[[int, random.Random], list[dict[str, Any]]]:
    def traffic(slot: int, chance: random.Random) -> list[dict[str, Any]]:
        told = _day(slot, chance)
        return told if slot < slot_of_failure else [dict(failing) for _ in told]

    return traffic


def _well(_: Files) -> None: ...


def _away(files: Files) -> None:
    files.emulator.fault("login:status=503,retry_after=600")


def _wrong(files: Files) -> None:
    files.put("password", WRONG)


SCENES: Final = {
    "healthy": Scene("FRESH", _well, _day, aged=1080.0),
    "cooling": Scene("COOLING", _away, _fails_from(346, _NO_TOKEN | {"reason": "destination_unavailable"}), 140.0),
    "blocked": Scene("BLOCKED", _wrong, _fails_from(318, _NO_TOKEN | {"reason": "proxy_configuration_error"}), 420.0),
}


@contextlib.asynccontextmanager
async def played(folder: Path, scene: Scene) -> AsyncIterator[Operated]:
    """Play `scene` until the block ends."""
    clocks, told = Clocks(), list[events.Event]()
    async with finhub(folder) as files:
        scene.prepare(files)
        with clocks.instead():
            async with _serving(files, clocks, scene, told) as one:
                yield one


@contextlib.asynccontextmanager
async def _serving(files: Files, clocks: Clocks, scene: Scene, told: list[events.Event]) -> AsyncIterator[Operated]:
    sidecar = await assembled(files, told)
    past = Past(sidecar, scene, clocks.steady() + scene.aged)
    past.goes_on_until(clocks.steady())
    done = asyncio.create_task(serve(sidecar))
    one = Operated(files, sidecar, told, done)
    try:
        await until(lambda: sidecar.up.is_set() and one.session()["state"] == scene.state)
        clocks.ahead = scene.aged
        past.goes_on_until(clocks.steady())
        yield one
    finally:
        sidecar.hurry.set()
        sidecar.stop("the scene is over")
        await asyncio.wait({done}, timeout=PATIENCE)


class Past:
    """The hour before the instant `now` of a scene, always the same."""

    def __init__(self, sidecar: Sidecar, scene: Scene, now: float) -> None:
        self._sidecar, self._scene, self._now = sidecar, scene, now
        self._slot = 0
        self._chance = random.Random(20260101)  # noqa: S311  # the same traffic every time

    def goes_on_until(self, instant: float) -> None:
        """Let happen what happened up to then."""
        while self._slot <= SLOTS and (at := self._now - (SLOTS - self._slot) * SLOT) <= instant:
            if self._slot not in self._scene.slept:
                self._sidecar.on_call.hour.sample(at, self._sidecar.metrics.totals())
            for changes in self._scene.traffic(self._slot, self._chance):
                self._sidecar.metrics(_request(self._chance, changes))
                self._sidecar.gateway.traffic.total += 1
            self._slot += 1


def _request(chance: random.Random, changes: dict[str, Any]) -> events.Forwarded:
    seconds = 0.03 * chance.lognormvariate(0.0, 0.55)
    told: dict[str, Any] = {
        "request_id": "",
        "method": "GET",
        "path": "/",
        "rule": "",
        "duration": seconds if changes["source"] == "upstream" else 0.001,
        "session_wait": 0.0,
        "upstream_duration": seconds,
        "received": 0,
        "sent": 100,
        "attempts": 1,
        "replay": "",
        "outcome": "complete",
    }
    return events.Forwarded(**{**told, **changes})
