"""FinHub on this machine, put together: the real door, the control door, and one state behind both."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from typing import TYPE_CHECKING, Self

from sidecar.emulator import faults, files
from sidecar.emulator.certificates import Certificates, generate
from sidecar.emulator.clock import Clock
from sidecar.emulator.control import control_application
from sidecar.emulator.listener import Listener
from sidecar.emulator.routes import application
from sidecar.emulator.settings import Settings
from sidecar.emulator.state import State
from sidecar.emulator.tls import server_context

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sidecar.emulator.account import Account
    from sidecar.emulator.seen import Counts, Seen
    from sidecar.emulator.sessions import Session

_CONTROL_HOST = "127.0.0.1"


class Emulator:
    """A FinHub with real TLS and the real rules. `start` and `stop` may alternate: ports, certificates and state stay.

    `clock` is a steady clock in seconds, `wall` gives the claims of tokens their dates. `issued` is told of each new
    token: whoever looks for leaks has to know what to look for.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        issued: Callable[[Session], None] = lambda _: None,
    ) -> None:
        self.settings = settings or Settings()
        self.certificates: Certificates = generate(self.settings.account.customer, _utc(wall()))
        self._state = State(self.settings, Clock(clock, wall()), issued)
        self._port = self.settings.port
        self._admin_port = self.settings.admin_port
        self._listeners: list[Listener] = []

    async def start(self) -> None:
        """Open both doors; raises ListenError, with neither left open, when a port is taken."""
        context = await asyncio.to_thread(server_context, self.certificates, self._state.rules, self._is_expired)
        front = Listener(application(self._state), self.settings.host, self._accepted)
        control = Listener(control_application(self._state), _CONTROL_HOST)
        try:
            self._port = await front.start(self._port, context)
            self._listeners.append(front)
            self._admin_port = await control.start(self._admin_port, None)
            self._listeners.append(control)
        except BaseException:  # a cancellation, too, leaves nothing open
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close both doors and every connection."""
        while self._listeners:
            await self._listeners.pop().stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """Return the port of the front door, as it was bound."""
        return self._port

    @property
    def url(self) -> str:
        """Return what `upstream.url` is for a sidecar in front of this FinHub."""
        return f"{self._state.rules.scheme}://localhost:{self._port}"

    @property
    def admin_url(self) -> str:
        """Return the control door's URL."""
        return f"http://{_CONTROL_HOST}:{self._admin_port}"

    @property
    def account(self) -> Account:
        """Return who may log in, with the secrets that are right at this moment."""
        return self._state.account

    @property
    def counts(self) -> Counts:
        """Return how often what happened, up to now and live."""
        return self._state.counts

    @property
    def seen(self) -> list[Seen]:
        """Return the requests that came, oldest first."""
        return self._state.record.latest()

    def revoke(self) -> int:
        """End all tokens; return how many there were."""
        return self._state.sessions.revoke()

    def expire(self) -> int:
        """Let all tokens expire now; return how many there were."""
        return self._state.sessions.expire(self._state.clock.now())

    def fault(self, spec: str) -> None:
        """Let something go wrong from now on; raises ConfigError for a spec that `faults.py` does not know."""
        self._state.faults.add(faults.parse(spec))

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._state.faults.clear()

    def lock(self) -> None:
        """Lock the account as five failed logins do."""
        self._state.lockout.lock(self._state.clock.now())

    def accept(self, *, password: str | None = None, customer_secret: str | None = None) -> None:
        """Let other secrets be the right ones from now on."""
        self._state.accept(password=password, customer_secret=customer_secret)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._state.clock.advance(seconds)

    def freeze(self) -> None:
        """Let no time pass but by `advance`."""
        self._state.clock.freeze()

    def thaw(self) -> None:
        """Let time pass by itself again."""
        self._state.clock.thaw()

    def play(self, scenario: str) -> int:
        """Let a scenario begin now, the text of a file as in `scenario.py`; return its steps. Raises ConfigError."""
        return self._state.play(scenario)

    def heal(self) -> None:
        """Let nothing be wrong any more: no faults, no lock, and the certificate is good again."""
        self._state.heal()

    def reset(self) -> None:
        """Forget everything that happened."""
        self._state.reset()

    async def write(self, directory: Path) -> Path:
        """Write certificates, secrets and a matching `sidecar.toml` into `directory`; return the latter's path.

        Call it after `start`: the configuration names the port. Raises ConfigError rather than overwrite a file
        that no emulator wrote.
        """
        content = files.folder(self.account, self.certificates, self._state.rules, self.url)
        return await asyncio.to_thread(files.write, directory, content)

    def _is_expired(self) -> bool:
        self._state.keep_time()
        return self._state.certificate_expired

    def _accepted(self) -> None:
        self._state.counts.connections += 1


def _utc(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
