"""A laptop that slept: the process stands still, across the token's end and away from the network, and then goes on.

A clock that jumps and timers that stand still meanwhile, as in a real sleep, are moved in tests/session/test_source.py
and tests/gateway/upstream/test_pool.py.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from calling import BALANCE, Got, get, post, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from staging import SidecarProcess, Stage

LIFETIME = 2.0
SLEEP = 3.3  # seconds: beyond the token's end, and beyond the end of the nap that it was to be renewed after
OFFLINE = 1.5


@dataclass
class Caller:
    """Asks once, in a thread of its own, and notes what came and how long it took."""

    ask: Callable[[], Got]
    got: list[Got] = field(default_factory=list)
    took: float = 0.0

    def start(self) -> Caller:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def _run(self) -> None:
        began = time.monotonic()
        self.got.append(self.ask())
        self.took = time.monotonic() - began

    def answer(self) -> Got:
        self._thread.join(30)
        return self.got[0]


@contextlib.contextmanager
def asleep(sidecar: SidecarProcess, seconds: float = SLEEP) -> Iterator[None]:
    """Stop the process, for so long at least; what is in the block happens meanwhile."""
    sidecar.process.send_signal(signal.SIGSTOP)
    until(lambda: b"State:\tT" in sidecar.proc("status"), "it stands still")
    began = time.monotonic()
    yield
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    sidecar.process.send_signal(signal.SIGCONT)


def go_away(stage: Stage) -> None:
    """End all connections to FinHub, and let nobody reach it."""
    stage.finhub._run(stage.finhub.emulator.stop())  # noqa: SLF001  # a stage of ours


def come_back(stage: Stage) -> None:
    """Let FinHub be reached again, where it was."""
    stage.finhub._run(stage.finhub.emulator.start())  # noqa: SLF001  # as above


def awake(put_up: Callable[..., Stage], login: str, **environ: str) -> tuple[Stage, SidecarProcess]:
    stage = put_up(token_lifetime=LIFETIME)
    sidecar = stage.run(SESSION__LOGIN=login, **environ)
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    return stage, sidecar


ASK = {"GET": lambda url: get(f"{url}{BALANCE}"), "POST": lambda url: post(f"{url}/api/echo", b"{}")}


@pytest.mark.parametrize("login", ["eager", "lazy"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_first_request_after_a_sleep_is_right_on_one_login_though_token_and_connections_are_dead(
    put_up: Callable[..., Stage], login: str, method: str
) -> None:
    stage, sidecar = awake(put_up, login)
    expected = ASK[method](sidecar.url).status
    before = stage.finhub.counts
    with asleep(sidecar):
        go_away(stage)
        come_back(stage)
    assert ASK[method](sidecar.url).status == expected < 300
    assert stage.finhub.since(before, "login_attempts", "logins", "unauthorized") == (1, 1, 0)
    assert sidecar.lines("session not renewed") == []


@pytest.mark.parametrize("login", ["eager", "lazy"])
def test_the_first_request_waits_for_a_network_that_comes_a_moment_later(
    put_up: Callable[..., Stage], login: str
) -> None:
    stage, sidecar = awake(put_up, login)
    before = stage.finhub.counts
    with asleep(sidecar):
        go_away(stage)
    callers = [Caller(lambda: ASK["GET"](sidecar.url)).start() for _ in range(5)]
    time.sleep(OFFLINE)
    come_back(stage)
    assert [caller.answer().status for caller in callers] == [200] * 5
    assert all(caller.took >= OFFLINE for caller in callers)
    assert stage.finhub.since(before, "login_attempts", "logins", "unauthorized") == (1, 1, 0)


def test_a_network_that_stays_away_is_told_within_the_callers_patience(put_up: Callable[..., Stage]) -> None:
    stage, sidecar = awake(put_up, "lazy", SESSION__WAIT="2.0")
    with asleep(sidecar):
        go_away(stage)
    caller = Caller(lambda: ASK["GET"](sidecar.url)).start()
    answer = caller.answer()
    assert (answer.status, answer.fields["Proxy-Status"]) == (503, "finhub-sidecar; error=connection_refused")
    assert answer.fields["Retry-After"] == "1"
    assert 1.0 <= caller.took <= 3.0
    come_back(stage)
    until(lambda: ASK["GET"](sidecar.url).status == 200, "FinHub is there again", within=5.0)


def test_what_was_asked_during_the_sleep_does_not_go_out_on_a_dead_connection(put_up: Callable[..., Stage]) -> None:
    """Token alive, connections dead: both are told in the same turn of the event loop, in any order."""
    stage = put_up()
    sidecar = stage.run()
    host, port = sidecar.listen.split(":")
    fields = b"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    request = b"POST /api/echo HTTP/1.1\r\n" + fields + b"{}"
    with socket.create_connection((host, int(port)), timeout=30) as caller:
        for _ in range(5):
            caller.sendall(request)
            assert caller.recv(65536).split()[1][:1] == b"2"
            with asleep(sidecar, 0.1):
                go_away(stage)
                come_back(stage)
                caller.sendall(request)
            assert caller.recv(65536).split()[1][:1] == b"2"
    assert stage.finhub.counts.logins == 1
