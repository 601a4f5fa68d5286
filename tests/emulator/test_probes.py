from __future__ import annotations

import asyncio
import gzip
import hashlib
import resource
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest

from sidecar.emulator import fingerprint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from finhub import Client

MEGABYTE = 1024 * 1024


def pattern(size: int) -> bytes:
    return (bytes(range(256)) * (size // 256 + 1))[:size]


async def test_an_echo_shows_the_raw_target_the_raw_fields_and_the_body(client: Client) -> None:
    reply = await client.call("PURGE", "/api/echo//%2e?q=%2F", content=b"abc", X_Odd="caf\xe9")
    assert (reply.json["method"], reply.json["target"]) == ("PURGE", "/api/echo//%2e?q=%2F")
    assert (reply.json["length"], reply.json["sha256"]) == (3, hashlib.sha256(b"abc").hexdigest())
    assert ["sec-ch-ua-platform", "Linux"] in reply.json["fields"]


async def test_an_echo_does_not_show_the_token(client: Client) -> None:
    reply = await client.call("GET", "/api/echo")
    assert ["Authorization", f"Bearer {fingerprint(client.token)}"] in reply.json["fields"]
    assert client.token.encode() not in reply.body


async def test_a_coded_body_is_counted_as_it_came(client: Client) -> None:
    coded = gzip.compress(b"hello" * 100)
    reply = await client.call("POST", "/api/sink", content=coded, Content_Encoding="gzip")
    assert reply.json == {"length": len(coded), "sha256": hashlib.sha256(coded).hexdigest()}


@pytest.mark.parametrize("size", [0, 1, 255, 65536, 65537, 200_000])
async def test_bytes_come_by_the_number_and_always_the_same(client: Client, size: int) -> None:
    reply = await client.call("GET", f"/api/bytes/{size}")
    assert (reply.body, reply.fields["Content-Length"]) == (pattern(size), str(size))


async def test_bytes_may_come_without_their_number(client: Client) -> None:
    reply = await client.call("GET", "/api/bytes/1000?chunked")
    assert (reply.body, reply.fields["Transfer-Encoding"]) == (pattern(1000), "chunked")


async def test_a_head_of_bytes_has_the_length_and_no_body(client: Client) -> None:
    reply = await client.call("HEAD", "/api/bytes/1000")
    assert (reply.body, reply.fields["Content-Length"]) == (b"", "1000")


async def test_bytes_may_come_coded_and_always_by_the_same_bytes(client: Client) -> None:
    reply = await client.call("GET", "/api/gzip/70000")  # aiohttp unpacks it
    assert (reply.fields["Content-Encoding"], reply.body) == ("gzip", pattern(70000))
    assert reply.fields["Content-Length"] == str(len(gzip.compress(pattern(70000), mtime=0)))


async def test_what_has_moved_is_named_as_finhub_itself_is_called(client: Client) -> None:
    reply = await client.call("GET", "/api/moved")
    assert (reply.status, reply.body) == (302, b"moved\n")
    assert reply.fields["Location"] == f"{client.emulator.url}/api/echo/moved?q=%2F"


@pytest.mark.parametrize("number", ["x", "-1", "nan", "99999999999999"])
async def test_a_number_out_of_range_is_400(client: Client, number: str) -> None:
    assert (await client.call("GET", f"/api/bytes/{number}")).status == 400


async def test_two_hundred_megabytes_pass_each_way_and_are_not_held(client: Client) -> None:
    block = pattern(MEGABYTE)
    expected = hashlib.sha256()
    for _ in range(200):
        expected.update(block)
    digest = expected.hexdigest()

    async def upload() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield block

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fields = {**client.defaults, "Authorization": f"Bearer {client.token}"}
    async with client.http.post(f"{client.emulator.url}/api/sink", data=upload(), headers=fields) as reply:
        assert await reply.json() == {"length": 200 * MEGABYTE, "sha256": digest}
    received = hashlib.sha256()
    async with client.http.get(f"{client.emulator.url}/api/bytes/{200 * MEGABYTE}", headers=fields) as reply:
        async for chunk in reply.content.iter_any():
            received.update(chunk)
    assert received.hexdigest() == digest
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert client.emulator.seen[-2].body_sha256 == digest


async def test_slow_takes_its_time(client: Client) -> None:
    began = time.monotonic()
    assert (await client.call("GET", "/api/slow?seconds=0.12")).status == 200
    assert time.monotonic() - began >= 0.12


async def test_slow_ends_when_the_caller_leaves(client: Client) -> None:
    fields = {**client.defaults, "Authorization": f"Bearer {client.token}"}
    with pytest.raises(asyncio.TimeoutError):
        async with client.http.get(
            f"{client.emulator.url}/api/slow?seconds=600", headers=fields, timeout=aiohttp.ClientTimeout(total=0.1)
        ):
            pass
    async with asyncio.timeout(5):
        while client.emulator.seen[-1].path != "/api/slow":  # noqa: ASYNC110  # the emulator tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("code", [200, 204, 304, 401, 403, 418, 429, 503])
async def test_any_final_status_can_be_had(client: Client, code: int) -> None:
    reply = await client.call("POST", f"/api/status/{code}")
    assert reply.status == code
    assert (reply.body == b"") == (code in (204, 304))


async def test_a_status_that_is_not_final_is_400(client: Client) -> None:
    assert (await client.call("GET", "/api/status/101")).status == 400


async def test_events_come_one_by_one(client: Client) -> None:
    reply = await client.call("GET", "/api/sse?events=2&interval=0")
    assert reply.fields["Content-Type"] == "text/event-stream"
    assert reply.body == b"id: 0\ndata: event 0\n\nid: 1\ndata: event 1\n\n"
