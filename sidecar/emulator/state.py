"""Everything this FinHub remembers, in one value: the handlers decide over it, the control door changes it."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sidecar.emulator import faults
from sidecar.emulator.orders import Orders
from sidecar.emulator.rules import Lockout, RateLimit
from sidecar.emulator.seen import Counts, Record
from sidecar.emulator.sessions import Sessions
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.emulator.clock import Clock
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

    def reset(self) -> None:
        """Forget everything that happened, back to the settings; the clock keeps its offset, connections stay open."""
        self._fill()
