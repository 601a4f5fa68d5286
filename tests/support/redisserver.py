"""A real redis-server of a test's own, that can be killed, hung up and started again; and what a test asks it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Final

from sidecar.config.storing import Place
from sidecar.session.store.clients import Access, connecting
from sidecar.session.store.redis import RedisStore
from sidecar.session.store.watched import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PROGRAM: Final = shutil.which("redis-server", path=os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin")
MISSING: Final = "redis-server is not installed (Debian: redis-server)"
_STARTS_WITHIN: Final = 15.0


class RedisServer:
    """One server on a free port of loopback, with `arguments` beside; it keeps nothing over a restart."""

    def __init__(self, folder: Path, *arguments: str, tls: bool = False) -> None:
        self.port = free_port()
        self._folder = folder
        self._arguments = arguments
        self._tls = tls
        self.conf: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with nothing in it, and return once it takes connections."""
        assert PROGRAM is not None, MISSING
        ports = ["--port", "0", "--tls-port", str(self.port)] if self._tls else ["--port", str(self.port)]
        command = [PROGRAM, *([] if self.conf is None else [str(self.conf)])]
        command += ["--bind", "127.0.0.1", *ports, "--dir", str(self._folder)]
        command += [] if "--sentinel" in self._arguments else ["--save", ""]
        command += ["--unixsocket", str(self.local), *self._arguments]
        with (self._folder / f"redis-{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        ends = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < ends and self.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            time.sleep(0.02)
        raise AssertionError((self._folder / f"redis-{self.port}.log").read_text())

    @property
    def local(self) -> Path:
        """The Unix socket on which a test may ask it, whatever TLS it speaks."""
        return self._folder / f"r{self.port}.sock"

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def hang(self) -> None:
        """Let it answer nobody until `go_on`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def ask(self, *words: str | bytes) -> bytes:
        """Send one command over a connection of its own, and return what comes of the reply within a moment."""
        parts = [word.encode() if isinstance(word, str) else word for word in words]
        command = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.local))
            connection.sendall(command)
            reply = connection.recv(1 << 20)
            connection.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                while part := connection.recv(1 << 20):
                    reply += part
            return reply


def redis_door(port: int, prefix: str = "test") -> RedisStore:
    """Return a door of the product's own to the server at `port`."""
    place = Place(kind="redis", nodes=(("127.0.0.1", port),))
    return RedisStore(connecting(place, Access(), PATIENCE), prefix)


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def redis_server(folder: Path, arguments: Sequence[str] = (), *, tls: bool = False) -> Iterator[RedisServer]:
    """Run a server until the block ends."""
    server = RedisServer(folder, *arguments, tls=tls)
    server.start()
    try:
        yield server
    finally:
        server.kill()
