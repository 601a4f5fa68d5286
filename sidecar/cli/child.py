"""A command that is held back: its process is there from the start, and becomes the command when it is let go.

Thin. It is forked before this process changes anything about itself, so that the command has the limits, the umask and
the signals that it was to have, and its memory never held a secret that was read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Final, NoReturn

from sidecar.cli import process

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_FOUND: Final = 127
_NOT_STARTED: Final = 126
_BY_SIGNAL: Final = 128
_BEYOND_STREAMS: Final = 3
_ALL: Final = 2**20
"""More descriptors than anybody has."""

_PYTHONS_OWN: Final = ("SIGPIPE", "SIGXFSZ")
"""What Python ignores for itself, and programs die of."""


class Child:
    """The process of a command, from `held_back` on."""

    def __init__(self, pid: int, gate: int) -> None:
        self.pid = pid
        self.over = False
        self.ended_at = float("inf")
        self._gate: int | None = gate

    def let_go(self, environ: Mapping[str, str]) -> None:
        """Become the command, with this environment; blocking, some milliseconds."""
        gate, self._gate = self._gate, None
        if gate is not None:
            with contextlib.suppress(BrokenPipeError), open(gate, "w", encoding="ascii") as told:  # noqa: PTH123  # a descriptor
                json.dump(dict(environ), told)

    def dismiss(self) -> None:
        """End without becoming anything; does nothing to one that was let go."""
        gate, self._gate = self._gate, None
        if gate is not None:
            os.close(gate)

    def signal(self, number: int) -> None:
        """Send it a signal, as long as it is there."""
        if not self.over:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def ended(self) -> asyncio.Future[int]:
        """Return its exit status, once it has one, as a shell tells it: 128 and more for a signal. For one caller."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[int] = loop.create_future()

        def note(code: int) -> None:
            if not found.done():
                found.set_result(code)

        def look() -> None:
            code = self.wait()
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
                loop.call_soon_threadsafe(note, code)

        threading.Thread(target=look, name="command", daemon=True).start()
        return found

    def wait(self) -> int:
        """Return its exit status; blocking. Whatever is left to the first process of a container is reaped as well."""
        while True:
            pid, status = os.wait()
            if pid == self.pid:
                self.ended_at, self.over = time.monotonic(), True
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else _BY_SIGNAL - code


def held_back(command: list[str], mask: set[int | signal.Signals]) -> Child:
    """Return the process that will become `command`, with the signals in `mask` blocked; there must be no thread yet.

    What may reach it in between must be blocked: handlers of this process are still its own.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, which a parent may have asked for, it has no exit status
    reading, gate = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(gate)
        _become(command, reading, mask)
    os.close(reading)
    return Child(pid, gate)


# ── in the process itself ───────────────────────────────────────────────────────────────────────────────────────


def _become(command: list[str], reading: int, mask: set[int | signal.Signals]) -> NoReturn:
    """Wait for the environment, and become the command; end with a shell's 127 or 126 where that cannot be."""
    code = _NOT_STARTED
    try:
        _as_it_was_found(mask)
        process.hide_memory()  # the secrets of the environment are still in it
        with open(_alone(reading), encoding="ascii") as told:
            text = told.read()
        code = _start(command, json.loads(text)) if text else 0
    finally:
        os._exit(code)


def _alone(reading: int) -> int:
    """Close all that is open but the three streams and `reading`; return the number that this has then."""
    if reading != _BEYOND_STREAMS:
        os.dup2(reading, _BEYOND_STREAMS)
        os.close(reading)
    os.closerange(_BEYOND_STREAMS + 1, _ALL)
    return _BEYOND_STREAMS


def _as_it_was_found(mask: set[int | signal.Signals]) -> None:
    """Let signals mean what they meant before Python took some of them."""
    for name in _PYTHONS_OWN:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _start(command: list[str], environ: dict[str, str]) -> int:
    """Replace this process; where that fails, say why and return the exit status."""
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606  # the very purpose: the command line is the user's
    except (FileNotFoundError, NotADirectoryError) as error:
        return _complain(command[0], error, _NOT_FOUND)
    except (OSError, ValueError) as error:
        return _complain(command[0], error, _NOT_STARTED)


def _complain(name: str, error: Exception, code: int) -> int:
    why = error.strerror if isinstance(error, OSError) else "not a command line"
    with contextlib.suppress(OSError):
        os.write(2, f"finhub-sidecar: {name!r} cannot be started: {why}\n".encode(errors="backslashreplace"))
    return code
