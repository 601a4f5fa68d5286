"""Certificate, CA and secret are replaced under load, once each by something broken: nobody notices."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import trustme
from crowd import Crowd, Load, crowd
from mutual import LONG, dripped, soon

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    Start = Callable[..., AbstractAsyncContextManager[tuple[Any, Any]]]

CALLERS = 20
PAUSE = 0.05  # seconds between a reply and the next request of a caller
LONGEST = 6  # seconds: a transfer that is under way during two replacements
INTERVAL, SLACK = 1.0, 1.5
UNHEEDED = 3 * INTERVAL  # so long a broken replacement lies there: three looks at it


class Rotation:
    """The nine replacements, one after the other."""

    def __init__(self, scene: Any, first: Any) -> None:
        self.scene, self.finhub = scene, scene.finhub
        self.swaps: list[tuple[float, int, float]] = [(time.monotonic(), first.serial, 0.0)]

    async def run(self) -> None:
        for replace in (self.certificates, self.authorities, self.secrets):
            await replace()

    async def certificates(self) -> None:
        await self.take(self.scene.client())
        half = self.scene.client()
        self.scene.put("client.crt", half.certificate)
        await self.stays("the private key does not belong to the certificate")
        assert half.serial not in {came.serial for came in self.finhub.connections}
        self.scene.put("client.key", half.key)
        await self.took(half)

    async def take(self, client: Any) -> None:
        self.scene.put_pair(client)
        await self.took(client)

    async def took(self, client: Any) -> None:
        """Wait for the new certificate; from then on no connection with an older one may get a request."""
        seconds = await self.scene.taken(client)
        self.swaps.append((time.monotonic(), client.serial, seconds))

    async def stays(self, complaint: str) -> None:
        """Leave the broken thing where it is; it is told once."""
        before = len(self.scene.failures())
        await asyncio.sleep(UNHEEDED)
        told = self.scene.failures()[before:]
        assert len(told) == 1
        assert complaint in told[0]

    async def authorities(self) -> None:
        old, new = self.scene.finhubs_ca.cert_pem.bytes(), (successor := trustme.CA()).cert_pem.bytes()
        await self.trusts(old + new)
        self.finhub.present(successor.issue_cert("localhost"))
        self.scene.put("ca.crt", b"-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n")
        await self.stays("upstream.ca_file: a certificate in the file is damaged")
        await self.trusts(new)
        await self.take(self.scene.client())  # and so once more over new connections alone

    async def trusts(self, bundle: bytes) -> None:
        """Let the sidecar trust `bundle`: once it has told so, new connections come, and they are verified by it."""
        before = self.scene.reloads()
        self.scene.put("ca.crt", bundle)
        await soon(lambda: self.scene.reloads() > before, "the new CA is in use", within=INTERVAL + SLACK)
        connections = len(self.finhub.connections)
        await soon(lambda: len(self.finhub.connections) > connections, "a new connection", within=SLACK)

    async def secrets(self) -> None:
        await self.logs_in("password-2")
        self.scene.put("password", b"")
        await self.stays("is empty")
        await self.logs_in("password-3")

    async def logs_in(self, password: str) -> None:
        self.finhub.passwords = {password}
        self.scene.put("password", password.encode())
        await soon(lambda: password in self.finhub.logins, "a login with the new secret", within=INTERVAL + SLACK)


async def ask_on(callers: Crowd, load: Load, enough: asyncio.Event) -> None:
    while not enough.is_set():
        load.note(await callers.get("/api/v2.1/wallets/w-1/balance"))
        await asyncio.sleep(PAUSE)


async def test_no_request_fails_while_everything_is_replaced_three_times(scene: Start) -> None:
    async with scene() as (stage, first), crowd(stage.process.url) as callers, asyncio.TaskGroup() as tasks:
        load, enough, rotation = Load(), asyncio.Event(), Rotation(stage, first)
        for _ in range(CALLERS):
            tasks.create_task(ask_on(callers, load, enough))
        long = tasks.create_task(callers.get(f"{LONG}{LONGEST}"))
        await asyncio.sleep(0.5)
        await rotation.run()
        enough.set()
    got = long.result()
    assert (got.status, got.body) == (200, dripped(LONGEST))
    assert set(load.statuses) == {200}
    assert load.statuses.total() > 50 * CALLERS
    only_the_newest_is_used(rotation)


def only_the_newest_is_used(rotation: Rotation) -> None:
    """From a moment after each swap to the next, all requests came over connections with the new certificate."""
    ends = [*(at - seconds for at, _, seconds in rotation.swaps[1:]), float("inf")]
    for (begin, serial, _), end in zip(rotation.swaps, ends, strict=True):
        used = {came.serial for came in rotation.finhub.requests if begin + 0.2 < came.at < end}
        assert used == {serial}
