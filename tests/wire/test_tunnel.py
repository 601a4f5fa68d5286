from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest
from origin import OK, Visit, cutting, replying, serving, silent, slamming
from proxying import answering, tunnelling

from sidecar import errors
from sidecar.redact import Secret
from sidecar.wire import trouble, tunnel
from sidecar.wire.proxy import LARGEST_HEAD, Proxy, proxy

if TYPE_CHECKING:
    import socket

    from origin import Origin

REMEDY = "upstream.proxy"


def at(origin: Origin, password: str = "") -> Proxy:
    known = (Secret("shop"), Secret(password)) if password else (None, None)
    return proxy(f"http://127.0.0.1:{origin.port}", *known)


async def converse(reached: socket.socket) -> bytes:
    """Return the reply to one request over a socket that was reached; then it is closed."""
    loop = asyncio.get_running_loop()
    with reached:
        await loop.sock_sendall(reached, b"GET /a HTTP/1.1\r\n\r\n")
        return await loop.sock_recv(reached, 4096)


# ── the way there ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_sent_once_the_tunnel_is_open_arrives_behind_it_and_nothing_before() -> None:
    async with serving(replying(OK)) as finhub, serving(tunnelling()) as between:
        assert await converse(await tunnel.reach(at(between), "localhost", finhub.port)) == OK
        assert [asked.line for asked in between.requests] == [b"CONNECT localhost:%d HTTP/1.1" % finhub.port]
        assert [asked.head for asked in finhub.requests] == [b"GET /a HTTP/1.1"]


async def test_the_credentials_go_to_the_proxy_and_no_further() -> None:
    async with serving(replying(OK)) as finhub, serving(tunnelling()) as between:
        await converse(await tunnel.reach(at(between, "pass-word"), "localhost", finhub.port))
        assert between.requests[0].get(b"Proxy-Authorization") == [b"Basic c2hvcDpwYXNzLXdvcmQ="]
        assert finhub.requests[0].fields == []


async def test_addresses_that_the_caller_remembers_are_used() -> None:
    async with serving(replying(OK)) as finhub, serving(tunnelling()) as between:
        unnamed = proxy(f"http://proxy.invalid:{between.port}", None, None)
        reached = await tunnel.reach(unnamed, "localhost", finhub.port, lambda: tunnel.resolve(at(between)))
        assert await converse(reached) == OK


async def test_an_answer_that_comes_in_small_pieces_is_read_to_its_end() -> None:
    async def dripping(visit: Visit) -> None:
        await visit.head()
        for byte in b"HTTP/1.1 200 OK\r\nVia: a\r\n\r\n":
            await visit.send(bytes([byte]))
            await asyncio.sleep(0)
        await visit.send(await visit.reader.read(65536))

    async with serving(dripping) as between:
        assert await converse(await tunnel.reach(at(between), "finhub.test", 443)) == b"GET /a HTTP/1.1\r\n\r\n"


# ── no way there ────────────────────────────────────────────────────────────────────────────────────────────────


async def refusal(way: Proxy) -> errors.UpstreamError:
    with pytest.raises(errors.UpstreamError) as caught:
        await tunnel.reach(way, "finhub.test", 443)
    return caught.value


async def test_a_proxy_that_is_not_there_is_named_with_its_remedy() -> None:
    async with serving(silent) as gone:
        way = at(gone)
    told = await refusal(way)
    assert (type(told), told.detail) == (errors.ConnectionRefused, f"the proxy {way.url}: nobody listens there")
    assert REMEDY in told.remedy


async def test_a_proxy_whose_name_does_not_resolve_is_named() -> None:
    told = await refusal(proxy("http://proxy.invalid:1", None, None))
    assert (type(told), told.proxy_error) == (errors.DnsError, "dns_error")
    assert "the proxy http://proxy.invalid:1" in told.detail
    assert REMEDY in told.remedy


async def test_a_loop_that_cannot_even_try_is_an_unavailable_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unable(*_: object, **__: object) -> None:
        raise RuntimeError("File descriptor 7 is used by transport")

    monkeypatch.setattr(tunnel, "start_connection", unable)
    async with serving(silent) as between:
        assert type(await refusal(at(between))) is errors.DestinationUnavailable


async def test_a_time_out_is_the_callers_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(tunnel, "start_connection", slow)
    with pytest.raises(TimeoutError):
        await tunnel.reach(proxy("http://127.0.0.1:1", None, None), "finhub.test", 443)


@pytest.mark.parametrize("script", [slamming, cutting(), cutting(b"HTTP/1.1 200 OK\r\n")])
async def test_a_proxy_that_leaves_without_an_answer_is_told_as_that(script: object) -> None:
    async with serving(script) as between:  # type: ignore[arg-type]  # each is a script
        told = await refusal(at(between))
        assert type(told) is errors.ConnectionTerminated
        assert "closed the connection when a tunnel was asked for" in told.detail
        assert "took effect" not in told.remedy
        assert REMEDY in told.remedy


async def test_a_proxy_that_breaks_off_is_told_as_that() -> None:
    async def breaking(visit: Visit) -> None:
        await visit.head()
        visit.reset()

    async with serving(breaking) as between:
        assert type(await refusal(at(between))) is errors.ConnectionTerminated


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 403 Filtered\r\nContent-Length: 2\r\n\r\nno", "connection_refused"),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "proxy_configuration_error"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "destination_unavailable"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (LARGEST_HEAD + 4096), "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "http_protocol_error"),
        (b"220 mail.example ESMTP\r\n\r\n", "http_protocol_error"),
    ],
)
async def test_no_tunnel_means_a_closed_connection_and_an_error_by_name(answer: bytes, error: str) -> None:
    async with serving(answering(answer)) as between:
        assert (await refusal(at(between))).proxy_error == error
        async with asyncio.timeout(2):
            while between.open:  # noqa: ASYNC110  # what is waited for is counted, not told
                await asyncio.sleep(0.005)


async def test_whoever_gives_up_while_the_proxy_is_silent_leaves_nothing_open() -> None:
    async with serving(answering()) as between:
        asked = asyncio.create_task(tunnel.reach(at(between), "finhub.test", 443))
        async with asyncio.timeout(2):
            while not between.requests:  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.005)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        async with asyncio.timeout(2):
            while between.open:  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.005)


# ── what others tell ────────────────────────────────────────────────────────────────────────────────────────────

SOME = proxy("http://proxy.example:3128", None, None)


def test_a_late_connection_names_both() -> None:
    told = tunnel.late("https://api.finhub.test", SOME, 2.5)
    assert told.detail == (
        "no connection to https://api.finhub.test through the proxy http://proxy.example:3128 within 2.5 s"
    )
    assert REMEDY in told.remedy


def test_a_time_out_on_the_way_to_the_proxy_is_one() -> None:
    assert type(tunnel.unreached(TimeoutError(), SOME)) is errors.ConnectionTimeout


def test_a_connection_that_is_reset_on_the_way_to_the_proxy_is_no_matter_of_tls() -> None:
    told = tunnel.unreached(ConnectionResetError(104, "reset"), SOME)
    assert type(told) is errors.DestinationUnavailable


async def told_by_aiohttp(way: Proxy) -> errors.UpstreamError | None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError) as caught:
            await http.get("https://finhub.test/", proxy=way.url)
    return tunnel.translate(caught.value, way, "finhub.test:443")


async def test_what_aiohttp_tells_of_the_proxy_is_told_in_the_same_words() -> None:
    async with serving(answering(b"HTTP/1.1 403 Filtered\r\n\r\n")) as between:
        way = at(between)
        mine, its = await refusal(way), await told_by_aiohttp(way)
        assert its is not None
        assert (type(its), its.detail, its.remedy) == (type(mine), mine.detail, mine.remedy)
    mine, its = await refusal(way), await told_by_aiohttp(way)
    assert its is not None
    assert (type(its), its.detail, its.remedy) == (type(mine), mine.detail, mine.remedy)
    unnamed = proxy("http://proxy.invalid:1", None, None)
    mine, its = await refusal(unnamed), await told_by_aiohttp(unnamed)
    assert its is not None
    assert (type(its), its.detail, its.remedy) == (type(mine), mine.detail, mine.remedy)


def test_what_lies_beyond_the_proxy_is_not_its_fault() -> None:
    assert tunnel.translate(aiohttp.ServerDisconnectedError(), SOME, "finhub.test:443") is None
    assert tunnel.translate(trouble.NoConnection(OSError()), SOME, "finhub.test:443") is None
