"""Resources that FinHub does not have: they show what a proxy does to a request and to a reply."""

from __future__ import annotations

import asyncio
import gzip
import math
from typing import TYPE_CHECKING, Final

from sidecar.emulator.answers import Answer, Stream, as_json, malformed, refusal
from sidecar.emulator.call import shown_pair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from sidecar.emulator.call import Call

_BLOCK: Final = bytes(range(256)) * 256
_MOST_BYTES: Final = 1 << 34
_MOST_CODED: Final = 1 << 24
_LONGEST_WAIT: Final = 600.0
_MOST_EVENTS: Final = 10_000
_POLL: Final = 0.05


async def echo(call: Call) -> Answer:
    """Answer with what arrived: raw target, raw fields (ISO 8859-1, no secret), size and digest of the body."""
    async for _ in call.body.chunks():
        pass
    return as_json(
        {
            "method": call.request.method,
            "target": call.request.raw_path,
            "fields": [shown_pair(name, value) for name, value in call.fields],
            "length": call.body.length,
            "sha256": call.body.sha256,
        }
    )


async def send_bytes(call: Call) -> Stream:
    """Answer with n bytes, 0 to 255 over and over; `?chunked` leaves out how many they are."""
    size = int(_number(call.part("n"), "n", _MOST_BYTES))
    return Stream(chunks=_pattern(size), length=None if "chunked" in call.request.query else size)


async def send_gzip(call: Call) -> Answer:
    """Answer with what `send_bytes` sends, gzip-coded and always by the same bytes."""
    size = int(_number(call.part("n"), "n", _MOST_CODED))
    plain = b"".join([chunk async for chunk in _pattern(size)])
    fields = (("Content-Type", "application/octet-stream"), ("Content-Encoding", "gzip"))
    return Answer(fields=fields, body=gzip.compress(plain, mtime=0))


async def moved(call: Call) -> Answer:
    """Answer 302 to another resource, by its absolute URL as FinHub itself is called."""
    place = f"{call.request.scheme}://{call.request.host}/api/echo/moved?q=%2F"
    return Answer(status=302, fields=(("Location", place), ("Content-Type", "text/plain")), body=b"moved\n")


async def sink(call: Call) -> Answer:
    """Take any body, of any size, and answer with its size and digest."""
    async for _ in call.body.chunks():
        pass
    return as_json({"length": call.body.length, "sha256": call.body.sha256})


async def slow(call: Call) -> Answer:
    """Answer after `?seconds=`; a caller that leaves ends the wait."""
    seconds = _number(call.argument("seconds", "1"), "seconds", _LONGEST_WAIT)
    await _wait(call.request, seconds)
    return as_json({"seconds": seconds})


async def status(call: Call) -> Answer:
    """Answer with any status from 200 to 599, in FinHub's error body."""
    code = int(_number(call.part("code"), "code", 599))
    if code < 200:  # noqa: PLR2004  # RFC 9110 §15: below are no final replies
        raise malformed("code", "The status is not a final one", "Ask for 200 to 599")
    return refusal(code)


async def events(call: Call) -> Stream:
    """Answer with server-sent events: `?events=` of them, `?interval=` seconds apart."""
    count = int(_number(call.argument("events", "3"), "events", _MOST_EVENTS))
    interval = _number(call.argument("interval", "0.05"), "interval", _LONGEST_WAIT)
    return Stream(
        chunks=_events(call.request, count, interval),
        length=None,
        fields=(("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")),
    )


async def _pattern(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // len(_BLOCK)):
        yield _BLOCK
    if size % len(_BLOCK):
        yield _BLOCK[: size % len(_BLOCK)]


async def _events(request: web.Request, count: int, interval: float) -> AsyncIterator[bytes]:
    for number in range(count):
        if number:
            await _wait(request, interval)
        yield f"id: {number}\ndata: event {number}\n\n".encode()


async def _wait(request: web.Request, seconds: float) -> None:
    """Sleep, but no longer than somebody waits for the answer."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0 and request.transport is not None:  # noqa: ASYNC110  # aiohttp tells nobody
        await asyncio.sleep(min(left, _POLL))


def _number(text: str, name: str, most: float) -> float:
    """Return the number in `text`, or raise the 400 that says what it may be."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        raise malformed(name, f"{name} is no number from 0 to {most:.0f}", f"Send {name} as a number in that range")
    return value
