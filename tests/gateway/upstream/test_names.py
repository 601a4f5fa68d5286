from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar.gateway.upstream import names
from sidecar.gateway.upstream.names import Name
from sidecar.wire.client import DNS_SECONDS


class Resolver:
    """Answers with `addresses` after a turn of the loop; `asked` counts."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    async def getaddrinfo(self, _: str, port: int, **__: Any) -> list[Any]:
        self.asked += 1
        await asyncio.sleep(0)
        if not self.addresses:
            raise OSError("unknown")
        return [(2, 1, 6, "", (address, port)) for address in self.addresses]


async def resolved(name: Name) -> list[str]:
    return [str(info[4][0]) for info in await name.addresses()]


async def test_the_addresses_take_turns_in_coming_first(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver("a", "b", "c")
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver.getaddrinfo)
    name = Name("finhub.test", 443)
    assert [await resolved(name) for _ in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
    assert resolver.asked == 1


async def test_many_that_ask_at_one_time_cost_one_look_up_and_an_answer_that_is_too_old_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolver, now = Resolver("a"), 1000.0
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver.getaddrinfo)
    monkeypatch.setattr(names, "steady", lambda: now)  # which runs while the machine sleeps
    name = Name("finhub.test", 443)
    await asyncio.gather(*(name.addresses() for _ in range(64)))
    assert resolver.asked == 1
    now += DNS_SECONDS - 0.1
    await name.addresses()
    assert resolver.asked == 1
    now += 0.1
    resolver.addresses = ("b",)
    assert await resolved(name) == ["b"]


async def test_a_failure_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver.getaddrinfo)
    name = Name("finhub.test", 443)
    with pytest.raises(OSError, match="unknown"):
        await name.addresses()
    resolver.addresses = ("a",)
    assert await resolved(name) == ["a"]
