from __future__ import annotations

import ssl
import traceback
from typing import TYPE_CHECKING

import aiohttp
import pytest
from origin import OK, cutting, replying, serving
from yarl import URL

from sidecar.wire.client import NotSent, open_client, url_of
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    from origin import Origin


async def ask(http: aiohttp.ClientSession, origin: Origin, method: str = "GET", target: str = "/a") -> bytes:
    async with http.request(method, url_of(URL(origin.url), target), allow_redirects=False) as reply:
        return await reply.read()


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("target", ["/", "/a?", "/a??", "//a//b", "/%2e%2E/%00", "/a?x=+%20&y", "/a;b=c?d#e"])
@pytest.mark.parametrize("origin", ["http://localhost:8080", "https://api.finhub.test", "https://[::1]:8443"])
def test_a_url_puts_its_target_on_the_wire_byte_for_byte(origin: str, target: str) -> None:
    url = url_of(URL(origin), target)
    assert url.raw_path_qs == target
    assert (url.scheme, url.raw_host, url.port) == (URL(origin).scheme, URL(origin).raw_host, URL(origin).port)


def test_tls_without_a_context_is_plain_http() -> None:
    context = ssl.create_default_context()
    assert Tls(context=context, presented=True).for_aiohttp is context
    assert Tls(context=None, presented=False).for_aiohttp is True


# ── a client for a proxy ────────────────────────────────────────────────────────────────────────────────────────


async def test_the_client_adds_no_field_but_the_host_and_that_the_connection_ends() -> None:
    async with serving(replying(OK)) as origin, open_client() as http:
        await ask(http, origin)
        assert origin.requests[0].fields[1:] == [(b"Connection", b"close")]


async def test_the_client_keeps_no_cookie_and_decodes_no_body() -> None:
    raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\xff"
    async with serving(replying(raw)) as origin, open_client() as http:
        assert await ask(http, origin) == b"\x1f\x8b\xff"
        await ask(http, origin)
        assert origin.requests[1].get(b"Cookie") == []


async def test_the_client_takes_no_proxy_and_no_password_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with serving(replying(OK)) as origin, open_client() as http:
        assert await ask(http, origin) == b"ok"


async def test_the_client_opens_a_connection_for_each_request() -> None:
    async with serving(replying(OK)) as origin, open_client() as http:
        for _ in range(3):
            await ask(http, origin)
        assert origin.connections == 3


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_trap_b_the_client_itself_repeats_nothing(method: str) -> None:
    async with serving(cutting()) as origin, open_client() as http:
        with pytest.raises(NotSent) as caught:
            await ask(http, origin, method, "/b")
        assert isinstance(caught.value.error, aiohttp.ServerDisconnectedError)
        assert [asked.target for asked in origin.requests] == [b"/b"]


async def test_large_fields_of_a_reply_pass() -> None:
    large = b"X-A: " + b"a" * 60_000 + b"\r\n"
    many = b"X-B: b\r\n" * 500
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + large + many + b"\r\nok"
    async with serving(replying(raw)) as origin, open_client() as http:
        assert await ask(http, origin) == b"ok"


# ── TRAPS D ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_trap_d_what_was_not_sent_does_not_say_what_it_was() -> None:
    bearer = "Bearer t0p-secret-token"  # by name, since a traceback shows the lines of this file
    async with serving(replying(b"SSH-2.0\r\n")) as origin, open_client() as http:
        with pytest.raises(NotSent) as caught:
            await http.get(origin.url, headers={"Authorization": bearer})
        error = caught.value
        assert "t0p-secret" in repr(error.error), "aiohttp's own error shows it: that is what must not get out"
        assert "t0p-secret" not in f"{error} {error!r}" + "".join(traceback.format_exception_only(error))
