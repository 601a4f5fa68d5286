"""A FinHub over mutual TLS that writes down who came: the client certificate of each connection and request."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from origin import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import trustme
    from origin import Asked, Visit

LOGIN = b"/api/v2/auth/token"
LONG = "/long/"
"""`/long/SECONDS` is a reply that takes so long: numbered lines, ten a second."""


@dataclass(frozen=True, slots=True)
class Came:
    """A connection or request: when (`time.monotonic`), on which connection, with which certificate's serial number."""

    at: float
    connection: int
    serial: int


@dataclass(slots=True)
class MutualFinHub:
    """What FinHub accepts, and whom it saw. `passwords` are those that may log in."""

    tls: ssl.SSLContext
    passwords: set[str]
    url: str = ""
    connections: list[Came] = field(default_factory=list)
    requests: list[Came] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    open: dict[int, int] = field(default_factory=dict)

    def present(self, certificate: trustme.LeafCert) -> None:
        """Present another certificate from the next handshake on."""
        certificate.configure_cert(self.tls)

    async def talk(self, visit: Visit) -> None:
        """Serve one connection."""
        serial = int(visit.writer.get_extra_info("peercert")["serialNumber"], 16)
        self.connections.append(Came(time.monotonic(), visit.number, serial))
        self.open[visit.number] = serial
        try:
            while True:
                asked = await visit.request()
                self.requests.append(Came(time.monotonic(), visit.number, serial))
                await self._answer(visit, asked)
        finally:
            del self.open[visit.number]

    async def _answer(self, visit: Visit, asked: Asked) -> None:
        target = asked.target.decode()
        if asked.target == LOGIN:
            await visit.send(_whole(*self._login(json.loads(asked.body))))
        elif target.startswith(LONG):
            await _drip(visit, float(target.removeprefix(LONG)))
        else:
            await asyncio.sleep(0.01)
            await visit.send(_whole(200, {"target": target}))

    def _login(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.logins.append(form["password"])
        if form["password"] not in self.passwords:
            return 401, {"code": 401, "message": "Invalid credentials"}
        return 200, {"userSessionToken": f"session-token-number-{len(self.logins)}", "expires_in": 1800}


def _whole(status: int, content: dict[str, Any]) -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status} Because\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _drip(visit: Visit, seconds: float) -> None:
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
    for number in range(int(seconds * 10)):
        line = f"{number}\n".encode()
        await visit.send(b"%x\r\n%b\r\n" % (len(line), line))
        await asyncio.sleep(0.1)
    await visit.send(b"0\r\n\r\n")


def dripped(seconds: float) -> bytes:
    """Return the whole body of `/long/SECONDS`."""
    return b"".join(b"%d\n" % number for number in range(int(seconds * 10)))


@contextlib.asynccontextmanager
async def mutual_finhub(
    certificate: trustme.LeafCert, clients: trustme.CA, *passwords: str
) -> AsyncIterator[MutualFinHub]:
    """Run a FinHub that shows `certificate` and lets in whom `clients` has certified."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.verify_mode = ssl.CERT_REQUIRED
    clients.configure_trust(tls)
    certificate.configure_cert(tls)
    finhub = MutualFinHub(tls, set(passwords))
    async with serving(finhub.talk, tls) as origin:
        finhub.url = origin.url
        yield finhub


async def soon(holds: Any, what: str, *, within: float) -> float:
    """Wait until `holds()` without stopping the event loop; return the seconds it took, fail when it never does."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + within, f"after {within:g} s still not: {what}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began
