"""FinHub behind a company's proxy: a real tinyproxy, which opens tunnels for one user and to one port."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import proxying
import pytest
from calling import BALANCE, get, until
from proxying import tinyproxy

if TYPE_CHECKING:
    from pathlib import Path

    from staging import Stage

pytestmark = pytest.mark.skipif(proxying.PROGRAM is None, reason=proxying.MISSING)

USER, PASSWORD, WRONG = "shop-user", "proxy-pass-word", "wrong-from-the-start"


def know(stage: Stage, password: str) -> dict[str, str]:
    """Write the credentials where the sidecar is told to look for them."""
    stage.secrets |= {PASSWORD, WRONG}
    folder: Path = stage.finhub.folder
    (folder / "proxy-user").write_text(f"{USER}\n")
    (folder / "proxy-password").write_text(f"{password}\n")
    return {
        "UPSTREAM__PROXY_USER_FILE": str(folder / "proxy-user"),
        "UPSTREAM__PROXY_PASSWORD_FILE": str(folder / "proxy-password"),
    }


def port(stage: Stage) -> int:
    found: int = stage.finhub.do(lambda emulator: emulator.port)
    return found


def test_logins_and_requests_go_through_the_proxy_and_a_token_is_renewed_through_it(
    stage: Stage, tmp_path: Path
) -> None:
    known = know(stage, PASSWORD)
    with tinyproxy(tmp_path / "proxy", allowed=port(stage), user=USER, password=PASSWORD) as between:
        sidecar = stage.run(UPSTREAM__PROXY=between.url, **known)
        assert get(f"{sidecar.url}{BALANCE}").status == 200
        stage.finhub.revoke()
        assert [get(f"{sidecar.url}{BALANCE}").status for _ in range(5)] == [200] * 5
        counts = stage.finhub.counts
        assert (counts.logins, counts.login_attempts) == (2, 2)
        assert between.asked() == [f"localhost:{port(stage)}"] * counts.connections


def test_wrong_credentials_for_the_proxy_are_sent_once_and_right_ones_heal_it_at_once(
    stage: Stage, tmp_path: Path
) -> None:
    known = know(stage, WRONG)
    with tinyproxy(tmp_path / "proxy", allowed=port(stage), user=USER, password=PASSWORD) as between:
        sidecar = stage.run(
            UPSTREAM__PROXY=between.url, IDENTITY__RELOAD_INTERVAL="1", SESSION__BACKOFF__FIRST="0.05", **known
        )
        until(lambda: sidecar.status()["session"]["state"] == "BLOCKED", "the refusal is final")
        got = get(f"{sidecar.url}{BALANCE}")
        assert (got.status, json.loads(got.body)["type"].rpartition(":")[2]) == (503, "proxy_configuration_error")
        assert "error=proxy_configuration_error" in got.fields["Proxy-Status"]
        assert "upstream.proxy_password" in json.loads(got.body)["remedy"]
        assert (len(between.asked()), stage.finhub.counts.connections) == (
            2,
            0,
        )  # the login, and the connection at hand
        know(stage, PASSWORD)
        until(lambda: sidecar.status()["session"]["state"] == "FRESH", "the new password is used")
        assert get(f"{sidecar.url}{BALANCE}").status == 200
        counts = stage.finhub.counts
        assert (counts.login_attempts, len(between.asked())) == (1, 2 + counts.connections)


def test_a_proxy_that_forbids_the_way_is_told_to_callers_and_by_check(stage: Stage, tmp_path: Path) -> None:
    with tinyproxy(tmp_path / "proxy", allowed=1) as between:
        sidecar = stage.run(UPSTREAM__PROXY=between.url)
        got = get(f"{sidecar.url}{BALANCE}")
        assert (got.status, got.fields["Proxy-Status"].partition("error=")[2].split(";")[0]) == (
            503,
            "connection_refused",
        )
        assert "allow CONNECT" in json.loads(got.body)["remedy"]
        check = stage.start(["check", "--config", str(stage.finhub.config)], UPSTREAM__PROXY=between.url)
        assert check.process.wait(20) == 5
        assert "refuses a tunnel to localhost" in check.stdout + check.stderr
    assert stage.finhub.counts.connections == 0
