from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
from asking import asking
from origin import OK, Visit, replying, serving, silent, slamming
from proxying import answering, tunnelling
from tlsserver import server_context

from sidecar import errors
from sidecar.gateway.upstream import dial
from sidecar.redact import Secret
from sidecar.wire.proxy import Proxy, proxy

if TYPE_CHECKING:
    import trustme
    from conftest import Ends
    from origin import Origin


async def test_small_writes_go_at_once_and_a_dead_peer_is_noticed_in_the_end() -> None:
    async with asking(replying(OK)) as stage:
        await stage.ask()
        (connection,) = stage.upstream._pool._open  # noqa: SLF001  # its socket is to be seen nowhere else
        plain = connection._plain.get_extra_info("socket")  # type: ignore[union-attr]  # noqa: SLF001  # as above
        assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_a_server_that_hangs_up_in_the_handshake_has_broken_it_off(ends: Ends) -> None:
    async with (
        serving(slamming) as origin,
        asking(silent, tls=lambda: ends.clients[0], url=f"https://localhost:{origin.port}") as stage,
    ):
        with pytest.raises(errors.TlsError, match="middle of the TLS handshake"):
            await stage.ask()


async def test_a_server_without_tls_is_told_as_one(ends: Ends) -> None:
    async def plain(visit: Visit) -> None:
        await visit.reader.read(1)
        await visit.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with (
        serving(plain) as origin,
        asking(silent, tls=lambda: ends.clients[0], url=f"https://localhost:{origin.port}") as stage,
    ):
        with pytest.raises(errors.TlsError, match="does not speak TLS"):
            await stage.ask()


async def test_a_loop_that_cannot_even_try_is_an_unavailable_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unable(*_: object, **__: object) -> None:
        raise RuntimeError("File descriptor 7 is used by transport")

    monkeypatch.setattr(dial, "start_connection", unable)
    async with asking(silent) as stage:
        with pytest.raises(errors.DestinationUnavailable):
            await stage.ask()


@pytest.mark.parametrize("moment", ["resolving", "connecting", "handshake"])
async def test_a_request_that_is_given_up_while_it_dials_leaves_nothing_open(
    moment: str, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()

    async def forever(*_: object, **__: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    async def deaf(visit: Visit) -> None:
        reached.set()
        await visit.reader.read()

    if moment == "resolving":
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", forever)
    if moment == "connecting":
        monkeypatch.setattr(dial, "start_connection", forever)
    async with (
        serving(deaf) as origin,
        asking(silent, tls=lambda: ends.clients[0], url=f"https://localhost:{origin.port}", connections=1) as stage,
    ):
        asked = asyncio.create_task(stage.ask())
        await reached.wait()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert stage.upstream.busy == 0
        await asyncio.sleep(0.05)
        assert origin.open == 0


# ── through a proxy ─────────────────────────────────────────────────────────────────────────────────────────────


def through(between: Origin, password: str = "") -> Proxy:
    known = (Secret("shop"), Secret(password)) if password else (None, None)
    return proxy(f"http://127.0.0.1:{between.port}", *known)


async def test_tls_in_the_tunnel_is_with_finhub_and_one_tunnel_carries_many_requests(ends: Ends) -> None:
    async with (
        serving(tunnelling()) as between,
        asking(replying(OK), tls=lambda: ends.clients[0], server=ends.server) as stage,
    ):
        stage.upstream.go_through(through(between, "pass-word"))
        for _ in range(3):
            assert await stage.ask() == b"ok"
        (asked,) = between.requests
        assert asked.line == b"CONNECT localhost:%d HTTP/1.1" % stage.origin.port
        assert asked.get(b"Authorization") == []
        assert [seen.get(b"Proxy-Authorization") for seen in stage.origin.requests] == [[], [], []]


async def test_the_name_in_the_certificate_is_finhubs_however_the_tunnel_ends_up(ends: Ends) -> None:
    async with (
        asking(replying(OK), tls=lambda: ends.clients[0], server=ends.server, url="https://other.example") as stage,
        serving(tunnelling(to=stage.origin.port)) as between,
    ):
        stage.upstream.go_through(through(between))
        with pytest.raises(errors.TlsCertificateError, match="another host"):
            await stage.ask()
        assert stage.origin.requests == []


async def test_what_changes_on_the_way_is_used_by_the_next_connection(ends: Ends) -> None:
    async with (
        serving(tunnelling()) as one,
        serving(tunnelling()) as other,
        asking(replying(OK), tls=lambda: ends.clients[0], server=ends.server) as stage,
    ):
        for way in (one, other, None):
            stage.upstream.go_through(None if way is None else through(way))
            stage.upstream._pool._end_rest()  # noqa: SLF001  # as an idle minute does
            assert await stage.ask() == b"ok"
        assert (len(one.requests), len(other.requests), len(stage.origin.requests)) == (1, 1, 3)


async def test_a_proxy_that_does_not_answer_is_given_up_in_time_and_named(ends: Ends) -> None:
    async with (
        serving(answering()) as between,
        asking(silent, tls=lambda: ends.clients[0], url="https://localhost:1", connect=0.1) as stage,
    ):
        stage.upstream.go_through(through(between))
        with pytest.raises(errors.ConnectionTimeout) as caught:
            await stage.ask()
        assert caught.value.detail == (
            f"no connection to https://localhost:1 through the proxy http://127.0.0.1:{between.port} within 0.1 s"
        )


async def test_a_tunnel_that_is_refused_is_told_by_its_name_and_leaves_nothing_open(ends: Ends) -> None:
    async with (
        serving(answering(b"HTTP/1.1 403 Filtered\r\n\r\n")) as between,
        asking(silent, tls=lambda: ends.clients[0], url="https://finhub.test", connections=1) as stage,
    ):
        stage.upstream.go_through(through(between))
        for _ in range(2):
            with pytest.raises(errors.ConnectionRefused, match=r"refuses a tunnel to finhub\.test:443"):
                await stage.ask()
        assert len(between.requests) == 2


async def test_a_certificate_that_finhub_refuses_is_told_through_a_proxy_as_well(
    ends: Ends, authority: trustme.CA
) -> None:
    strict = server_context(
        authority.issue_cert("localhost"), ssl.TLSVersion.TLSv1_3, clients=authority.cert_pem.bytes()
    )
    async with (
        serving(tunnelling()) as between,
        asking(replying(OK), tls=lambda: ends.clients[0], server=strict) as stage,
    ):
        stage.upstream.go_through(through(between))
        with pytest.raises(errors.TlsAlertReceived):
            await stage.ask()
        assert {asked.target for asked in between.requests} == {b"localhost:%d" % stage.origin.port}
        assert stage.origin.requests == []


WHO = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"


async def test_refused_credentials_are_sent_to_the_proxy_once_until_they_change_or_minutes_pass(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(dial, "steady", lambda: now)
    async with (
        serving(answering(WHO)) as between,
        asking(silent, tls=lambda: ends.clients[0], url="https://finhub.test") as stage,
    ):

        async def refused() -> int:
            stage.upstream.go_through(through(between, password))
            with pytest.raises(errors.ProxyCredentialsRefused):
                await stage.ask()
            return len(between.requests)

        password = "pass-word"
        assert [await refused() for _ in range(3)] == [1, 1, 1]
        now += 300
        assert [await refused() for _ in range(2)] == [2, 2]
        password = "another-word"
        assert [await refused() for _ in range(2)] == [3, 3]


async def test_a_late_refusal_of_the_old_credentials_does_not_bar_the_new_ones(ends: Ends) -> None:
    answer = asyncio.Event()

    async def late(visit: Visit) -> None:
        await visit.head()
        await answer.wait()
        await visit.send(WHO)

    async with (
        serving(late) as between,
        asking(silent, tls=lambda: ends.clients[0], url="https://finhub.test") as stage,
    ):
        stage.upstream.go_through(through(between, "old-word"))
        old = asyncio.create_task(stage.ask())
        async with asyncio.timeout(5):
            while not between.requests:  # noqa: ASYNC110  # a script tells nobody what it was sent
                await asyncio.sleep(0.005)
        stage.upstream.go_through(through(between, "new-word"))
        answer.set()
        for asked in (old, stage.ask()):
            with pytest.raises(errors.ProxyCredentialsRefused):
                await asked
        assert len(between.requests) == 2


async def test_where_no_credentials_were_sent_none_can_lock(ends: Ends) -> None:
    async with (
        serving(answering(WHO)) as between,
        asking(silent, tls=lambda: ends.clients[0], url="https://finhub.test") as stage,
    ):
        stage.upstream.go_through(through(between))
        for _ in range(2):
            with pytest.raises(errors.ProxyCredentialsRefused, match="none are configured"):
                await stage.ask()
        assert len(between.requests) == 2


async def test_why_a_reply_was_lost_is_asked_through_the_proxy_as_well(ends: Ends, authority: trustme.CA) -> None:
    async def crashing(visit: Visit) -> None:
        await visit.request()
        visit.reset()

    server = server_context(authority.issue_cert("finhub.test"), ssl.TLSVersion.TLSv1_3)
    async with (
        asking(crashing, tls=lambda: ends.clients[0], server=server, url="https://finhub.test") as stage,
        serving(tunnelling(to=stage.origin.port)) as between,
    ):
        stage.upstream.go_through(through(between))
        with pytest.raises(errors.ConnectionTerminated):
            await stage.ask()
        assert [asked.target for asked in between.requests] == [b"finhub.test:443"] * 2
