"""Two tenants under load, one of them in trouble: the other gets every reply, as fast as before.

How fast is a ratio within one run: while the other is well, and while it is not. What beta's callers get meanwhile are
503 and 502, from whatever its trouble is; a hanging FinHub holds all the requests that a tenant can have.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest
from calling import BALANCE, until
from rawcaller import calling, request
from scale import scale
from tenantstage import TenantStage, tenants_staged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from staging import FinHub, SidecarProcess

REQUESTS: Final = 600 * scale()
CALLERS: Final = 6
WAYS: Final = {"acme": "", "beta": 'path_prefix = "/beta"'}

SLOWER: Final = 5.0
"""So much slower at most, at the median and at 95 %: a busy machine alone makes it twice or thrice."""

MOST: Final = 64
"""listen.max_requests: 16 for each tenant, and 32 for whoever needs them."""


@dataclass
class Heard:
    """What callers got: how often which status, and after how many seconds."""

    statuses: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def note(self, status: int, seconds: float) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.seconds.append(seconds)

    def quantile(self, share: float) -> float:
        return sorted(self.seconds)[int(share * (len(self.seconds) - 1))]


async def ask(port: int, path: str, times: int, heard: Heard) -> None:
    """Ask so often over one connection, or until it is ended."""
    async with calling(port) as caller:
        for _ in range(times):
            began = time.monotonic()
            await caller.send(request(b"GET", path.encode()))
            heard.note((await caller.reply()).status, time.monotonic() - began)


async def load(port: int) -> tuple[Heard, Heard]:
    """Have acme's callers ask so many times, and beta's all the while; return what each of them got."""
    acme, beta, over = Heard(), Heard(), asyncio.Event()

    async def press() -> None:
        while not over.is_set():
            with_patience = asyncio.wait_for(ask(port, f"/beta{BALANCE}", 1, beta), 0.5)
            await asyncio.gather(with_patience, return_exceptions=True)

    pressing = [asyncio.create_task(press()) for _ in range(CALLERS)]
    await asyncio.gather(*(ask(port, BALANCE, REQUESTS // CALLERS, acme) for _ in range(CALLERS)))
    over.set()
    await asyncio.gather(*pressing)
    return acme, beta


def blocked(finhub: FinHub) -> None:
    finhub.do(lambda emulator: emulator.accept(password="another"))  # the right one, from now on
    finhub.revoke()


def expired(finhub: FinHub) -> None:
    finhub.do(lambda emulator: emulator.play('[[step]]\nat = 0\ndo = "certificate-expired"\n'))


def hanging(finhub: FinHub) -> None:
    finhub.fault("api:delay=3600")


TROUBLES: Final = {"blocked": blocked, "its certificate expired": expired, "its FinHub hanging": hanging}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[TenantStage]:
    with tenants_staged(tmp_path, WAYS) as stage:
        yield stage


def served(stage: TenantStage) -> SidecarProcess:
    """Start the sidecar, and return it once both tenants have a session."""
    sidecar = stage.run(LISTEN__MAX_REQUESTS=str(MOST), LOG__LEVEL="info")
    until(lambda: {one["state"] for one in sidecar.status()["sessions"]} == {"FRESH"}, "both are logged in")
    return sidecar


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_other_gets_every_reply_and_as_fast(
    stage: TenantStage, trouble: str, figures: Callable[[str], None]
) -> None:
    sidecar = served(stage)
    port = int(sidecar.listen.rpartition(":")[2])
    asyncio.run(load(port))  # everything is warm
    before, beta = asyncio.run(load(port))
    assert beta.statuses.keys() == {200}
    TROUBLES[trouble](stage.finhubs["beta"])
    asked = stage.finhubs["acme"].counts.api
    meanwhile, beta = asyncio.run(load(port))
    assert meanwhile.statuses == before.statuses == {200: REQUESTS}
    assert stage.finhubs["acme"].counts.api == asked + REQUESTS
    assert (stage.finhubs["acme"].counts.logins, stage.finhubs["acme"].counts.unauthorized) == (1, 0)
    assert 200 not in beta.statuses
    ratios = [meanwhile.quantile(share) / before.quantile(share) for share in (0.5, 0.95)]
    assert max(ratios) <= SLOWER, ratios
    acme, beta_shown = sidecar.status()["sessions"]
    assert (acme["state"], acme["requests"]["refused"]) == ("FRESH", 0)
    figures(
        f"{trouble}: {REQUESTS} of {REQUESTS} answered 200, median x{ratios[0]:.2f}, 95 % x{ratios[1]:.2f} of before; "
        f"beta {beta_shown['state']}, {beta.statuses}"
    )


def test_a_hanging_finhub_takes_its_own_requests_and_the_common_ones_and_no_others(
    stage: TenantStage, figures: Callable[[str], None]
) -> None:
    sidecar = served(stage)
    port = int(sidecar.listen.rpartition(":")[2])
    hanging(stage.finhubs["beta"])

    async def press() -> tuple[Heard, Heard]:
        acme, beta = Heard(), Heard()
        held = [asyncio.create_task(ask(port, f"/beta{BALANCE}", 1, beta)) for _ in range(2 * MOST)]
        await asyncio.sleep(0)
        while len(beta.seconds) < 2 * MOST - 48:  # noqa: ASYNC110  # what is waited for is counted, not told
            await asyncio.sleep(0.02)
        await asyncio.gather(*(ask(port, BALANCE, 20, acme) for _ in range(16)))
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        return acme, beta

    acme, beta = asyncio.run(press())
    assert beta.statuses == {429: 2 * MOST - 48}
    assert acme.statuses == {200: 320}
    figures("of 128 requests to a FinHub that hangs 48 wait, 80 get 429; of 320 of 16 callers of the other all get 200")
