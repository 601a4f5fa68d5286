"""Everything this FinHub remembers, in one value: the handlers decide over it, the control door changes it."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sidecar.emulator import faults, scenario
from sidecar.emulator.orders import Orders
from sidecar.emulator.rules import Lockout, RateLimit
from sidecar.emulator.seen import Counts, Record
from sidecar.emulator.sessions import Sessions
from sidecar.errors import ConfigError
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.emulator.clock import Clock
    from sidecar.emulator.scenario import Step
    from sidecar.emulator.sessions import Session
    from sidecar.emulator.settings import Settings

_V21_LIFETIME: Final = 3600.0


def _new_id() -> str:
    return str(uuid.uuid4())


class State:
    """The tables of one FinHub; each has its own bound."""

    def __init__(self, settings: Settings, clock: Clock, issued: Callable[[Session], None] = lambda _: None) -> None:
        self.settings = settings
        self._issued = issued
        self.rules = settings.rules
        self._steps = self._read(settings.scenario)
        self.clock = clock
        self._fill()

    def _fill(self) -> None:
        settings = self.settings
        self.account = settings.account
        self.sessions = Sessions(secrets.token_bytes(32), _new_id, self._issued)
        self.orders = Orders(_new_id)
        self.lockout = Lockout()
        self.token_calls = RateLimit(self.rules.token_calls if settings.token_calls is None else settings.token_calls)
        self.faults = faults.Faults()
        for spec in settings.faults:
            self.faults.add(faults.parse(spec))
        self.record = Record()
        self.counts = Counts()
        self.certificate_expired = False
        self._scenario = scenario.Scenario(self._steps, self.clock.now())

    @property
    def token_lifetime(self) -> float:
        """Return the seconds a token lives that a v2 or FinCard login brings."""
        return self.settings.token_lifetime or self.rules.token_lifetime

    @property
    def v21_token_lifetime(self) -> float:
        """Return the seconds a v2.1 token lives: an hour, in every environment."""
        return self.settings.token_lifetime or _V21_LIFETIME

    def accept(self, *, password: str | None = None, customer_secret: str | None = None) -> None:
        """Let other secrets be the right ones from now on; None leaves one as it is."""
        account = self.account
        self.account = replace(
            account,
            password=account.password if password is None else Secret(password),
            customer_secret=account.customer_secret if customer_secret is None else Secret(customer_secret),
        )

    def play(self, text: str) -> int:
        """Let another scenario begin now, and return how many steps it has; raises ConfigError, and nothing changes."""
        steps = self._read(text)
        self._scenario = scenario.Scenario(steps, self.clock.now())
        return len(steps)

    def _read(self, text: str) -> tuple[Step, ...]:
        steps = scenario.parse(text)
        if self.rules.client_certificate == "none" and any(step.deed == scenario.CERTIFICATE for step in steps):
            raise ConfigError(
                f"scenario: {self.rules.name} takes no certificate, so that none can expire",
                remedy=f"Leave {scenario.CERTIFICATE} out, or play another environment.",
            )
        return steps

    def keep_time(self) -> None:
        """Let happen what the scenario has for the time that has passed, each step at its own instant."""
        for step, instant in self._scenario.due(self.clock.now()):
            self._happen(step, instant)

    def arrives(self, scope: str) -> None:
        """Let happen what the scenario has up to this moment, and before this call."""
        self.keep_time()
        for step in self._scenario.arrives(scope):
            self._happen(step, self.clock.now())

    def _happen(self, step: Step, now: float) -> None:
        if step.fault is not None:
            self.faults.put(step.fault)
        elif step.deed == "expire":
            self.sessions.expire(now)
        elif step.deed == "revoke":
            self.sessions.revoke()
        elif step.deed == "lockout":
            self.lockout.lock(now)
        elif step.deed == scenario.CERTIFICATE:
            self.certificate_expired = True
        else:
            self.heal()

    def heal(self) -> None:
        """Let nothing be wrong any more: no faults, no lock, and the certificate is good again."""
        self.faults.clear()
        self.lockout = Lockout()
        self.certificate_expired = False

    def reset(self) -> None:
        """Forget everything that happened, back to the settings and the beginning of their scenario.

        The clock keeps its offset, connections stay open.
        """
        self._fill()
