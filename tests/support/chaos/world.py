"""The stage of the chaos: FinHub, a sidecar before it, and a relay at every door between them.

caller → relay → sidecar → relay below TLS → relay inside TLS → the emulator; to the token endpoint by two of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from chaos import verdict
from chaos.caller import BOUND, hold, judge
from chaos.story import Door
from chaos.talks import Talk
from chaos.wiretap import Wiretap
from relay import Inside, Relay

from sidecar.emulator import Emulator, Settings
from sidecar.emulator.tls import server_context
from sidecar.wire.clock import steady

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from chaos.caller import Heard
    from chaos.story import Step

    from sidecar.emulator.seen import Seen
    from sidecar.emulator.sessions import Session

LIFETIME: Final = 3.0
_HEALS_WITHIN: Final = 8.0
_POLL: Final = 0.005
_SURPLUS: Final = 0.3
"""Seconds for FinHub's own reply to arrive behind one that was slipped in: only then can anybody tell."""

SETTINGS: Final = {
    "FINHUB_LISTEN__ADDRESS": "127.0.0.1:0",
    "FINHUB_ADMIN__ADDRESS": "127.0.0.1:0",
    "FINHUB_LISTEN__BODY_TIMEOUT": "0.8",
    "FINHUB_UPSTREAM__CONNECT_TIMEOUT": "0.5",
    "FINHUB_UPSTREAM__RESPONSE_TIMEOUT": "1.0",
    "FINHUB_UPSTREAM__IDLE_TIMEOUT": "0.7",
    "FINHUB_UPSTREAM__MAX_CONNECTIONS": "3",
    "FINHUB_SESSION__WAIT": "1.0",
    "FINHUB_SESSION__BACKOFF__FIRST": "0.05",
    "FINHUB_SESSION__BACKOFF__MAX": "0.2",
    "FINHUB_SESSION__BLOCKED_FOR": "0.3",
    "FINHUB_LOG__FORMAT": "json",
    "FINHUB_LOG__LEVEL": "debug",
}
"""Short of everything: whatever goes wrong is over within `caller.BOUND`."""


class Program(Protocol):
    """The sidecar under test, in this process or in its own."""

    @property
    def port(self) -> int:
        """Where callers connect."""
        ...

    @property
    def dead(self) -> dict[str, float]:
        """Return the tokens that the sidecar knows to be dead, see `verdict.Scene`."""
        ...

    async def in_flight(self) -> int:
        """Return how many requests it is carrying."""
        ...


class Broken(AssertionError):
    """Something did not hold."""


@dataclass(slots=True, kw_only=True)
class World:
    """Everything around the sidecar, which is `program` once it runs. `faults` counts what really went wrong."""

    emulator: Emulator
    relays: dict[Door, Relay]
    tap: Wiretap
    issued: list[Session]
    environ: dict[str, str]
    faults: int = 0
    talks: int = 0
    heard: list[Heard] = field(default_factory=list)
    _healings: int = 0
    _number: int = 0

    async def play(self, program: Program, step: Step) -> None:
        """Let one step happen; Broken when something does not hold afterwards."""
        await self.heal(program)
        struck = self._struck()
        await self._unsettle(step)
        happened = await self._begin(step)
        held = await asyncio.gather(*(hold(talk, self.relays[Door.CALLER].port) for talk in step.talks))
        await self._undo()
        await self._quiet(program)
        if step.garbles:
            await asyncio.sleep(_SURPLUS)
        heard = [each for talk in held for each in talk]
        seen = self._seen()
        self.faults += happened + self._struck() - struck + _specs(step, seen) + _left(step)
        self.talks += len(held)
        self.heard += heard
        self._judge(program, step, heard, seen)

    def _judge(self, program: Program, step: Step, heard: list[Heard], seen: list[Seen]) -> None:
        scene = verdict.Scene(
            step=step,
            heard=heard,
            sent=self.tap.take(),
            seen=seen,
            tenant=self.emulator.account.tenant_id,
            dead=program.dead,
        )
        found = [*verdict.complaints(scene), *(f"unsound: {words}" for words in self.tap.unsound)]
        if found:
            raise Broken("\n".join([*found, "", *(f"  {each.ask} → {each.got}" for each in heard), *_told(seen)]))

    async def heal(self, program: Program) -> None:
        """Return once an ordinary request succeeds; Broken when none does in time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _HEALS_WITHIN
        while True:
            self._healings += 1
            heard = await hold(Talk(kind="balance", name=f"heal-{self._healings}"), program.port)
            if heard[0].got.is_whole and heard[0].got.status == 200:  # a status
                if words := judge(heard[0].ask, heard[0].got):
                    raise Broken(f"mixed up: after the fault came {words}")
                break
            if loop.time() > end:
                raise Broken(f"does not heal: {heard[0].got} {heard[0].got.body!r}")
            await asyncio.sleep(0.05)
        self.tap.take()
        self._seen()

    async def alone(self, program: Program) -> None:
        """End every connection between the parts, and return once all sides know it."""
        for relay in self.relays.values():
            relay.drop(reset=False)
        await self._quiet(program)
        async with asyncio.timeout(BOUND):
            while any(relay.connections for relay in self.relays.values()):  # noqa: ASYNC110  # both ends take part
                await asyncio.sleep(_POLL)
        await asyncio.sleep(0.1)

    # ── a step ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _unsettle(self, step: Step) -> None:
        if step.before:
            getattr(self.emulator, step.before)()
        if step.fresh:
            self.relays[Door.API].drop(reset=False)
            await asyncio.sleep(0.02)

    async def _begin(self, step: Step) -> int:
        """Let the fault be there; return how many have happened already."""
        if step.strike is not None:
            self.relays[step.door].arm(step.strike)
            return 0
        if step.door is Door.FINHUB:
            return self._at_finhub(step.word)
        relay = self.relays[step.door]
        if step.word == "refuse":
            relay.refuse()
            return 1
        return min(1, relay.drop(reset=step.word == "reset idle")) if step.word else 0

    def _at_finhub(self, word: str) -> int:
        if word in {"revoke", "expire"}:
            return min(1, int(getattr(self.emulator, word)()))
        self.emulator.fault(word)
        return 0

    async def _undo(self) -> None:
        self.emulator.clear_faults()
        for relay in self.relays.values():
            relay.disarm()
            await relay.listen()

    async def _quiet(self, program: Program) -> None:
        """Wait until nothing is carried any more: requests of callers that left have a bound, too."""
        try:
            async with asyncio.timeout(BOUND):
                while await program.in_flight():  # noqa: ASYNC110  # another process, as the case may be
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            raise Broken(f"{await program.in_flight()} requests are carried for ever") from None

    def _struck(self) -> int:
        return sum(relay.struck for relay in self.relays.values())

    def _seen(self) -> list[Seen]:
        """Return what FinHub has on record since the last call."""
        seen = [each for each in self.emulator.seen if each.number > self._number]
        self._number = max((each.number for each in seen), default=self._number)
        return seen


def _specs(step: Step, seen: list[Seen]) -> int:
    return sum(each.fault == step.word for each in seen) if step.word else 0


def _left(step: Step) -> int:
    return sum(talk.leaves is not None for talk in step.talks)


def _told(seen: list[Seen]) -> list[str]:
    return [f"  FinHub: {each.method} {each.path} {each.status} {each.values('X-Request-ID')}" for each in seen]


@contextlib.asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Put up FinHub and the relays; `environ` is what a sidecar needs besides `folder / "sidecar.toml"`."""
    issued: list[Session] = []
    tap = Wiretap(steady)
    async with contextlib.AsyncExitStack() as stack:
        settings = Settings(token_lifetime=LIFETIME, token_calls=0)
        emulator = await stack.enter_async_context(Emulator(settings, issued=issued.append))
        await emulator.write(folder)
        inside = await asyncio.to_thread(_inside, emulator, folder)
        relays: dict[Door, Relay] = {}
        for outer, inner in ((Door.API, Door.API_INSIDE), (Door.TOKEN, Door.TOKEN_INSIDE)):
            taps = tap.tap if outer is Door.API else _nobody
            relays[inner] = await stack.enter_async_context(Relay(emulator.port, inside=inside, tap=taps))
            relays[outer] = await stack.enter_async_context(Relay(relays[inner].port))
        environ = {
            **SETTINGS,
            "FINHUB_UPSTREAM__URL": f"https://localhost:{relays[Door.API].port}",
            "FINHUB_SESSION__URL": f"https://localhost:{relays[Door.TOKEN].port}",
        }
        yield World(emulator=emulator, relays=relays, tap=tap, issued=issued, environ=environ)


@contextlib.asynccontextmanager
async def callers_relay(stage: World, port: int) -> AsyncIterator[None]:
    """Put the relay between callers and the sidecar on `port`."""
    async with Relay(port) as relay:
        stage.relays[Door.CALLER] = relay
        yield


def _nobody(*_: object) -> None:
    """Look away."""


def _inside(emulator: Emulator, folder: Path) -> Inside:
    server = server_context(emulator.certificates, emulator.settings.rules)
    if server is None:
        raise ValueError("this environment speaks no TLS")
    client = ssl.create_default_context(cadata=emulator.certificates.ca_pem.decode())
    client.load_cert_chain(folder / "client.crt", folder / "client.key")
    return Inside(server, client)


def secrets_of(stage: World) -> list[str]:
    """Return every secret that existed: the account's, and what each session was given."""
    account = stage.emulator.account
    given = [account.password, account.customer_secret]
    for session in stage.issued:
        given += [session.token, *([session.refresh_token] if session.refresh_token else [])]
    return [each.reveal() for each in given]
