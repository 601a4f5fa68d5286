"""Proxies on the way to FinHub: one that a test scripts to the byte, and a tinyproxy as companies run one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from origin import Script, Visit

PROGRAM: Final = shutil.which("tinyproxy", path=os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin")
MISSING: Final = "tinyproxy is not installed (Debian: tinyproxy-bin)"
OPENED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_STARTS_WITHIN: Final = 15.0

_CONFIG: Final = """
Port {port}
Listen 127.0.0.1
Timeout 60
Allow 127.0.0.1
LogLevel Info
LogFile "{folder}/tinyproxy.log"
ConnectPort {allowed}
{more}
"""


def tunnelling(to: int | None = None) -> Script:
    """Open each tunnel that is asked for, and carry bytes both ways; whatever was asked for, to the local port `to`."""

    async def script(visit: Visit) -> None:
        asked = await visit.head()
        host, _, port = asked.target.decode().rpartition(":")
        reader, writer = await asyncio.open_connection(*((host, int(port)) if to is None else ("127.0.0.1", to)))
        await visit.send(OPENED)
        await asyncio.gather(_carry(visit.reader, writer), _carry(reader, visit.writer))

    return script


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()


def answering(*parts: bytes) -> Script:
    """Answer CONNECT with `parts`, and wait for the other side to leave."""

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(*parts)
        await visit.reader.read()

    return script


@dataclass(frozen=True, slots=True)
class TinyProxy:
    """A tinyproxy that runs."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self) -> list[str]:
        """Return the target of each CONNECT so far, whatever became of it."""
        lines = (self.folder / "tinyproxy.log").read_text(encoding="utf-8").splitlines()
        return [line.rpartition("CONNECT ")[2].split()[0] for line in lines if ": CONNECT " in line]


@contextlib.contextmanager
def tinyproxy(folder: Path, *, allowed: int, user: str = "", password: str = "") -> Iterator[TinyProxy]:
    """Run a tinyproxy that opens tunnels to the port `allowed` alone, for one user where there is one."""
    assert PROGRAM is not None, MISSING
    folder.mkdir(exist_ok=True)
    port, more = _free_port(), f"BasicAuth {user} {password}" if user else ""
    config = folder / "tinyproxy.conf"
    config.write_text(_CONFIG.format(port=port, folder=folder, allowed=allowed, more=more), encoding="utf-8")
    process = subprocess.Popen([PROGRAM, "-d", "-c", str(config)], cwd=folder, stdin=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield TinyProxy(port, folder)
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    """Return a port that was free a moment ago: tinyproxy tells nobody which one it took."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError("tinyproxy did not start")
