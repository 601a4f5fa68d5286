from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from faketokens import token_of

from sidecar.observe.traced_endpoint import TracedEndpoint
from sidecar.redact import Secret
from sidecar.session import dialect_file
from sidecar.session.answer import Failure, Grant, Kind
from sidecar.session.dialect import without_refresh
from sidecar.session.source import Exchange

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from sidecar.session.token import Token

DIALECTS = {name: dialect_file.load(name) for name in ("production", "v2.1-customer")}
GRANT = Grant(token=Secret("a token"), lifetime=10.0)
REFUSED = Failure(kind=Kind.FINAL, cause="proxy_configuration_error", detail="no", remedy="none", status=401)
UNREACHED = Failure(kind=Kind.TRANSIENT, cause="connection_refused", detail="no", remedy="none")
CODED = Failure(kind=Kind.TRANSIENT, cause="destination_unavailable", detail="no", remedy="none", status=200)


@dataclass
class Mints:
    """Traces by writing down; what is not told of a mint is "open"."""

    told: list[list[object]] = field(default_factory=list)

    def mint(self, kind: str, method: str, path: str) -> Mints:
        self.told.append([kind, method, path, "open"])
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self.told[-1].append("end")

    def came(self, status: int, error: str) -> None:
        self.told[-1][-1] = (status, error)

    def never_was(self) -> None:
        self.told[-1][-1] = None


@dataclass
class Scripted:
    """A token endpoint that answers by script."""

    exchange: Exchange | None
    logouts: int = 0

    async def login(self) -> Exchange:
        assert self.exchange is not None
        return self.exchange

    async def refresh(self, _: Token) -> Exchange | None:
        return self.exchange

    async def logout(self, _: Token) -> None:
        self.logouts += 1


def traced(
    exchange: Exchange | None, dialect: str = "production", *, refreshes: bool = True
) -> tuple[Any, Mints, Scripted]:
    mints: Any = Mints()
    scripted = Scripted(exchange)
    spoken = DIALECTS[dialect]
    return TracedEndpoint(scripted, spoken if refreshes else without_refresh(spoken), mints), mints, scripted


@pytest.mark.parametrize(
    ("exchange", "told"),
    [
        (Exchange(1.0, GRANT, 200), (200, "")),
        (Exchange(1.0, REFUSED, 401), (401, "401")),
        (Exchange(1.0, UNREACHED), (0, "connection_refused")),
        (Exchange(1.0, CODED, 200), (200, "destination_unavailable")),
    ],
)
async def test_a_login_and_a_refresh_pass_as_they_are_with_what_came_of_them(
    exchange: Exchange, told: tuple[int, str]
) -> None:
    endpoint, mints, _ = traced(exchange)
    assert await endpoint.login() is exchange
    assert await endpoint.refresh(token_of("t")) is exchange
    assert mints.told == [
        ["login", "POST", "/api/v2/auth/token", told, "end"],
        ["refresh", "POST", "/api/v2/auth/token/refresh", told, "end"],
    ]


async def test_a_refresh_that_cannot_be_spelt_never_was() -> None:
    endpoint, mints, _ = traced(None)
    assert await endpoint.refresh(token_of("t")) is None
    assert mints.told == [["refresh", "POST", "/api/v2/auth/token/refresh", None, "end"]]


async def test_where_there_is_no_refresh_there_is_no_span_of_one() -> None:
    endpoint, mints, _ = traced(None, refreshes=False)
    assert await endpoint.refresh(token_of("t")) is None
    assert mints.told == []


async def test_of_several_paths_none_is_told() -> None:
    endpoint, mints, _ = traced(Exchange(1.0, GRANT, 200), "v2.1-customer")
    await endpoint.login()
    assert mints.told == [["login", "POST", "", (200, ""), "end"]]


async def test_a_logout_is_no_mint() -> None:
    endpoint, mints, scripted = traced(None)
    await endpoint.logout(token_of("t"))
    assert (scripted.logouts, mints.told) == (1, [])
