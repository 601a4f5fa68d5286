"""The source and the token endpoint against a real FinHub, with the hours of a day in a second: what a mint costs."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from finhub import FIELDS, FakeClock, client_context

from sidecar import errors, events
from sidecar.emulator import Emulator, Settings
from sidecar.redact import Secret
from sidecar.session import dialect_file
from sidecar.session.endpoint import Desk, HttpTokenEndpoint
from sidecar.session.source import MintingSource, Terms
from sidecar.session.state import Patience
from sidecar.session.token import Schedule
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Build = Callable[..., Awaitable["Stage"]]

CALLERS = 8
DIALECT = dialect_file.load("production")
MINUTES = 60.0
OWN_FIELDS = tuple((name.encode(), value.encode()) for name, value in FIELDS.items())


@dataclass
class Stage:
    clock: FakeClock
    finhub: Emulator
    endpoint: HttpTokenEndpoint
    source: MintingSource
    told: list[events.Event] = field(default_factory=list)

    def know_password(self, password: str) -> None:
        self.endpoint.credentials = {**self.endpoint.credentials, "password": Secret(password)}

    async def crowd(self) -> list[str]:
        """Let eight callers ask for a token at this moment; return what each got."""
        return await asyncio.gather(*(self._ask() for _ in range(CALLERS)))

    async def _ask(self) -> str:
        try:
            return (await self.source.token()).fingerprint
        except errors.TokenUnavailable as refusal:
            return "503" if refusal.remedy and (refusal.retry_after or 0) >= 1 else "503 that helps nobody"

    async def live(self, seconds: float, step: float = 1.0) -> set[str]:
        """Let time pass, with eight callers at every step; return all that they ever got."""
        got: set[str] = set()
        for _ in range(int(seconds / step)):
            self.clock.time += step
            got |= set(await self.crowd())
            await self._landed()
        return got

    async def _landed(self) -> None:
        """Let a mint behind the callers' backs end at the moment in which it began, as far as this clock can tell."""
        while self.source.session().word == "MINTING":  # noqa: ASYNC110  # the source tells nobody but its callers
            await asyncio.sleep(0)


def credentials(finhub: Emulator) -> dict[str, Any]:
    account = finhub.account
    return {
        "username": account.username,
        "password": account.password,
        "customer_id": account.customer_id,
        "customer_secret": account.customer_secret,
        "account_type": "b2b",
        "grant_type": "password",
        "tenant_id": account.tenant_id,
    }


def desk(finhub: Emulator, folder: Path) -> Desk:
    tls = Tls(client_context(finhub, folder), presented=True)
    return Desk(
        origin=finhub.url,
        dialect=DIALECT,
        fields=lambda: OWN_FIELDS,
        tls=lambda: tls,
        connect=10.0,
        response=10.0,
    )


@pytest.fixture
async def put_up(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Stage]]]:
    """A FinHub and a source that logs in to it, both on one clock that the test pushes."""
    async with contextlib.AsyncExitStack() as stack:

        async def build(**settings: Any) -> Stage:
            clock = FakeClock()
            finhub = await stack.enter_async_context(Emulator(Settings(**settings), clock=clock))
            await finhub.write(tmp_path)
            endpoint = HttpTokenEndpoint(
                desk(finhub, tmp_path), credentials(finhub), clock=clock, utc_now=lambda: 1.7e9 + clock()
            )
            terms = Terms(
                tenant="1234567",
                schedule=Schedule(margin=60.0, default_lifetime=1800.0),
                patience=Patience(first=1.0, max=60.0, blocked_for=1800.0),
                wait=10.0,
                eager=False,
            )
            told: list[events.Event] = []
            source = MintingSource(endpoint, terms, emit=told.append, clock=clock, jitter=lambda: 0.5)
            await stack.enter_async_context(endpoint)
            stack.push_async_callback(source.close, logout=False)
            return Stage(clock, finhub, endpoint, source, told)

        yield build


async def test_rejected_credentials_cost_one_login_in_ten_minutes_of_constant_load(put_up: Build) -> None:
    stage = await put_up()
    stage.know_password("wrong-from-the-start")
    assert await stage.live(10 * MINUTES) == {"503"}
    counts = stage.finhub.counts
    assert (counts.login_attempts, counts.rejected_logins, counts.logins) == (1, 1, 0)
    assert [type(event) for event in stage.told] == [events.MintFailed]


async def test_a_changed_secret_heals_within_the_blocked_time_by_one_more_login(put_up: Build) -> None:
    stage = await put_up()
    stage.know_password("wrong-from-the-start")
    await stage.live(MINUTES)
    stage.know_password(stage.finhub.account.password.reveal())
    stage.source.changed(keeps_token=True)
    got = await stage.live(MINUTES)
    assert "503" not in got
    assert len(got) == 1
    counts = stage.finhub.counts
    assert (counts.login_attempts, counts.logins) == (2, 1)


async def test_credentials_that_stay_wrong_for_two_hours_never_come_near_the_lock_out(put_up: Build) -> None:
    stage = await put_up()
    stage.know_password("wrong-from-the-start")
    assert await stage.live(120 * MINUTES, step=30.0) == {"503"}
    counts = stage.finhub.counts
    assert counts.login_attempts == 4, "one in each half hour"
    stage.know_password(stage.finhub.account.password.reveal())
    stage.source.changed(keeps_token=True)
    assert "503" not in await stage.crowd(), "the account is not locked"


async def test_a_password_that_changes_at_finhub_is_not_tried_while_the_token_lives_and_once_when_it_ends(
    put_up: Build,
) -> None:
    stage = await put_up(token_lifetime=1800.0)
    (first,) = set(await stage.crowd())
    stage.finhub.accept(password="another-one")
    assert await stage.live(20 * MINUTES, step=10.0) == {first}
    assert stage.finhub.counts.login_attempts == 1
    got = await stage.live(40 * MINUTES, step=10.0)
    assert "503" not in got, "a refresh needs no password"
    assert stage.finhub.counts.login_attempts == 1
    stage.finhub.revoke()
    stage.source.reject(await stage.source.token(), "GET /api")
    assert await stage.live(10 * MINUTES) == {"503"}
    assert (stage.finhub.counts.login_attempts, stage.finhub.counts.rejected_logins) == (2, 1)


async def test_a_day_of_callers_costs_one_login_and_a_refresh_in_each_last_tenth(put_up: Build) -> None:
    stage = await put_up()
    got = await stage.live(24 * 60 * MINUTES, step=20.0)
    counts = stage.finhub.counts
    assert "503" not in got
    assert (counts.login_attempts, counts.logins, counts.refreshes_unchanged, counts.unauthorized) == (1, 1, 0, 0)
    assert 86400 // 1800 <= counts.refreshes <= 86400 // 1620
    assert len(got) == counts.logins + counts.refreshes


async def test_a_429_is_obeyed_to_the_second_however_many_ask(put_up: Build) -> None:
    stage = await put_up(faults=("login:status=429,retry_after=90,times=1",))
    assert await stage.live(90, step=1.0) >= {"503"}
    began = stage.finhub.counts.login_attempts
    assert began == 1
    stage.clock.time += 1.0
    assert "503" not in await stage.crowd()
    assert stage.finhub.counts.login_attempts == 2
