from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from asking import asking
from origin import OK, Visit, replying, serving, silent, slamming

from sidecar import errors
from sidecar.gateway.upstream import dial

if TYPE_CHECKING:
    from conftest import Ends


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
