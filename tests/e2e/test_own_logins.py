"""Programs that insist on logging in, and programs that follow FinHub's absolute redirects; counted at FinHub."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import jwt
import oldprograms
import pytest
from calling import BALANCE, curl, get, post

if TYPE_CHECKING:
    from staging import SidecarProcess, Stage

LOGIN, REFRESH, LOGOUT = "/api/v2/auth/token", "/api/v2/auth/token/refresh", "/api/v2/auth/logout"
THEIRS = json.dumps({"username": "old-program", "password": "of-the-program", "grantType": "password"}).encode()
MOVED = "/api/echo/moved"


def own_calls(stage: Stage) -> tuple[int, ...]:
    """Return how often each of the session's paths was called at FinHub."""
    return tuple(len(stage.finhub.seen(path)) for path in (LOGIN, REFRESH, LOGOUT))


# ── answered here ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", oldprograms.NAMES)
def test_an_old_program_logs_in_uses_what_it_got_and_logs_out_and_finhub_hears_of_its_requests_alone(
    stage: Stage, name: str
) -> None:
    command = oldprograms.command(name)
    if command is None:
        pytest.skip(f"{name} is not installed")
    sidecar = stage.run()
    get(f"{sidecar.url}{BALANCE}")
    before = own_calls(stage)
    done = subprocess.run([*command, sidecar.url], capture_output=True, text=True, timeout=60, check=True)
    token, *statuses = done.stdout.split()
    assert statuses == ["200", "200", "200", "200", "200"], "login, balance, refresh, logout, balance"
    assert jwt.decode(token, options={"verify_signature": False})["iss"] == "finhub-sidecar"
    assert own_calls(stage) == before == (1, 0, 0)
    ours = {seen.values("Authorization")[0] for seen in stage.finhub.seen(BALANCE)}
    assert len(ours) == 1
    assert f"Bearer {token}" not in ours


def test_the_lines_of_what_was_answered_here_say_so_and_hold_nothing_of_it(stage: Stage) -> None:
    sidecar = stage.run()
    heard = post(f"{sidecar.url}{LOGIN}", THEIRS)
    assert post(f"{sidecar.url}{LOGOUT}", b"{}").json["cleared"] is True
    assert get(f"{sidecar.url}{LOGIN}").status == 405
    lines = sidecar.requests()
    assert [(line["path"], line["status"], line["source"]) for line in lines] == [
        (LOGIN, 200, "sidecar"),
        (LOGOUT, 200, "sidecar"),
        (LOGIN, 405, "sidecar"),
    ]
    assert [line.get("rule") for line in lines] == [None, None, "login_endpoint"]
    assert heard.json["tenantId"] == "1234567"
    written = sidecar.stdout + sidecar.stderr
    assert heard.json["userSessionToken"] not in written
    assert "of-the-program" not in written


def test_finhub_takes_the_placeholder_for_nothing(stage: Stage) -> None:
    sidecar = stage.run()
    token = post(f"{sidecar.url}{LOGIN}", THEIRS).json["userSessionToken"]
    folder, url = stage.finhub.folder, stage.finhub.emulator.url
    direct = ("--cacert", folder / "ca.crt", "--cert", folder / "client.crt", "--key", folder / "client.key")
    fields = ("Content-Type: application/json", "sec-ch-ua-platform: Linux", "X-Forwarded-For: 127.0.0.1")
    more = (*fields, "X-Tenant-ID: 1234567", f"Authorization: Bearer {token}")
    options = (*map(str, direct), *(part for one in more for part in ("-H", one)), "-w", "%{http_code}")
    assert curl(*options, f"{url}{BALANCE}").stdout.endswith(b"401")


def test_without_a_session_of_ours_a_program_can_log_in_all_the_same(stage: Stage) -> None:
    stage.finhub.fault("login:status=500")
    sidecar = stage.run()
    assert post(f"{sidecar.url}{LOGIN}", THEIRS).status == 200
    assert get(f"{sidecar.url}{BALANCE}").status == 503


# ── refused, and passed on ──────────────────────────────────────────────────────────────────────────────────────


def test_all_calls_of_the_sessions_paths_are_refused_where_the_configuration_says_so(stage: Stage) -> None:
    sidecar = stage.run(SESSION__LOGIN_ENDPOINT="refuse")
    for path in (LOGIN, REFRESH, LOGOUT, "/api/v2/auth/sandbox/token"):
        assert post(f"{sidecar.url}{path}", THEIRS).status == 403
    get(f"{sidecar.url}{BALANCE}")
    assert own_calls(stage) == (1, 0, 0)


def credentials(stage: Stage, **changes: str) -> bytes:
    account = stage.finhub.emulator.account
    form = {
        "username": account.username,
        "password": account.password.reveal(),
        "customerId": account.customer_id,
        "customerSecret": account.customer_secret.reveal(),
        "accountType": "b2b",
        "grantType": "password",
    }
    return json.dumps({**form, **changes}).encode()


def test_a_login_that_is_passed_reaches_finhub_and_no_token_of_its_reply_reaches_the_program(stage: Stage) -> None:
    sidecar = stage.run(SESSION__LOGIN_ENDPOINT="pass")
    get(f"{sidecar.url}{BALANCE}")
    heard = post(f"{sidecar.url}{LOGIN}", credentials(stage))
    assert (heard.status, heard.json["token_type"], heard.json["expires_in"]) == (200, "Bearer", 1800)
    assert len(stage.finhub.issued) == 2
    for each in stage.finhub.issued:
        for secret in (each.token.reveal(), each.key, each.refresh_token and each.refresh_token.reveal()):
            assert secret
            assert secret.encode() not in heard.body
            assert secret not in str(heard.fields)
    assert own_calls(stage) == (2, 0, 0)
    assert post(f"{sidecar.url}{REFRESH}", b"{}").status == post(f"{sidecar.url}{LOGOUT}", b"{}").status == 200
    assert own_calls(stage) == (2, 0, 0), "a refresh or a logout would be ours"
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    assert len({seen.values("Authorization")[0] for seen in stage.finhub.seen(BALANCE)}) == 1


def test_a_wrong_password_of_the_programs_is_its_own_affair_and_is_tried_once(stage: Stage) -> None:
    sidecar = stage.run(SESSION__LOGIN_ENDPOINT="pass")
    get(f"{sidecar.url}{BALANCE}")
    assert post(f"{sidecar.url}{LOGIN}", credentials(stage, password="wrong")).status == 401
    assert (own_calls(stage), stage.finhub.counts.rejected_logins) == ((2, 0, 0), 1)
    assert sidecar.status()["session"]["mints"]["login"] == 1


# ── redirects ───────────────────────────────────────────────────────────────────────────────────────────────────


def followers(url: str) -> dict[str, list[str]]:
    """Return programs that follow a redirect by themselves, and know nothing of FinHub's certificate."""
    urllib = "import sys, urllib.request as u; sys.stdout.buffer.write(u.urlopen(sys.argv[1]).read())"
    return {
        "curl": ["curl", "-q", "--silent", "--location", "--fail", "--noproxy", "*", url],
        "wget": ["wget", "--quiet", "--no-config", "--no-proxy", "--tries=1", "--output-document=-", url],
        "python3": ["python3", "-c", urllib, url],
    }


def follow(sidecar: SidecarProcess, name: str) -> Any:
    command = followers(f"{sidecar.url}/api/moved")[name]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    environ = {"PATH": oldprograms.PATH, "no_proxy": "*"}
    return subprocess.run(command, capture_output=True, timeout=60, check=False, env=environ)


@pytest.mark.parametrize("name", followers(""))
def test_a_redirect_to_finhubs_own_address_leads_back_through_the_sidecar_where_that_is_asked_for(
    stage: Stage, name: str
) -> None:
    done = follow(stage.run(UPSTREAM__REWRITE_LOCATION="true"), name)
    assert done.returncode == 0, done.stderr
    (seen,) = stage.finhub.seen(MOVED)
    assert (seen.method, seen.query, seen.status) == ("GET", "q=%2F", 200)
    assert seen.values("Authorization")[0].startswith("Bearer ")


def test_else_it_leads_to_finhub_itself_where_the_program_has_no_certificate(stage: Stage) -> None:
    sidecar = stage.run()
    heard = curl("--include", f"{sidecar.url}/api/moved").stdout
    assert f"\r\nLocation: {stage.finhub.emulator.url}{MOVED}?q=%2F\r\n".encode() in heard
    assert follow(sidecar, "curl").returncode != 0
    assert stage.finhub.seen(MOVED) == []


def test_a_tenant_behind_a_prefix_is_led_back_behind_it_and_its_login_is_answered_there(stage: Stage) -> None:
    tenants = json.dumps([{"name": "acme", "path_prefix": "/acme"}, {"name": "others"}])
    sidecar = stage.run(TENANTS=tenants, UPSTREAM__REWRITE_LOCATION="true")
    heard = curl("--include", "--location", f"{sidecar.url}/acme/api/moved").stdout
    assert f"\r\nLocation: {sidecar.url}/acme{MOVED}?q=%2F\r\n".encode() in heard
    assert [seen.status for seen in stage.finhub.seen(MOVED)] == [200]
    for before in ("/acme", ""):
        assert post(f"{sidecar.url}{before}{LOGIN}", THEIRS).json["expires_in"] == 24 * 86_400


def test_a_caller_is_led_back_to_the_name_by_which_it_called(stage: Stage) -> None:
    sidecar = stage.run(UPSTREAM__REWRITE_LOCATION="true")
    port = sidecar.listen.rpartition(":")[2]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}"):
        heard = curl("--include", "-H", f"Host: {host}", f"{sidecar.url}/api/moved").stdout
        assert f"\r\nLocation: http://{host}{MOVED}?q=%2F\r\n".encode() in heard
