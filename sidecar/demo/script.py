"""What the scripted caller does, what it must see, and what FinHub must have seen meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sidecar.demo.caller import Caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sidecar.demo.stage import Stage
    from sidecar.emulator.seen import Seen

REQUIRED: Final = (
    "Content-Type",
    "sec-ch-ua-platform",
    "X-Forwarded-For",
    "User-Agent",
    "X-Tenant-ID",
    "Authorization",
)
"""The six fields that FinHub demands of every request (CONTRACT §2)."""

_ACCOUNT: Final = "/api/v2.1/fintrans/acc-1"
_PAYMENT: Final = {"amount": {"value": "5000000", "currency": "EUR", "scale": 2}}
_CALLERS: Final = 20
_OK: Final = 200
_BOUNDARY: Final = "finhub-demo-boundary"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: what was done, what each side saw, and whether that is as it must be."""

    did: str
    caller_saw: str
    finhub_saw: str
    holds: bool


class Script:
    """Plays the caller against one stage. `lifetime` is the token's, in seconds."""

    def __init__(self, stage: Stage, lifetime: float) -> None:
        self._emulator = stage.emulator
        self._caller = Caller(stage.url)
        self._lifetime = lifetime

    async def lines(self) -> AsyncIterator[Line]:
        """Yield the table line by line, as it happens."""
        yield await self._balance()
        yield await self._payment("The caller pays: prepare, then execute", expired=0)
        yield await self._upload()
        self._emulator.expire()
        yield await self._payment("The caller pays; FinHub lets the token expire just before", expired=1)
        yield await self._revoked()
        yield await self._lifetimes()

    async def _balance(self) -> Line:
        got = await self._caller.get("/api/v2.1/wallets/w-1/balance")
        seen, counts = self._last(), self._emulator.counts
        missing = [name for name in REQUIRED if len(seen.values(name)) != 1]
        finhub = f"{counts.logins} login; {len(REQUIRED) - len(missing)} of 6 fields; {seen.client_certificate}"
        holds = got.status == _OK and not missing and counts.logins == 1 and seen.client_certificate is not None
        return Line("The caller asks for a balance, with no header at all", f"{got.status}", finhub, holds)

    async def _payment(self, did: str, *, expired: int) -> Line:
        """Pay while FinHub refuses `expired` requests for their token: each must cost one login and one replay."""
        before = self._count()
        statuses = await self._pay()
        executed, logins, refused = self._since(before, "orders_executed", "logins", "unauthorized")
        finhub = f"{executed} executed; {refused} answered 401 and replayed; {logins} login"
        holds = statuses == [_OK, _OK] and (executed, logins, refused) == (1, expired, expired)
        return Line(did, _told(statuses), finhub, holds)

    async def _pay(self) -> list[int]:
        prepared = await self._caller.post(f"{_ACCOUNT}/types/transfer/prepare", _PAYMENT)
        order: Any = prepared.body.get("data", {}) if isinstance(prepared.body, dict) else {}
        executed = await self._caller.post(
            f"{_ACCOUNT}/types/transfer/execute", {"preparedOrderId": order.get("preparedOrderId")}
        )
        return [prepared.status, executed.status]

    async def _upload(self) -> Line:
        body = _multipart(bytes(range(256)) * 8192)
        got = await self._caller.send(
            "/api/v2.1/customer/individual/c-1/documents", body, f"multipart/form-data; boundary={_BOUNDARY}"
        )
        seen = self._last()
        same = seen.body_sha256 == hashlib.sha256(body).hexdigest()
        finhub = f"{seen.body_length} bytes, {'the same' if same else 'other'} digest"
        return Line(
            f"The caller uploads a document of {len(body)} bytes", f"{got.status}", finhub, got.status == _OK and same
        )

    async def _revoked(self) -> Line:
        before = self._count()
        self._emulator.revoke()
        paid = await asyncio.gather(*(self._pay() for _ in range(_CALLERS)))
        statuses = [status for pair in paid for status in pair]
        executed, logins = self._since(before, "orders_executed", "logins")
        holds = set(statuses) == {_OK} and executed == _CALLERS and logins == 1
        return Line(
            f"{_CALLERS} callers pay at once; FinHub has revoked the token",
            _told(statuses),
            f"{executed} executed, each once; {logins} login for all",
            holds,
        )

    async def _lifetimes(self) -> Line:
        before = self._count()
        loop = asyncio.get_running_loop()
        end, statuses = loop.time() + 2 * self._lifetime, []
        while loop.time() < end:
            statuses.append((await self._caller.get("/api/v2.1/wallets/w-1/balance")).status)
            await asyncio.sleep(0.05)
        refreshes, early, refused = self._since(before, "refreshes", "refreshes_unchanged", "unauthorized")
        holds = set(statuses) == {_OK} and refreshes >= 1 and refused == 0
        return Line(
            f"The caller asks for balances over two token lifetimes of {self._lifetime:g} s",
            _told(statuses),
            f"{refreshes} refreshed in the last tenth; {early} too early; {refused} answered 401",
            holds,
        )

    def _last(self) -> Seen:
        """Return the API's last request; a renewal may have come after it."""
        return next(seen for seen in reversed(self._emulator.seen) if seen.scope == "api")

    def _count(self) -> dict[str, int]:
        counts = self._emulator.counts
        return {name: getattr(counts, name) for name in _COUNTED}

    def _since(self, before: dict[str, int], *names: str) -> list[int]:
        now = self._count()
        return [now[name] - before[name] for name in names]


_COUNTED: Final = ("logins", "refreshes", "refreshes_unchanged", "unauthorized", "orders_executed")


def _told(statuses: list[int]) -> str:
    return ", ".join(f"{count} x {status}" for status, count in sorted(Counter(statuses).items()))


def _multipart(document: bytes) -> bytes:
    """Return a form with a document, as a program of the last century would build it."""
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="documentType"\r\n\r\n'
        "PASSPORT\r\n"
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file"; filename="scan.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + document + f"\r\n--{_BOUNDARY}--\r\n".encode()
