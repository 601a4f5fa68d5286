from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from asking import Parts, asking, body_of
from origin import OK, Visit, replying, silent
from stage import eventually

from sidecar import errors
from sidecar.gateway.departure import Departure
from sidecar.gateway.upstream import Request

if TYPE_CHECKING:
    from conftest import Ends

    from sidecar.gateway.upstream.connection import Connection

# ── warm ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_warm_connection_is_the_one_that_the_first_request_takes(ends: Ends) -> None:
    async with asking(replying(OK), tls=lambda: ends.clients[0], server=ends.server, connections=1) as stage:
        await stage.upstream.warm()
        await stage.upstream.warm()
        assert stage.upstream.busy == 0
        assert await stage.ask("POST") == b"ok"
        assert stage.origin.connections == 1
        await stage.upstream.warm()
        assert stage.origin.connections == 1


async def test_another_identity_is_warmed_anew_and_what_was_at_rest_is_ended(ends: Ends) -> None:
    used, later = ends.clients
    async with asking(replying(OK), tls=lambda: used, server=ends.server) as stage:
        await stage.ask()
        used = later
        await stage.upstream.warm()
        await eventually(lambda: stage.origin.open == 1)
        assert stage.origin.connections == 2


async def test_that_warming_fails_is_no_error_and_makes_no_noise(ends: Ends, caplog: pytest.LogCaptureFixture) -> None:
    async with asking(silent, url="http://127.0.0.1:1") as refused:
        await refused.upstream.warm()
    async with asking(silent, tls=lambda: ends.clients[0], connect=0.1) as deaf:
        url = f"https://localhost:{deaf.origin.port}"
        async with asking(silent, tls=lambda: ends.clients[0], url=url, connect=0.1) as handshake:
            await handshake.upstream.warm()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_while_requests_are_on_their_way_nothing_is_warmed() -> None:
    async with asking(silent, response=0.2) as stage:
        asked = asyncio.create_task(stage.ask())
        await eventually(lambda: stage.origin.connections == 1)
        await stage.upstream.warm()
        with pytest.raises(errors.ResponseTimeout):
            await asked
        assert stage.origin.connections == 1


# ── what a request tells, and what tells it to go ───────────────────────────────────────────────────────────────


async def test_finhub_counts_as_asked_from_the_moment_at_which_a_connection_is_there() -> None:
    cancelled: list[str] = []
    departure = Departure(lambda: cancelled.append("while FinHub is asked"), binding=True)

    async def script(visit: Visit) -> None:
        await visit.request()
        departure.happen()
        await visit.send(OK)

    async with asking(script) as stage:
        request = Request(
            method="POST",
            target="/pay",
            fields=((b"Host", b"a"),),
            body=body_of(),
            sendings=[],
            departure=departure,
        )
        async with await stage.upstream.send(request) as reply:
            assert reply.whole == b"ok"
    assert (departure.left, cancelled) == (True, [])


@pytest.mark.parametrize("part", [b"", OK[:20]])
async def test_a_request_that_is_given_up_while_its_reply_is_due_ends_its_connection(part: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(part)
        await visit.reader.read()

    async with asking(script, connections=1) as stage:
        asked = asyncio.create_task(stage.ask())
        await eventually(lambda: len(stage.origin.requests) == 1)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert stage.upstream.busy == 0
        await eventually(lambda: stage.origin.open == 0)


async def test_a_request_that_is_given_up_when_its_reply_has_come_leaves_the_connection_to_the_next() -> None:
    """Its connection is in the pool by then, or another request's already."""
    async with asking(replying(OK), connections=2) as stage:
        await stage.ask()
        given_up = asyncio.create_task(stage.send())
        pool = stage.upstream._pool  # noqa: SLF001  # the moment is to be seen nowhere else
        rest = pool.rest

        def rest_and_give_up(connection: Connection) -> None:
            rest(connection)
            given_up.cancel()

        pool.rest = rest_and_give_up  # type: ignore[method-assign]  # as above
        await asyncio.gather(given_up, return_exceptions=True)
        assert given_up.cancelled()
        pool.rest = rest  # type: ignore[method-assign]  # as above
        assert await stage.ask() == b"ok"
        assert stage.origin.connections == 1


async def test_a_long_upload_that_is_given_up_is_read_no_more() -> None:
    source = Parts([bytes(70_000)], endless=True)
    async with asking(silent) as stage:
        asked = asyncio.create_task(stage.ask("POST", body=body_of(length=1_000_000, source=source)))
        await eventually(lambda: len(stage.origin.requests) == 1)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await eventually(lambda: stage.origin.open == 0)
        async with asyncio.timeout(1):  # and not only when the caller's own time is over
            await eventually(lambda: "request body" not in {task.get_name() for task in asyncio.all_tasks()})


async def test_a_head_that_would_be_two_is_not_sent_and_costs_nothing_but_its_connection() -> None:
    async with asking(replying(OK), connections=1) as stage:
        with pytest.raises(ValueError, match="CR, LF or NUL"):
            await stage.ask("GET", "/a\r\nX: y")
        assert stage.upstream.busy == 0
        assert await stage.ask() == b"ok"
        assert [asked.target for asked in stage.origin.requests] == [b"/a"]


async def test_on_a_new_connection_a_failure_of_an_unsafe_request_says_that_it_may_have_taken_effect() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()

    async with asking(script) as stage:
        with pytest.raises(errors.ConnectionTerminated) as caught:
            await stage.ask("POST", body=body_of(b"payment"))
        assert "took effect" in caught.value.remedy
