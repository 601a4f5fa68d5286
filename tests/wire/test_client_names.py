"""FinHub's name: with a dead address among its addresses it is reached, and when it moves it is followed.

Both doors are asked, the API's and the token endpoint's: each has a client of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from names import Names, swallowing
from stage import Plan

from sidecar import errors
from sidecar.gateway.body import Budget, Limits, ReplayableBody
from sidecar.gateway.pace import Pace
from sidecar.gateway.upstream import Request, Upstream
from sidecar.redact import Secret
from sidecar.session.answer import Grant
from sidecar.session.dialect_file import load
from sidecar.session.endpoint import Desk, HttpTokenEndpoint
from sidecar.wire.client import DNS_SECONDS
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NAME = "finhub.test"
CONNECT = 1.0
DOORS = ["api", "tokens"]
PRODUCTION = load("production")
CREDENTIALS: dict[str, Any] = {
    "username": "u",
    "password": Secret("pass-of-u"),
    "customer_id": "c",
    "customer_secret": Secret("secret-of-c"),
    "account_type": "b2b",
    "grant_type": "password",
}
GOOD = json.dumps({"userSessionToken": "opaque-session-token", "expires_in": 60}).encode()
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(GOOD), GOOD)


class Door(Protocol):
    """One way to FinHub: `ask` tells whether FinHub answered."""

    async def ask(self) -> bool: ...


class Api:
    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    async def ask(self) -> bool:
        limits = Limits(max_body=1, remembered=1, pace=Pace(1.0, 1))
        body = ReplayableBody(asyncio.StreamReader(), 0, limits, Budget(1), lambda: None)  # type: ignore[arg-type]  # never read
        request = Request(method="POST", target="/a", fields=((b"Host", b"x"),), body=body, sendings=[])
        try:
            async with await self.upstream.send(request) as reply:
                return reply.status == 200
        except errors.UpstreamError:
            return False


class Tokens:
    def __init__(self, endpoint: HttpTokenEndpoint) -> None:
        self.endpoint = endpoint

    async def ask(self) -> bool:
        return isinstance((await self.endpoint.login()).outcome, Grant)


@contextlib.asynccontextmanager
async def opened(kind: str, port: int) -> AsyncIterator[Door]:
    origin, plain = f"http://{NAME}:{port}", Tls(context=None, presented=False)
    if kind == "api":
        async with Upstream(origin, Plan(connect=CONNECT).bounds(), lambda: plain) as upstream:
            yield Api(upstream)
        return
    desk = Desk(
        origin=origin,
        dialect=PRODUCTION,
        fields=lambda: (),
        tls=lambda: plain,
        connect=CONNECT,
        response=2.0,
    )
    async with HttpTokenEndpoint(desk, CREDENTIALS, clock=lambda: 5.0, utc_now=lambda: 0.0) as endpoint:
        yield Tokens(endpoint)


class FinHub:
    """A server at one address, which answers all it is asked until it goes away."""

    def __init__(self) -> None:
        self.answered = 0
        self.port = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, address: str, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, address, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or b"0"))
                self.answered += 1
                writer.write(REPLY)
        writer.close()

    async def go_away(self) -> None:
        self._server.close()
        for writer in self._open:
            writer.close()
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(address: str, port: int = 0) -> AsyncIterator[FinHub]:
    server = FinHub()
    await server.start(address, port)
    try:
        yield server
    finally:
        await server.go_away()


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    table = Names()
    table.install(monkeypatch)
    return table


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("addresses", [["::1", "127.0.0.1"], ["127.0.0.3", "127.0.0.1"], ["127.0.0.1", "::1"]])
async def test_a_name_is_reached_although_nobody_listens_at_one_of_its_addresses(
    addresses: list[str], door: str, names: Names
) -> None:
    names.known[NAME] = addresses
    async with running("127.0.0.1") as server, opened(door, server.port) as one:
        for _ in range(3):  # the library turns the addresses with each connection
            assert await one.ask()
        assert server.answered == 3


@pytest.mark.parametrize("door", DOORS)
async def test_a_name_is_reached_in_time_although_its_first_address_swallows_all_that_comes(
    door: str, names: Names
) -> None:
    names.known[NAME] = ["127.0.0.2", "127.0.0.1"]
    async with running("127.0.0.1") as server, opened(door, server.port) as one:
        with swallowing("127.0.0.2", server.port):
            async with asyncio.timeout(CONNECT / 2):
                assert await one.ask()
        assert server.answered == 1


@pytest.mark.parametrize("door", DOORS)
async def test_a_name_whose_addresses_all_swallow_is_given_up_in_time(door: str, names: Names) -> None:
    names.known[NAME] = ["127.0.0.2"]
    async with running("127.0.0.1") as server, opened(door, server.port) as one:
        with swallowing("127.0.0.2", server.port):
            async with asyncio.timeout(2 * CONNECT):
                assert not await one.ask()
        assert server.answered == 0


@pytest.mark.parametrize("door", DOORS)
async def test_a_name_that_moved_is_followed_once_the_old_answer_is_too_old(door: str, names: Names) -> None:
    names.known[NAME] = ["127.0.0.1"]
    async with running("127.0.0.1") as old, running("127.0.0.2", old.port) as new, opened(door, old.port) as one:
        assert await one.ask()
        names.known[NAME] = ["127.0.0.2"]
        await old.go_away()  # with its idle connections, of which a pool must use none
        names.seconds += DNS_SECONDS - 1
        assert not await one.ask(), "the old answer is still used, so that this test can fail"
        names.seconds += 2
        assert await one.ask()
        assert (old.answered, new.answered, names.asked) == (1, 1, 2)


async def test_an_open_connection_is_used_while_its_server_lives_and_a_new_one_goes_where_the_name_moved(
    names: Names,
) -> None:
    names.known[NAME] = ["127.0.0.1"]
    async with running("127.0.0.1") as old, running("127.0.0.2", old.port) as new, opened("api", old.port) as one:
        assert await one.ask()
        names.known[NAME] = ["127.0.0.2"]
        names.seconds += DNS_SECONDS + 1
        assert await one.ask()
        assert (old.answered, new.answered) == (2, 0)
        await old.go_away()
        assert await one.ask()
        assert (old.answered, new.answered) == (2, 1)


@pytest.mark.parametrize("door", DOORS)
async def test_the_resolver_is_not_asked_for_each_connection(door: str, names: Names) -> None:
    names.known[NAME] = ["127.0.0.1"]
    async with running("127.0.0.1") as server, opened(door, server.port) as one:
        for _ in range(5):
            assert await one.ask()
        assert names.asked == 1
