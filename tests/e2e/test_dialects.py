"""Each generation of FinHub from its login to its logout, over mutual TLS: what every step costs, counted at FinHub."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from calling import BALANCE, get, post, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from staging import SidecarProcess, Stage

    from sidecar.emulator import Counts

EXAMPLE = Path(__file__).parents[2] / "docs/dialect.example.toml"
SUBJECT = "organizationName=8812345,commonName=finhub-sidecar"
REFRESH = "/api/v2/auth/token/refresh"


@dataclass(frozen=True, slots=True)
class Generation:
    """One way to use FinHub: which dialect with which keys more, and what it then calls."""

    dialect: str
    login: str
    logout: tuple[str, str] | None
    refreshes: bool = True
    inside: bool = False
    keys: tuple[tuple[str, str], ...] = ()

    def environ(self, stage: Stage) -> dict[str, str]:
        account = stage.finhub.emulator.account
        v21 = {
            "CREDENTIALS__USER_ID": account.user_id,
            "CREDENTIALS__TENANT_KEY": account.tenant_key,
            "CREDENTIALS__TENANT_SECRET_FILE": str(stage.finhub.folder / "tenant_secret"),
        }
        return {"SESSION__DIALECT": self.dialect, **(v21 if self.keys else {}), **dict(self.keys)}


def _v21(dialect: str, whose: str, which: tuple[str, str]) -> Generation:
    path = f"/api/v2.1/{whose}/users/42/sessions"
    return Generation(dialect=dialect, login=path, logout=("DELETE", path), keys=(which,))


GENERATIONS = {
    "a file of one's own": Generation(
        dialect=str(EXAMPLE), login="/api/v2/auth/token", logout=("POST", "/api/v2/auth/logout")
    ),
    "v2.1-admin": _v21("v2.1-admin", "admin/organization/4711", ("CREDENTIALS__ORGANIZATION_ID", "4711")),
    "v2.1 organization": _v21("v2.1-customer", "customer/organization/4711", ("CREDENTIALS__ORGANIZATION_ID", "4711")),
    "v2.1 individual": _v21("v2.1-customer", "customer/individual/2001", ("CREDENTIALS__INDIVIDUAL_ID", "2001")),
    "fincard": Generation(dialect="fincard", login="/api/auth/login", logout=None, refreshes=False, inside=True),
}


@pytest.fixture(params=GENERATIONS.values(), ids=GENERATIONS)
def generation(request: pytest.FixtureRequest) -> Generation:
    chosen: Generation = request.param
    return chosen


def counted(counts: Counts, **expected: int) -> None:
    assert {name: getattr(counts, name) for name in expected} == expected


def blocked(sidecar: SidecarProcess) -> bool:
    return bool(sidecar.status()["session"]["state"] == "BLOCKED")


def test_from_login_over_a_replay_to_the_logout(stage: Stage, generation: Generation) -> None:
    sidecar = stage.run(SESSION__LOGOUT="true", **generation.environ(stage))
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    (login,) = stage.finhub.seen(generation.login)
    assert (login.method, login.status, login.client_certificate) == ("POST", 200, SUBJECT)
    counted(stage.finhub.counts, login_attempts=1, logins=1, api=1, unauthorized=0)

    body = json.dumps({"amount": 1.10}).encode()
    assert stage.finhub.do(lambda finhub: finhub.expire()) == 1
    assert post(f"{sidecar.url}/api/echo", body).status == 200
    refused, taken = stage.finhub.seen("/api/echo")
    assert [refused.status, taken.status] == [200 if generation.inside else 401, 200]
    assert {refused.body_sha256, taken.body_sha256} == {hashlib.sha256(body).hexdigest()}
    assert refused.values("Authorization") != taken.values("Authorization")
    counted(stage.finhub.counts, login_attempts=2, logins=2, refresh_attempts=0, api=3, unauthorized=1)
    assert sidecar.requests()[-1]["replay"] == "token refused"

    stage.finhub.revoke()
    assert [get(f"{sidecar.url}{BALANCE}").json["success"] for _ in range(2)] == [True, True]
    counted(stage.finhub.counts, login_attempts=3, logins=3, refresh_attempts=0, api=6, unauthorized=2)

    assert sidecar.end() == 0
    ends = [(seen.method, seen.path) for seen in stage.finhub.emulator.seen if seen.scope == "logout"]
    counted(stage.finhub.counts, logouts=len(ends), logins=3)
    if generation.logout is None:
        assert ends == []
    else:
        ((method, path),) = ends
        session = stage.finhub.issued[-1].session_id
        assert (method, path.removesuffix(f"/{session}")) == generation.logout


def test_a_token_is_renewed_in_its_last_tenth_and_nobody_sees_a_401(
    put_up: Callable[..., Stage], generation: Generation
) -> None:
    stage = put_up(token_lifetime=3.0)
    sidecar = stage.run(**generation.environ(stage))
    statuses: set[Any] = set()

    def renewed_twice() -> bool:
        got = get(f"{sidecar.url}{BALANCE}")
        statuses.add((got.status, got.json["success"]))
        return len(sidecar.lines("session minted")) >= 3

    until(renewed_twice, "two renewals", within=20)
    assert statuses == {(200, True)}
    renewals = stage.finhub.counts.refreshes if generation.refreshes else stage.finhub.counts.logins - 1
    assert 2 <= renewals <= 3
    counted(
        stage.finhub.counts,
        unauthorized=0,
        refreshes_unchanged=0,
        logins=1 if generation.refreshes else 1 + renewals,
        refresh_attempts=renewals if generation.refreshes else 0,
    )
    assert {seen.status for seen in stage.finhub.seen(REFRESH)} == ({200} if generation.refreshes else set())
    kinds = [line["kind"] for line in sidecar.lines("session minted")]
    assert kinds[:3] == ["login", *(["refresh" if generation.refreshes else "login"] * 2)]


def test_a_locked_account_costs_one_login_and_no_more(stage: Stage, generation: Generation) -> None:
    stage.finhub.do(lambda finhub: finhub.lock())
    sidecar = stage.run(**generation.environ(stage))
    until(lambda: blocked(sidecar), "blocked")
    got = [get(f"{sidecar.url}{BALANCE}") for _ in range(20)]
    assert {each.status for each in got} == {503}
    assert {each.json["type"].rpartition(":")[2] for each in got} == {"proxy_configuration_error"}
    assert "locked" in got[0].json["detail"]
    (login,) = stage.finhub.seen(generation.login)
    assert login.status == (200 if generation.inside else 401)
    counted(stage.finhub.counts, login_attempts=1, rejected_logins=1, logins=0, api=0)


def test_where_v21_has_no_refresh_it_is_asked_once_and_logins_renew(put_up: Callable[..., Stage]) -> None:
    generation = GENERATIONS["v2.1-admin"]
    stage = put_up(token_lifetime=2.0, faults=("refresh:status=404",))
    sidecar = stage.run(**generation.environ(stage))
    until(lambda: len(sidecar.lines("session minted")) >= 3, "two renewals", within=20)
    counts = stage.finhub.counts
    assert (counts.refresh_attempts, counts.refreshes) == (1, 0)
    assert counts.logins == len(stage.finhub.seen(generation.login)) >= 3


def test_a_path_that_refuses_inside_every_200_costs_logins_by_the_storm_brake_not_by_the_request(stage: Stage) -> None:
    house = stage.finhub.folder / "house.toml"
    house.write_text(
        f'{EXAMPLE.read_text("utf-8").partition("[expired]")[0]}[expired]\ncode_at = "code"\ncodes = 200\n'
    )
    sidecar = stage.run(SESSION__DIALECT=str(house))
    got = [get(f"{sidecar.url}/api/v2.1/fintrans/acc-1/balance") for _ in range(30)]
    assert {(each.status, each.json["code"]) for each in got} == {(200, 200)}
    assert stage.finhub.counts.logins <= 5
    assert stage.finhub.counts.api <= 30 + 5


def test_with_another_dialect_a_401_inside_a_200_is_the_callers(stage: Stage) -> None:
    house = stage.finhub.folder / "house.toml"
    fincard = (Path(EXAMPLE).parents[1] / "sidecar/session/dialects/fincard.toml").read_text("utf-8")
    house.write_text(fincard.partition("# {")[0], "utf-8")
    sidecar = stage.run(SESSION__DIALECT=str(house))
    assert get(f"{sidecar.url}{BALANCE}").json["success"] is True
    stage.finhub.revoke()
    got = get(f"{sidecar.url}{BALANCE}")
    assert (got.status, got.json["success"], got.json["code"]) == (200, False, 401)
    counted(stage.finhub.counts, logins=1, api=2, unauthorized=1)
