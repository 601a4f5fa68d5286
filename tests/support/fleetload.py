"""One account at FinHub, a real Redis, and sidecar processes that share a session."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from calling import BALANCE, get, until
from scale import scale

if TYPE_CHECKING:
    from redisserver import RedisServer
    from staging import SidecarProcess, Stage

PODS = min(30, 6 * scale())
LEASE = 2.0

_LOAD_PAUSE = 0.05
_CALLERS = 4


@dataclass
class Load:
    """Callers that go from pod to pod; `statuses` are what they saw."""

    urls: list[str]
    statuses: list[int] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for first in range(_CALLERS):
            thread = threading.Thread(target=self._call, args=(first,), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _call(self, number: int) -> None:
        while not self._end.is_set():
            number += _CALLERS
            try:
                self.statuses.append(get(f"{self.urls[number % len(self.urls)]}{BALANCE}").status)
            except OSError:
                self.statuses.append(0)
            time.sleep(_LOAD_PAUSE)

    def seen(self, more: int) -> None:
        """Return once so many more requests are over."""
        enough = len(self.statuses) + more
        until(lambda: len(self.statuses) >= enough, f"{more} more requests are over")

    @property
    def failed(self) -> list[int]:
        return [status for status in self.statuses if status != 200]


@dataclass
class Fleet:
    """The pods, in front of one FinHub."""

    stage: Stage
    redis: RedisServer
    environ: dict[str, str]

    def start(self, count: int = PODS, **more: str) -> list[SidecarProcess]:
        """Start pods together, and return once all listen."""
        command = ["run", "--config", str(self.stage.finhub.config)]
        pods = [self.stage.start(command, **self.environ, **more) for _ in range(count)]
        return [pod.listening() for pod in pods]

    def ready(self, pods: list[SidecarProcess], within: float = 30.0) -> float:
        """Return once every pod has a living session, and the seconds that took."""
        return until(lambda: all(session(pod)["state"] == "FRESH" for pod in pods), "all are ready", within=within)

    def tokens(self, pods: list[SidecarProcess]) -> set[str]:
        """Return the fingerprints of the tokens that the pods have now, as their logs tell."""
        return {fingerprint(pod) for pod in pods}

    def agree(self, pods: list[SidecarProcess]) -> None:
        """Return once all have the same token."""
        until(lambda: len(self.tokens(pods)) == 1, "all have the same token")

    def name(self) -> bytes:
        """Return the name of the one slot in Redis, b"" where there is none yet."""
        parts = self.redis.ask("KEYS", "*").split(b"\r\n")
        return next((part for part in parts if part.startswith(b"finhub-sidecar:")), b"")

    def slot(self) -> bytes:
        """Return all that Redis holds in it, as it comes over the wire."""
        return self.redis.ask("HGETALL", self.name())

    def attempts(self) -> int:
        """Return how many logins FinHub has heard of."""
        return self.stage.finhub.counts.login_attempts


def session(pod: SidecarProcess) -> dict[str, Any]:
    shown: dict[str, Any] = pod.status()["session"]
    return shown


def fingerprint(pod: SidecarProcess) -> str:
    told = [*pod.lines("session minted"), *pod.lines("session taken over from the store")]
    told = sorted((line for line in told if line.get("fingerprint")), key=lambda line: str(line["timestamp"]))
    return str(told[-1]["fingerprint"]) if told else ""
