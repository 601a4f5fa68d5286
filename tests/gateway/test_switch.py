"""From a request to the gateway of its tenant, and back to what it was where that cannot carry it at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from sidecar import errors
from sidecar.gateway.switch import Switch
from sidecar.guard.choosing import Chooser, Place

if TYPE_CHECKING:
    from sidecar.gateway.caller_request import CallerRequest


class Gateway:
    """Notes what it is asked to carry; what is asked at once is carried if it `can`."""

    def __init__(self) -> None:
        self.can = True
        self.asked: list[tuple[str, bytes]] = []

    def ask_at_once(self, request: CallerRequest) -> object | None:
        self.asked.append((request.target, request.line))
        return object() if self.can else None

    async def handle(self, request: CallerRequest) -> None:
        self.asked.append((request.target, request.line))


class Nobody:
    """Notes what it refuses."""

    def __init__(self) -> None:
        self.refused: list[errors.SidecarError] = []

    async def refuse(self, _: CallerRequest, error: errors.SidecarError) -> None:
        self.refused.append(error)

    def unread(self, error: errors.SidecarError, _: str) -> None:
        self.refused.append(error)


PLACES = [Place("a", prefix="/a"), Place("b", name="X-Tenant", values=("b",))]


def made() -> tuple[Any, dict[str, Gateway], Nobody]:
    gateways, nobody = {"a": Gateway(), "b": Gateway()}, Nobody()
    switch: Any = Switch(Chooser.build(PLACES), gateways, nobody)  # type: ignore[arg-type]  # what it needs of them
    return switch, gateways, nobody


def asked(target: str, *fields: tuple[bytes, bytes], line: bytes = b"") -> Any:
    return SimpleNamespace(method="GET", target=target, line=line, fields=fields)


@pytest.mark.parametrize(("line", "aimed"), [(b"GET /a/x?y HTTP/1.1", b"GET /x?y HTTP/1.1"), (b"", b"")])
async def test_the_tenants_gateway_is_asked_for_what_is_behind_the_prefix(line: bytes, aimed: bytes) -> None:
    switch, gateways, _ = made()
    assert switch.ask_at_once(asked("/a/x?y", line=line)) is not None
    await switch.handle(asked("/a/x?y", line=line))
    assert gateways["a"].asked == [("/x?y", aimed)] * 2
    assert gateways["b"].asked == []


async def test_what_cannot_be_carried_at_once_is_as_it_was() -> None:
    switch, gateways, _ = made()
    gateways["a"].can = False
    request = asked("/a/a/x", line=b"GET /a/a/x HTTP/1.1")
    assert switch.ask_at_once(request) is None
    assert (request.target, request.line) == ("/a/a/x", b"GET /a/a/x HTTP/1.1")
    await switch.handle(request)
    assert gateways["a"].asked == [("/a/x", b"GET /a/x HTTP/1.1")] * 2


async def test_a_target_that_stays_is_not_written_anew() -> None:
    switch, gateways, _ = made()
    assert switch.ask_at_once(asked("/x", (b"X-Tenant", b"b"), line=b"GET /x HTTP/1.1")) is not None
    assert gateways["b"].asked == [("/x", b"GET /x HTTP/1.1")]


async def test_what_is_no_tenants_is_carried_by_nobody() -> None:
    switch, gateways, nobody = made()
    assert switch.ask_at_once(asked("/x")) is None
    assert nobody.refused == []
    await switch.handle(asked("/x"))
    assert [error.status for error in nobody.refused] == [403]
    switch.unread(errors.FieldsTooLarge("x"), "id")
    assert [error.status for error in nobody.refused] == [403, 431]
    assert [gateway.asked for gateway in gateways.values()] == [[], []]
