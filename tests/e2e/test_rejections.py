"""FinHub says no: to the credentials, to every token, for a while. What that costs in logins, and how it heals."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from calling import BALANCE, Got, get, post, until
from crowd import constant_load, crowd

if TYPE_CHECKING:
    from staging import SidecarProcess, Stage

WRONG = "wrong-from-the-start"
BAD = "/api/echo/always-401"


def use_wrong_password(stage: Stage) -> None:
    stage.secrets.add(WRONG)
    (stage.finhub.folder / "password").write_text(f"{WRONG}\n")


def use_right_password(stage: Stage) -> None:
    (stage.finhub.folder / "password").write_text(f"{stage.finhub.emulator.account.password.reveal()}\n")


def attempts(stage: Stage) -> int:
    return stage.finhub.counts.login_attempts


def problem(got: Got) -> dict[str, Any]:
    """Return the problem details of a 503 of ours, checked."""
    assert got.status == 503
    assert got.fields["Content-Type"] == "application/problem+json"
    assert got.fields["Proxy-Status"].startswith("finhub-sidecar; error=")
    told: dict[str, Any] = json.loads(got.body)
    assert told.keys() == {"type", "title", "status", "detail", "remedy", "request_id"}
    assert told["remedy"]
    assert int(got.fields["Retry-After"]) >= 1
    return told


# ── rejected credentials ────────────────────────────────────────────────────────────────────────────────────────


async def test_rejected_credentials_cost_one_login_under_constant_load_and_heal_with_the_secret_file(
    stage: Stage,
) -> None:
    use_wrong_password(stage)
    sidecar = stage.run(IDENTITY__RELOAD_INTERVAL="1")
    async with crowd(sidecar.url) as callers:
        load = await constant_load(callers, BALANCE, number=8, seconds=3)
    assert set(load.statuses) == {503}
    assert load.statuses[503] > 100
    told = problem(load.last[503])
    stage.heard["problem"] = json.dumps(told)
    assert told["type"].endswith(":proxy_configuration_error")
    assert "credentials" in told["remedy"]
    assert sidecar.status()["session"]["state"] == "BLOCKED"
    counts = stage.finhub.counts
    assert (counts.login_attempts, counts.rejected_logins, counts.logins, counts.api) == (1, 1, 0, 0)
    use_right_password(stage)
    took = until(lambda: get(f"{sidecar.url}{BALANCE}").status == 200, "healed", within=10)
    assert took < 1 + 4, "a look a second, and some time for a busy machine"
    assert (stage.finhub.counts.login_attempts, stage.finhub.counts.logins) == (2, 1)


def test_a_corrected_secret_heals_at_once_on_reload(stage: Stage) -> None:
    use_wrong_password(stage)
    sidecar = stage.run(IDENTITY__RELOAD_INTERVAL="3600")
    until(lambda: sidecar.status()["session"]["state"] == "BLOCKED", "blocked")
    assert post(f"{sidecar.admin}/-/reload").json == {"changed": []}
    assert get(f"{sidecar.url}{BALANCE}").status == 503
    assert attempts(stage) == 1, "a reload that finds nothing new is no reason to log in"
    use_right_password(stage)
    assert post(f"{sidecar.admin}/-/reload").json == {"changed": ["secrets"]}
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    assert attempts(stage) == 2


# ── 401 to everything ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_path_that_answers_every_request_with_401_costs_logins_by_the_storm_brake_not_by_the_request(
    stage: Stage,
) -> None:
    stage.finhub.fault(f"api:status=401,path={BAD}")
    async with crowd(stage.run().url) as callers:
        got = [await callers.post(BAD, b"{}") for _ in range(60)]
    assert Counter(each.status for each in got) == {401: 60}
    assert all(b"FAULT_ON_DEMAND" in each.body for each in got)
    assert stage.finhub.counts.logins <= 5
    assert stage.finhub.counts.api <= 60 + 5


async def test_a_401_path_among_healthy_ones_disturbs_nobody_else(stage: Stage) -> None:
    stage.finhub.fault(f"api:status=401,path={BAD}")
    async with crowd(stage.run().url) as callers:
        mixed = [(await callers.post(BAD, b"{}"), await callers.get(BALANCE)) for _ in range(30)]
    assert Counter(bad.status for bad, _ in mixed) == {401: 30}
    assert Counter(good.status for _, good in mixed) == {200: 30}
    assert stage.finhub.counts.logins <= 1 + 4, "the endpoint is braked by itself, good replies elsewhere or not"


# ── not now ─────────────────────────────────────────────────────────────────────────────────────────────────────


def instant(line: dict[str, Any]) -> float:
    return dt.datetime.fromisoformat(line["timestamp"]).timestamp()


def healed(sidecar: SidecarProcess) -> dict[str, Any]:
    """Wait for a token; return the line that tells of it."""
    until(lambda: bool(sidecar.lines("session minted")), "healed by itself")
    return sidecar.lines("session minted")[0]


def test_after_a_429_with_retry_after_3_no_login_comes_before(stage: Stage) -> None:
    stage.finhub.fault("login:status=429,retry_after=3,times=1")
    sidecar = stage.run()
    until(lambda: bool(sidecar.lines("session could not be minted")), "refused")
    refused_at = instant(sidecar.lines("session could not be minted")[0])
    got = get(f"{sidecar.url}{BALANCE}")
    assert problem(got)["status"] == 503
    assert 1 <= int(got.fields["Retry-After"]) <= 3
    assert attempts(stage) == 1
    minted = healed(sidecar)
    assert instant(minted) - minted["duration"] - refused_at >= 3 - 0.05
    assert attempts(stage) == 2
    assert get(f"{sidecar.url}{BALANCE}").status == 200


def test_five_500s_in_a_row_at_the_token_endpoint_heal_by_themselves(stage: Stage) -> None:
    stage.finhub.fault("login:status=500,times=5")
    sidecar = stage.run(SESSION__BACKOFF__FIRST="0.2", SESSION__BACKOFF__MAX="0.4")
    healed(sidecar)
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    assert (attempts(stage), stage.finhub.counts.logins) == (6, 1)
    assert len(sidecar.lines("session could not be minted")) == 5


def test_a_finhub_that_is_not_there_yet_is_waited_for(stage: Stage) -> None:
    stage.finhub.fault("login:close,times=2")
    sidecar = stage.run(SESSION__BACKOFF__FIRST="0.2", SESSION__BACKOFF__MAX="0.4", SESSION__LOGIN="lazy")
    first = get(f"{sidecar.url}{BALANCE}")
    assert problem(first)["type"].endswith(":connection_terminated")
    began = time.monotonic()
    until(lambda: get(f"{sidecar.url}{BALANCE}").status == 200, "healed", within=10)
    assert time.monotonic() - began < 10
    assert attempts(stage) == 3
