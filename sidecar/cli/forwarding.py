"""Signals that are meant for a command, heard in a thread of their own which can tell where each one came from.

Thin. What a terminal sends (Ctrl-C, a hang-up) goes to every process in its foreground, so that the command has it
already; what somebody sends to this process alone does not.
"""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORWARDED: Final = frozenset(
    {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
)
_OF_TERMINALS: Final = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT})
_SI_KERNEL: Final = 0x80  # asm-generic/siginfo.h
_BY_SIGNAL: Final = 128
_STUCK: Final = 1.0
"""Seconds after which a start that does not end by itself, as it should, waits for a file or a name server."""


class Signals:
    """All signals of FORWARDED, from here to the end of the process: no thread and no handler gets any.

    Until somebody wants to hear them, one ends the process as it would without us, listeners closed; those that a
    parent wanted ignored stay so.

    Attributes:
        before: the signals that were blocked before: what a command is to have.
    """

    def __init__(self) -> None:
        self._ignored = {number for number in FORWARDED if signal.getsignal(number) is signal.SIG_IGN}
        self.before = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
        self._hear: Callable[[int, bool], object] = self._end
        self._code = 0

    def listen(self) -> None:
        """Begin to hear them; whoever is forked must have been by now, and nobody else may have started a thread."""
        signal.signal(signal.SIGTERM, self._raise)
        threading.Thread(target=self._listen, name="signals", daemon=True).start()

    @contextlib.contextmanager
    def told(self, hear: Callable[[int, bool], None]) -> Iterator[None]:
        """Call `hear(number, from_terminal)` on the running loop for every signal until the block ends."""
        loop = asyncio.get_running_loop()
        self._hear = lambda number, from_terminal: loop.call_soon_threadsafe(hear, number, from_terminal)
        try:
            yield
        finally:
            self._hear = lambda _, __: None

    def _listen(self) -> None:
        while True:
            number, from_terminal = _next()
            if number not in self._ignored:
                with contextlib.suppress(RuntimeError):  # the loop has just been closed
                    self._hear(number, from_terminal)

    def _end(self, number: int, _: bool) -> None:  # noqa: FBT001  # what `hear` is given
        """Let the main thread end by an exception, or end without it when it waits for something."""
        self._code = _BY_SIGNAL + number
        _thread.interrupt_main(signal.SIGTERM)
        time.sleep(_STUCK)
        if self._hear == self._end:
            os._exit(self._code)

    def _raise(self, *_: object) -> NoReturn:
        raise SystemExit(self._code)


def _next() -> tuple[int, bool]:
    """Wait for a signal; return it, and whether a terminal sent it."""
    if hasattr(signal, "sigwaitinfo"):
        heard = signal.sigwaitinfo(FORWARDED)
        return heard.si_signo, heard.si_code == _SI_KERNEL
    number = signal.sigwait(FORWARDED)  # macOS does not tell the sender
    return number, number in _OF_TERMINALS and _in_foreground()


def _in_foreground() -> bool:
    """Tell whether the terminal's keys reach this process."""
    with contextlib.suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False
