"""The sidecar of the chaos: in this process, where its tasks can be counted, or in its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import json
import os
import signal
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sidecar import events
from sidecar.app.sidecar import Sidecar
from sidecar.config.load import load
from sidecar.observe.log import Log
from sidecar.server import serve
from sidecar.wire.clock import steady

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_STARTS_WITHIN: Final = 20.0
_ENDS_WITHIN: Final = 20.0


def descriptors(pid: str = "self") -> int:
    """Return how many file descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208  # names are all that is wanted


def tasks() -> list[str]:
    """Return what all tasks but the asking one do, once garbage is gone; FinHub's own connections do not count.

    aiohttp's server waits ten seconds for the rest of a body that it has answered already, its caller gone or not.
    """
    gc.collect()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return sorted(f"{task.get_coro()!r}".partition(" at ")[0] for task in others if not _is_finhubs(task))


def _is_finhubs(task: asyncio.Task[Any]) -> bool:
    frame = getattr(task.get_coro(), "cr_frame", None)
    return frame is not None and type(frame.f_locals.get("self")) is web.RequestHandler


@dataclass(slots=True)
class Inner:
    """A sidecar in this process. `dead`, `bugs`: what its events told."""

    sidecar: Sidecar
    out: io.StringIO
    err: io.StringIO
    log: Log
    dead: dict[str, float] = field(default_factory=dict)
    bugs: list[events.Event] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where callers connect."""
        return int(self.sidecar.listen.rpartition(":")[2])

    async def in_flight(self) -> int:
        """Return how many requests it is carrying."""
        return self.sidecar.gateway.traffic.in_flight

    def held(self) -> tuple[int, int]:
        """Return the upstream connections in use, and the bytes of bodies that are remembered."""
        budget = self.sidecar.gateway._budget  # noqa: SLF001  # a leaked byte shows nowhere else
        return self.sidecar.status()["upstream"]["connections"], self.sidecar.config.replay.max_total - budget.left

    def written(self) -> dict[str, str]:
        """Return all that it wrote."""
        self.log.flush()
        return {
            "stdout": self.out.getvalue(),
            "stderr": self.err.getvalue(),
            "status": json.dumps(self.sidecar.status()),
        }

    def note(self, event: events.Event) -> None:
        """Remember which tokens are dead, and what should not be possible."""
        if isinstance(event, events.Minted):
            self.dead[event.fingerprint] = steady() + event.expires_in
        elif isinstance(event, events.TokenRejected) and not event.braked:
            self.dead[event.fingerprint] = min(self.dead.get(event.fingerprint, steady()), steady())
        elif isinstance(event, events.Bug):
            self.bugs.append(event)


@contextlib.asynccontextmanager
async def inner(folder: Path, environ: Mapping[str, str]) -> AsyncIterator[Inner]:
    """Run a sidecar in this process until the block ends."""
    out, err = io.StringIO(), io.StringIO()
    log = Log("json", "debug", out=out, err=err)
    listeners: list[Any] = [log]

    def emit(event: events.Event) -> None:
        for listener in listeners:
            listener(event)

    config = await asyncio.to_thread(load, str(folder / "sidecar.toml"), environ)
    sidecar = await asyncio.to_thread(Sidecar, config, {}, emit)
    program = Inner(sidecar, out, err, log)
    listeners.append(program.note)
    running = asyncio.create_task(serve(sidecar), name="serve")
    try:
        async with asyncio.timeout(_STARTS_WITHIN):
            await sidecar.up.wait()
        yield program
    finally:
        sidecar.stop("the end of the test")
        await running


@dataclass(slots=True)
class Outer:
    """A sidecar in a process of its own. `dead` stays empty: its events cannot be heard here."""

    process: asyncio.subprocess.Process
    folder: Path
    port: int
    admin: str
    dead: dict[str, float] = field(default_factory=dict)

    async def status(self) -> dict[str, Any]:
        """Return what /status shows."""
        found: dict[str, Any] = json.loads(await asyncio.to_thread(_fetch, f"http://{self.admin}/status"))
        return found

    async def in_flight(self) -> int:
        """Return how many requests it is carrying."""
        return int((await self.status())["requests"]["in_flight"])

    def written(self) -> dict[str, str]:
        """Return all that it wrote."""
        return {name: (self.folder / name).read_text(encoding="utf-8") for name in ("stdout", "stderr")}


def _fetch(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as reply:
        content: bytes = reply.read()
        return content


@contextlib.asynccontextmanager
async def outer(folder: Path, environ: Mapping[str, str]) -> AsyncIterator[Outer]:
    """Run the real program until the block ends; it must end with 0 when it is asked to."""
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "sidecar", "run", "--config", str(folder / "sidecar.toml")),
            env={**os.environ, "PYTHONPATH": _code(), **environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    try:
        line = await _listening(folder / "stderr")
        yield Outer(process, folder, int(line["listen"].rpartition(":")[2]), line["admin"])
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(_ENDS_WITHIN):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _code() -> str:
    """Return the folder of the package under test, wherever it was imported from."""
    return str(Path(sys.modules["sidecar"].__file__ or "").parents[1])


async def _listening(file: Path) -> dict[str, Any]:
    async with asyncio.timeout(_STARTS_WITHIN):
        while True:
            for text in await asyncio.to_thread(lambda: file.read_text(encoding="utf-8").splitlines(keepends=True)):
                if text.endswith("\n") and '"listening"' in text:
                    line: dict[str, Any] = json.loads(text)
                    return line
            await asyncio.sleep(0.02)
