"""A command and the sidecar that lives as long as it does, from the first login's verdict to the end of both."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING, Any, Final

from sidecar.admin import health
from sidecar.cli.child_environ import for_command
from sidecar.cli.judging import HOPELESS, why_not
from sidecar.server import serve

if TYPE_CHECKING:
    from sidecar.cli.child import Child
    from sidecar.cli.forwarding import Signals
    from sidecar.cli.run import Running
    from sidecar.redact import Secret

_TICK: Final = 0.02
_SAME: Final = 0.5
"""Seconds in which a signal may still be the one that ended the command, sent to both."""


class Escort:
    """Serves `child`. `patience` is how many seconds FinHub may take to grant the first session."""

    def __init__(
        self, running: Running, child: Child, signals: Signals, *, caller_key: Secret | None, patience: float
    ) -> None:
        self._sidecar = running.sidecar
        self._listeners = running.listeners
        self._child = child
        self._signals = signals
        self._caller_key = caller_key
        self._patience = patience

    async def run(self) -> int:
        """Return the command's exit status, when it has ended and the sidecar has drained.

        Raises:
            Rejected, IdentityError, UpstreamError: there is no session to be had, and the command was not started.
        """
        ended, serving = self._child.ended(), asyncio.create_task(serve(self._sidecar, self._listeners))
        serving.add_done_callback(lambda _: self._child.signal(signal.SIGTERM))  # what it relies on is gone
        letting_go = asyncio.create_task(self._let_go())
        with self._signals.told(self._hear):
            try:
                waited: set[asyncio.Future[Any]] = {ended, letting_go}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if letting_go.done():
                    letting_go.result()
                return await ended
            finally:
                letting_go.cancel()
                self._sidecar.stop("the command has ended" if ended.done() else "the command was not started")
                await serving

    async def _let_go(self) -> None:
        """Let the command begin once callers are served; raise why it must not."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while not (seen := health.ready(self._sidecar.vitals())).good:
            error = why_not(self._sidecar.status(), seen.reason)
            if isinstance(error, HOPELESS) or loop.time() >= deadline:
                raise error
            await asyncio.sleep(_TICK)
        key = None if self._caller_key is None else self._caller_key.reveal()
        self._child.let_go(for_command(os.environ, self._sidecar.listen, key))

    def _hear(self, number: int, from_terminal: bool) -> None:  # noqa: FBT001  # a callback's arguments
        """Pass a signal on to the command, which has a terminal's already; without a command it means hurry."""
        if self._child.over:
            if time.monotonic() - self._child.ended_at > _SAME:
                self._sidecar.hurry.set()
        elif not from_terminal:
            self._child.signal(number)
