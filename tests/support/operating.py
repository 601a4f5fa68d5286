"""One sidecar as its operator has it, in this process: in front of an emulator, with its own files and its events."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from rawcaller import Heard, calling, request

from sidecar import events
from sidecar.app.sidecar import Sidecar
from sidecar.config.load import load
from sidecar.emulator import Emulator, Settings
from sidecar.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sidecar.audit.trail import Trail
    from sidecar.config.model import Config

PATIENCE = 20.0
SomeEvent = TypeVar("SomeEvent", bound=events.Event)


@dataclass(slots=True)
class Files:
    """What the emulator wrote for its sidecar, both listeners on a free port, and `more` TOML behind it."""

    emulator: Emulator
    folder: Path
    config: Path
    environ: dict[str, str] = field(default_factory=dict)

    def read(self) -> Config:
        """Return the configuration as the file and `environ` say it now."""
        return load(self.config, self.environ)

    def edit(self, old: str, new: str) -> None:
        """Replace a text of the configuration file that must be there once."""
        text = self.config.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the file"
        self.config.write_text(text.replace(old, new))

    def add(self, section: str, line: str) -> None:
        """Add a line to a section, which is made where it is missing."""
        head, text = f"[{section}]\n", self.config.read_text()
        text = text if head in text else f"{text}\n{head}"
        self.config.write_text(text.replace(head, f"{head}{line}\n"))

    def put(self, name: str, content: str | bytes) -> None:
        """Replace one of the files beside the configuration as a careful program does: whole."""
        fresh = self.folder / f"{name}.fresh"
        fresh.write_bytes(content.encode() if isinstance(content, str) else content)
        fresh.replace(self.folder / name)


@contextlib.asynccontextmanager
async def finhub(folder: Path, **settings: Any) -> AsyncIterator[Files]:
    """Run an emulator that takes any number of logins, with a sidecar's files in `folder`."""
    async with Emulator(Settings(**{"token_calls": 0, **settings})) as emulator:
        config = await emulator.write(folder)
        text = config.read_text().replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:9901", "127.0.0.1:0")
        config.write_text(text)
        yield Files(emulator, folder, config)


@dataclass(slots=True)
class Operated:
    """A sidecar that serves, and what it told."""

    files: Files
    sidecar: Sidecar
    told: list[events.Event]
    done: asyncio.Task[None]

    @property
    def port(self) -> int:
        return int(self.sidecar.listen.rpartition(":")[2])

    @property
    def admin_port(self) -> int:
        return int(self.sidecar.admin.rpartition(":")[2])

    async def call(self, method: str, path: str, *fields: bytes, body: bytes = b"") -> Heard:
        """Send one request as a caller, over a connection of its own."""
        return await ask(self.port, method, path, *fields, body=body)

    async def control(self, method: str, path: str, *fields: bytes) -> Heard:
        """Send one request to the admin listener."""
        return await ask(self.admin_port, method, path, *fields)

    def events(self, kind: type[SomeEvent]) -> list[SomeEvent]:
        """Return what was told of one kind."""
        return [event for event in self.told if isinstance(event, kind)]

    def session(self) -> dict[str, Any]:
        """Return the session as `/status` shows it."""
        shown: dict[str, Any] = self.sidecar.status()["session"]
        return shown

    async def logged_in(self) -> None:
        """Return once there is a token."""
        await until(lambda: self.session()["state"] == "FRESH")


async def ask(port: int, method: str, path: str, *fields: bytes, body: bytes = b"") -> Heard:
    """Send one request over a connection of its own, and return its reply."""
    async with calling(port) as caller:
        await caller.send(request(method.encode(), path.encode(), *fields, body=body))
        return await caller.reply(bodiless=method == "HEAD")


async def until(holds: Callable[[], bool], within: float = PATIENCE) -> None:
    """Return once `holds()`."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110  # what is waited for is counted, not told
            await asyncio.sleep(0.005)


async def assembled(files: Files, told: list[events.Event], trail: Trail | None = None) -> Sidecar:
    """Return the sidecar that the files describe, not opened yet."""
    config = await asyncio.to_thread(files.read)
    return await asyncio.to_thread(
        functools.partial(Sidecar, config, files.environ, told.append, files.read, trail=trail)
    )


@contextlib.asynccontextmanager
async def operated(files: Files, trail: Trail | None = None) -> AsyncIterator[Operated]:
    """Serve with the sidecar that the files describe; it is ended at once when the block ends, if it is not yet."""
    told: list[events.Event] = []
    sidecar = await assembled(files, told, trail)
    done = asyncio.create_task(serve(sidecar))
    up = asyncio.create_task(sidecar.up.wait())
    await asyncio.wait({done, up}, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
    try:
        if not sidecar.up.is_set():
            await done
        yield Operated(files, sidecar, told, done)
    finally:
        up.cancel()
        sidecar.hurry.set()
        sidecar.stop("the test is over")
        await asyncio.wait({done}, timeout=PATIENCE)


async def refused(port: int) -> bool:
    """Tell whether nobody listens at the port any more, or within a moment."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while await _listened_at(port):  # noqa: ASYNC110  # the end of a listener tells nobody
                await asyncio.sleep(0.005)
            return True
    return False


async def _listened_at(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it was in the queue of a listener that ended
        return False
    writer.close()
    return True


async def begun(one: Operated, count: int = 1) -> None:
    """Return once `count` requests are on their way."""
    await until(lambda: one.sidecar.gateway.traffic.in_flight == count)
