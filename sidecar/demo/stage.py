"""The emulator and a sidecar in front of it, in one process, with nothing to configure."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sidecar.app.sidecar import Sidecar
from sidecar.config.load import load
from sidecar.emulator import Emulator, Settings
from sidecar.emulator.files import temporary
from sidecar.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sidecar.config.model import Config
    from sidecar.events import Emit


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs. `done` ends when the sidecar does."""

    emulator: Emulator
    sidecar: Sidecar
    folder: Path
    done: asyncio.Task[None]

    @property
    def url(self) -> str:
        """Where callers point: plain HTTP on loopback."""
        return f"http://{self.sidecar.listen}"


@contextlib.asynccontextmanager
async def stage(emit: Emit, *, token_lifetime: float, listen: str, admin: str) -> AsyncIterator[Stage]:
    """Run both until the block ends; certificates and secrets live in a folder that goes with it."""
    settings = Settings(token_lifetime=token_lifetime, token_calls=0)
    async with _folder() as folder, Emulator(settings) as emulator:
        config = await _configured(emulator, folder, listen, admin)
        sidecar = await asyncio.to_thread(Sidecar, config, {}, emit)
        done = asyncio.create_task(serve(sidecar))
        await asyncio.wait({done, up := asyncio.create_task(sidecar.up.wait())}, return_when="FIRST_COMPLETED")
        up.cancel()
        try:
            if done.done():
                await done
            yield Stage(emulator, sidecar, folder, done)
        finally:
            sidecar.stop("demo")
            await asyncio.wait({done})


@contextlib.asynccontextmanager
async def _folder() -> AsyncIterator[Path]:
    """Give a private folder that goes when we go."""
    folder = temporary("finhub-demo-")
    path = await asyncio.to_thread(folder.__enter__)
    try:
        yield path
    finally:
        await asyncio.to_thread(folder.__exit__, None, None, None)


async def _configured(emulator: Emulator, folder: Path, listen: str, admin: str) -> Config:
    path = await emulator.write(folder)
    addresses = {"FINHUB_LISTEN__ADDRESS": listen, "FINHUB_ADMIN__ADDRESS": admin}
    return await asyncio.to_thread(load, os.fspath(path), addresses)


async def free_or_any(wanted: str) -> str:
    """Return `wanted` (host:port) where it can be listened on, else the same host with any free port."""
    host, _, port = wanted.rpartition(":")
    with contextlib.suppress(OSError):
        server = await asyncio.start_server(_hang_up, host, int(port))
        server.close()
        await server.wait_closed()
        return wanted
    return f"{host}:0"


def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
