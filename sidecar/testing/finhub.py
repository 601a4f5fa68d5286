"""An emulator that runs in a thread of its own, so that a test may block, or have an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sidecar.emulator import Emulator, Settings
from sidecar.emulator.files import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path
    from typing import Self

    from sidecar.emulator import Account, Counts, Seen

T = TypeVar("T")

_PATIENCE: Final = 30.0


class FinHub:
    """A FinHub for one test. `folder` gets certificates, secrets and `sidecar.toml`; `settings` are the emulator's.

    Time passes by itself, unless `freeze` stops it; `advance` works either way.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self._emulator = Emulator(Settings(**settings))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="finhub", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._emulator.start())
            self._run(self._emulator.write(self.folder))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    # ── where it is, and what a client of it needs ──────────────────────────────────────────────────────────────

    @property
    def url(self) -> str:
        """Where FinHub is."""
        return self._emulator.url

    @property
    def admin_url(self) -> str:
        """Where its control door is, for clients that are not Python."""
        return self._emulator.admin_url

    @property
    def config(self) -> Path:
        """A sidecar's configuration that fits."""
        return self.folder / CONFIG

    @property
    def ca(self) -> Path:
        """Who vouches for FinHub's certificate."""
        return self.folder / "ca.crt"

    @property
    def certificate(self) -> tuple[str, str]:
        """The client's certificate and key, as `requests` and `httpx` take them."""
        return str(self.folder / "client.crt"), str(self.folder / "client.key")

    @property
    def environ(self) -> dict[str, str]:
        """What tells most HTTP libraries whom to trust."""
        return dict.fromkeys(
            ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), str(self.ca)
        )

    @property
    def account(self) -> Account:
        """Who may log in; `password.reveal()` shows a secret."""
        return self._do(lambda emulator: emulator.account)

    # ── what happened ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def counts(self) -> Counts:
        """How often what happened, up to now and live."""
        return self._do(lambda emulator: emulator.counts)

    @property
    def seen(self) -> list[Seen]:
        """The requests that came, oldest first, with fingerprints in place of secrets."""
        return self._do(lambda emulator: emulator.seen)

    def calls(self, scope: str = "api") -> list[Seen]:
        """Return those requests of one kind: "api", "login", "refresh" or "logout"."""
        return [each for each in self.seen if each.scope == scope]

    # ── the clock ───────────────────────────────────────────────────────────────────────────────────────────────

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self._do(lambda emulator: emulator.advance(seconds))

    def freeze(self) -> None:
        """Let no time pass but by `advance`."""
        self._do(lambda emulator: emulator.freeze())

    def thaw(self) -> None:
        """Let time pass by itself again."""
        self._do(lambda emulator: emulator.thaw())

    # ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────

    def play(self, scenario: str) -> int:
        """Let a scenario begin now, the text of its file; return how many steps it has. Raises ConfigError."""
        return self._do(lambda emulator: emulator.play(scenario))

    def fault(self, spec: str) -> None:
        """Let something go wrong from now on, as in `--fault`; raises ConfigError for what is none."""
        self._do(lambda emulator: emulator.fault(spec))

    def heal(self) -> None:
        """Let nothing be wrong any more: no faults, no lock, and the certificate is good again."""
        self._do(lambda emulator: emulator.heal())

    def expire(self) -> int:
        """Let all tokens expire now; return how many there were."""
        return self._do(lambda emulator: emulator.expire())

    def revoke(self) -> int:
        """End all tokens; return how many there were."""
        return self._do(lambda emulator: emulator.revoke())

    def lock(self) -> None:
        """Lock the account as five failed logins do."""
        self._do(lambda emulator: emulator.lock())

    def accept(self, *, password: str | None = None, customer_secret: str | None = None) -> None:
        """Let other secrets be the right ones from now on."""
        self._do(lambda emulator: emulator.accept(password=password, customer_secret=customer_secret))

    def reset(self) -> None:
        """Forget everything that happened, back to the settings."""
        self._do(lambda emulator: emulator.reset())

    # ── its thread ──────────────────────────────────────────────────────────────────────────────────────────────

    def _do(self, ask: Callable[[Emulator], T]) -> T:
        async def asked() -> T:
            return ask(self._emulator)

        return self._run(asked())

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE)

    def _end(self) -> None:
        try:
            self._run(self._emulator.stop())
            self._run(self._loop.shutdown_asyncgens())
            self._run(self._loop.shutdown_default_executor())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE)
            self._loop.close()
