"""A service manager of the test's own: what it is told, and how it starts a process whose sockets it keeps."""

from __future__ import annotations

import fcntl
import socket
import sys
import threading
from typing import TYPE_CHECKING, Final

from staging import ANYWHERE, SidecarProcess

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from staging import Stage

FIRST: Final = 3

_AS_A_MANAGER: Final = """
import os, sys
numbers = list(map(int, sys.argv[1].split(",")))
for new, old in enumerate(numbers, 3):
    os.dup2(old, new)
os.environ["LISTEN_PID"], os.environ["LISTEN_FDS"] = str(os.getpid()), str(len(numbers))
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Puts descriptors, which are passed far above, where sd_listen_fds(3) has them, and becomes the command."""


class Told:
    """Hears what is told at NOTIFY_SOCKET, message by message, each with its assignments."""

    def __init__(self, address: Path | str) -> None:
        self.address = str(address)
        self.messages: list[dict[str, str]] = []
        self._plug = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._plug.bind(self.address.replace("@", "\0", 1))
        self._thread = threading.Thread(target=self._hear, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._plug.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._plug.close()

    def _hear(self) -> None:
        while text := self._plug.recv(65536).decode():
            self.messages.append(dict(line.split("=", 1) for line in text.split("\n")))

    def all(self, name: str) -> list[str]:
        """Return what was assigned to a name, in order."""
        return [message[name] for message in list(self.messages) if name in message]

    @property
    def course(self) -> list[str]:
        """Return what the process went through, in order: READY, RELOADING, STOPPING."""
        steps = ("READY", "RELOADING", "STOPPING")
        return [name for message in list(self.messages) for name in message if name in steps]


def kept_socket(host: str = "127.0.0.1") -> socket.socket:
    """Return a listening port that stays open whoever serves it, as a .socket unit's does."""
    plug = socket.create_server((host, 0), backlog=64)
    high = socket.socket(fileno=_above(plug))
    plug.close()
    return high


def _above(plug: socket.socket) -> int:
    return fcntl.fcntl(plug.fileno(), fcntl.F_DUPFD_CLOEXEC, 100)


def activated(
    stage: Stage, sockets: dict[str, socket.socket], becoming: tuple[str, ...] = (), **environ: str
) -> SidecarProcess:
    """Start a sidecar that is passed these listeners by name.

    `becoming`: a program with its arguments that becomes the command which follows, as `env` does.
    """
    numbers = tuple(plug.fileno() for plug in sockets.values())
    by = (sys.executable, "-c", _AS_A_MANAGER, ",".join(map(str, numbers)), *becoming)
    return started_by(stage, by, numbers, LISTEN_FDNAMES=":".join(sockets), **environ)


def started_by(stage: Stage, by: tuple[str, ...], numbers: tuple[int, ...] = (), **environ: str) -> SidecarProcess:
    """Start a sidecar by a program that is passed these descriptors; no address is set beside the file's."""
    settings = {name: value for name, value in ANYWHERE.items() if "ADDRESS" not in name}
    command = ["run", "--config", str(stage.finhub.config)]
    process = SidecarProcess(command, {**settings, **environ}, stage.finhub.folder, len(stage.processes) + 1)
    process.before, process.pass_fds = list(by), numbers
    stage.processes.append(process)
    return process.start()


def notified(told: Told, watchdog: float = 0.0) -> dict[str, str]:
    """Return the variables by which a process is told of its manager; `watchdog` is seconds."""
    asked = {"WATCHDOG_USEC": str(round(watchdog * 1e6))} if watchdog else {}
    return {"NOTIFY_SOCKET": told.address, **asked}
