"""A command and its sidecar in this process: the command is a stand-in, the sidecar before an emulator is real.

With real commands and real signals: `test_exec.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import origin
import proxying
import pytest
from operating import Files, finhub

from sidecar import events
from sidecar.app.sidecar import Sidecar
from sidecar.cli.escort import Escort
from sidecar.cli.exits import code_of
from sidecar.errors import ProxyCredentialsRefused, Rejected, UpstreamError
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path


@dataclass
class Command:
    """A child that ends when it is told to."""

    environ: dict[str, str] = field(default_factory=dict)
    signals: list[int] = field(default_factory=list)
    over: bool = False
    ended_at: float = float("-inf")
    started: asyncio.Event = field(default_factory=asyncio.Event)
    signalled: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def ended(self) -> asyncio.Future[int]:
        return self._ended

    def let_go(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.started.set()

    def signal(self, number: int) -> None:
        if not self.over:
            self.signals.append(number)
            self.signalled.set()

    def end(self, code: int) -> None:
        self.over = True
        self._ended.set_result(code)


class Hearing:
    """Signals, as the test likes."""

    hear: Callable[[int, bool], None]

    @contextlib.contextmanager
    def told(self, hear: Callable[[int, bool], None]) -> Iterator[None]:
        self.hear = hear
        yield


@dataclass
class Scene:
    sidecar: Sidecar
    command: Command
    signals: Hearing
    told: list[events.Event]
    files: Files

    def escort(self, *, key: str | None = None, patience: float = 20.0) -> asyncio.Task[int]:
        running = cast("Any", type("Standing", (), {"sidecar": self.sidecar, "listeners": None}))
        caller_key = None if key is None else Secret(key)
        escort = Escort(
            running, cast("Any", self.command), cast("Any", self.signals), caller_key=caller_key, patience=patience
        )
        return asyncio.create_task(escort.run())


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with finhub(tmp_path) as files:
        told: list[events.Event] = []
        sidecar = await asyncio.to_thread(lambda: Sidecar(files.read(), files.environ, told.append))
        yield Scene(sidecar, Command(), Hearing(), told, files)


async def test_it_is_let_go_after_the_login_and_its_status_is_returned_after_the_drain(scene: Scene) -> None:
    escort = scene.escort(key="a-key-for-callers")
    await scene.command.started.wait()
    assert [event for event in scene.told if isinstance(event, events.Minted)]
    assert scene.command.environ["FINHUB_BASE_URL"] == f"http://{scene.sidecar.listen}"
    assert scene.command.environ["FINHUB_CALLER_KEY"] == "a-key-for-callers"
    scene.command.end(7)
    assert await escort == 7
    assert isinstance(scene.told[-1], events.Stopped)
    assert scene.sidecar.why == "the command has ended"


async def test_a_signal_reaches_it_unless_a_terminal_sent_it(scene: Scene) -> None:
    escort = scene.escort()
    await scene.command.started.wait()
    scene.signals.hear(signal.SIGINT, True)  # noqa: FBT003  # as the thread calls it
    scene.signals.hear(signal.SIGINT, False)  # noqa: FBT003  # as above
    assert scene.command.signals == [signal.SIGINT]
    assert not scene.sidecar.hurry.is_set()
    scene.command.end(0)
    scene.signals.hear(signal.SIGTERM, True)  # noqa: FBT003  # as above
    assert scene.sidecar.hurry.is_set()
    assert await escort == 0
    assert scene.command.signals == [signal.SIGINT]


async def test_the_signal_that_ended_the_command_does_not_cut_what_runs(scene: Scene) -> None:
    escort = scene.escort()
    await scene.command.started.wait()
    scene.command.ended_at = time.monotonic()
    scene.command.end(0)
    scene.signals.hear(signal.SIGINT, False)  # noqa: FBT003  # as the thread calls it, for a signal to the whole group
    assert not scene.sidecar.hurry.is_set()
    assert await escort == 0


async def test_a_sidecar_that_ends_first_ends_the_command(scene: Scene) -> None:
    escort = scene.escort()
    await scene.command.started.wait()
    scene.sidecar.stop("/-/quit")
    await scene.command.signalled.wait()
    assert scene.command.signals == [signal.SIGTERM]
    assert not escort.done()
    scene.command.end(143)
    assert await escort == 143


async def test_what_FinHub_rejects_is_not_waited_for(scene: Scene) -> None:  # noqa: N802  # its name
    (scene.files.folder / "password").write_text("wrong-horse")
    sidecar = scene.sidecar
    scene.sidecar = await asyncio.to_thread(lambda: Sidecar(scene.files.read(), scene.files.environ, scene.told.append))
    await sidecar.end()
    with pytest.raises(Rejected):
        await asyncio.wait_for(scene.escort(patience=600), 20)
    assert not scene.command.started.is_set()
    assert scene.sidecar.why == "the command was not started"
    assert scene.files.emulator.counts.login_attempts == 1


async def test_a_proxy_that_rejects_our_credentials_is_not_waited_for_and_not_called_finhub(scene: Scene) -> None:
    answer = proxying.answering(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    async with origin.serving(answer) as between:
        scene.files.add("upstream", f'proxy = "{between.url}"')
        await scene.sidecar.end()
        scene.sidecar = await asyncio.to_thread(
            lambda: Sidecar(scene.files.read(), scene.files.environ, scene.told.append)
        )
        with pytest.raises(ProxyCredentialsRefused) as refusal:
            await asyncio.wait_for(scene.escort(patience=600), 20)
    assert code_of(refusal.value) == 5
    assert not scene.command.started.is_set()
    assert len([asked for asked in between.requests if asked.get(b"Accept")]) == 1  # the login alone


async def test_patience_ends(scene: Scene) -> None:
    scene.files.emulator.fault("login:close")
    with pytest.raises(UpstreamError):
        await scene.escort(patience=0.2)
    assert not scene.command.started.is_set()


async def test_a_command_that_ends_before_it_was_let_go_is_never_let_go(scene: Scene) -> None:
    scene.files.emulator.fault("login:delay=20")
    escort = scene.escort()
    await scene.sidecar.up.wait()
    scene.command.end(143)
    assert await escort == 143
    assert not scene.command.started.is_set()
