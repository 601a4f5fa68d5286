"""TLS sessions are resumed, and never where that would keep something alive that has changed."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from asking import asking, body_of
from origin import OK, Script, Visit, serving
from tlsserver import server_context

from sidecar import errors
from sidecar.gateway.upstream import Bounds, Request, Upstream
from sidecar.gateway.upstream.resumption import LONGEST
from sidecar.tls.context import client_context
from sidecar.tls.pins import pin_of
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    import trustme
    from conftest import Ends

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@dataclass
class Handshakes:
    """`resumed` is what the server saw of each handshake."""

    resumed: list[bool] = field(default_factory=list)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("version", [V12, V13])
async def test_a_new_connection_resumes_the_session_of_the_last_good_one(
    version: ssl.TLSVersion, authority: trustme.CA
) -> None:
    server = server_context(authority.issue_cert("localhost"), version)
    tls = await trusting(authority)
    seen = Handshakes()
    async with asking(kept(seen), tls=lambda: tls, server=server) as stage:
        for _ in range(4):
            assert await stage.ask() == b"ok"
            await drop_idle(stage.upstream)
        assert seen.resumed == [False, True, True, True]


def kept(seen: Handshakes) -> Script:
    """Answer on and on, as a server does whose connections are pooled."""

    async def script(visit: Visit) -> None:
        seen.resumed.append(visit.writer.get_extra_info("ssl_object").session_reused)
        while True:
            await visit.request()
            await visit.send(OK)

    return script


async def trusting(authority: trustme.CA, *pins: str) -> Tls:
    trust = bytes(authority.cert_pem.bytes())
    return Tls(await asyncio.to_thread(client_context, None, trust, pins=pins), presented=False)


async def drop_idle(upstream: Upstream) -> None:
    for connection in list(upstream._pool._open):  # noqa: SLF001  # as when they have rested too long
        connection.close()
    await asyncio.sleep(0.02)


async def test_the_session_of_a_warm_connection_is_kept_once_it_served_and_has_its_ticket(ends: Ends) -> None:
    seen = Handshakes()
    async with asking(kept(seen), tls=lambda: ends.clients[0], server=ends.server) as stage:
        await stage.upstream.warm()
        await stage.ask()
        await drop_idle(stage.upstream)
        await stage.ask()
        assert seen.resumed == [False, True]


async def test_another_identity_resumes_nothing_and_then_its_own(ends: Ends) -> None:
    used, later = ends.clients
    seen = Handshakes()
    async with asking(kept(seen), tls=lambda: used, server=ends.server) as stage:
        await stage.ask()
        await drop_idle(stage.upstream)
        await stage.ask()
        used = later
        for _ in range(2):
            await stage.ask()
            await drop_idle(stage.upstream)
        assert seen.resumed == [False, True, False, True]


async def test_a_server_that_has_forgotten_the_session_is_met_with_a_full_handshake(authority: trustme.CA) -> None:
    tls = await trusting(authority)
    before, after = Handshakes(), Handshakes()
    first, second = (server_context(authority.issue_cert("localhost"), V13) for _ in range(2))
    bounds = Bounds(connections=1, wait=1.0, connect=2.0, response=2.0, idle=2.0)
    async with serving(kept(before), first) as origin, Upstream(origin.url, bounds, lambda: tls) as upstream:
        await asked(upstream)
        async with serving(kept(after), second) as other:
            await drop_idle(upstream)
            upstream._pool._dialler._name._port = other.port  # noqa: SLF001  # the same server, restarted elsewhere
            upstream._pool._dialler._name._until = 0.0  # noqa: SLF001  # as above
            await asked(upstream)
    assert (before.resumed, after.resumed) == ([False], [False])


async def asked(upstream: Upstream) -> None:
    request = Request(method="GET", target="/", fields=((b"Host", b"a"),), body=body_of(), sendings=[])
    async with await upstream.send(request) as reply:
        assert reply.whole == b"ok"


async def test_after_an_hour_the_certificates_are_looked_at_again(ends: Ends) -> None:
    clock, seen = Clock(), Handshakes()
    async with asking(kept(seen), tls=lambda: ends.clients[0], server=ends.server, clock=clock) as stage:
        for seconds in (LONGEST / 2, LONGEST / 2, 1.0, 1.0):
            await stage.ask()
            await drop_idle(stage.upstream)
            clock.now += seconds
        await stage.ask()
        assert seen.resumed == [False, True, True, False, True], "and not an hour after each resumption"


async def test_a_new_connection_that_brought_nothing_is_followed_by_a_full_handshake(ends: Ends) -> None:
    seen = Handshakes()

    async def script(visit: Visit) -> None:
        seen.resumed.append(visit.writer.get_extra_info("ssl_object").session_reused)
        asked = await visit.request()
        if asked.target == b"/a":
            await visit.send(OK)

    async with asking(script, tls=lambda: ends.clients[0], server=ends.server) as stage:
        await stage.ask()
        await drop_idle(stage.upstream)
        with pytest.raises(errors.ConnectionTerminated):
            await stage.ask("GET", "/no")
        await stage.ask()
        # in between is the probe that asks for the reason of the failure: it resumes nothing, ever
        assert seen.resumed[:2] == [False, True]
        assert not any(seen.resumed[2:])


async def test_a_pin_is_looked_at_in_a_resumed_handshake_too(authority: trustme.CA) -> None:
    certificate = authority.issue_cert("localhost")
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    tls = await trusting(authority, pin_of(der))
    seen = Handshakes()
    async with asking(kept(seen), tls=lambda: tls, server=server_context(certificate, V13)) as stage:
        await stage.ask()
        await drop_idle(stage.upstream)
        assert await stage.ask() == b"ok"
        assert seen.resumed == [False, True]
