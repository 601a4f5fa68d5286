"""No secret in anything that a sidecar writes, at debug level, whatever goes wrong; nor in what the kernel shows."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from calling import BALANCE, curl, get, post, until
from leaks import leaks, pem_lines
from otherusers import ordinary_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from staging import SidecarProcess, Stage

KEY = "caller-key-0123456789"
CARD = "4111111111111111"
CALLERS_OWN = ("callers-own-token-0123456789", "callers-own-cookie-0123456789", "callers-own-query-0123456789")

linux = pytest.mark.skipif(
    not Path("/proc/self/cmdline").exists() or os.geteuid() != 0,
    reason="/proc is Linux's, and the sidecar hides itself there from all but root",
)


def ask(sidecar: SidecarProcess, path: str, *more: str) -> bytes:
    """Ask as a caller that brings secrets of its own; return what it saw, head and body."""
    own = ("-H", f"Authorization: Bearer {CALLERS_OWN[0]}", "-H", f"Cookie: sid={CALLERS_OWN[1]}")
    target = f"{sidecar.url}{path}?token={CALLERS_OWN[2]}"
    return curl("--include", "-H", f"X-Sidecar-Key: {KEY}", *own, *more, target).stdout


def test_a_busy_and_unlucky_sidecar_writes_no_secret_at_debug_level(put_up: Callable[..., Stage]) -> None:
    stage = put_up(token_lifetime=2.0)
    finhub = stage.finhub
    (finhub.folder / "caller_key").write_text(KEY)
    stage.secrets |= {KEY, CARD, *CALLERS_OWN}
    sidecar = stage.run(LISTEN__CALLER_KEY_FILE=str(finhub.folder / "caller_key"), SESSION__BACKOFF__FIRST="0.1")
    assert b" 200 OK" in ask(sidecar, BALANCE)
    everything_goes_wrong(stage)
    until(lambda: finhub.counts.refreshes > 0, "a refresh")
    credentials_are_rejected(stage)
    sidecar.ask_everything()
    assert sidecar.end() == 0
    events = {line["event"] for text in sidecar.written().values() for line in decoded(text)}
    assert events >= {
        "listening",
        "identity loaded",
        "session minted",
        "token rejected by FinHub",
        "session could not be minted",
        "request",
        "reloaded",
        "reload failed, what was in use stays",
        "draining",
        "stopped",
    }
    assert len(finhub.issued) > 3
    assert len(stage.heard) > 5
    assert stage.leaks() == []


def decoded(text: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"event"')]


def everything_goes_wrong(stage: Stage) -> None:
    """Let FinHub fail in every way it knows, and note what the caller sees of that unless FinHub itself said it."""
    finhub, sidecar = stage.finhub, stage.sidecar
    card = ("-d", json.dumps({"card": CARD, "amount": 1.10}))
    finhub.revoke()
    ask(sidecar, "/api/echo/revoked", *card)
    for fault in ("status=401", "status=500", "close", "cut=5", "garbage"):
        finhub.fault(f"api:{fault},path=/api/echo/*,times=2")
        stage.heard[fault] = ask(sidecar, f"/api/echo/{fault}", *card).decode()
        finhub.clear_faults()
    ask(sidecar, "/api/v2.1/fincard/virtual/account/list", *card)
    stage.heard["own path"] = ask(sidecar, "/api/v2/auth/token", *card).decode()
    stage.heard["bad target"] = ask(sidecar, "/%2e%2e/x").decode()
    stage.heard["no key"] = curl("--include", "-H", "X-Sidecar-Key: wrong", f"{sidecar.url}{BALANCE}").stdout.decode()
    assert " 200 " in stage.heard["own path"]
    assert " 403 " in stage.heard["no key"]
    assert " 502 " in stage.heard["close"]


def credentials_are_rejected(stage: Stage) -> None:
    """Change the password at FinHub, break the key file, and try a wrong password; note every refusal."""
    finhub, sidecar = stage.finhub, stage.sidecar
    stage.secrets |= {"accepted-from-now-on", "wrong-password-now"}
    finhub.do(lambda emulator: emulator.accept(password="accepted-from-now-on"))
    key = finhub.folder / "client.key"
    whole = key.read_bytes()
    key.write_bytes(whole[: len(whole) // 2])
    stage.heard["reload"] = broken = post(f"{sidecar.admin}/-/reload").body.decode()
    assert json.loads(broken)["remedy"]
    key.write_bytes(whole)
    (finhub.folder / "password").write_text("wrong-password-now\n")
    post(f"{sidecar.admin}/-/reload")
    until(lambda: sidecar.status()["session"]["state"] == "BLOCKED", "blocked")
    finhub.revoke()
    stage.heard["reauthenticate"] = post(f"{sidecar.admin}/-/reauthenticate").body.decode()
    ask(sidecar, BALANCE)
    stage.heard["blocked"] = ask(sidecar, BALANCE).decode()
    assert " 503 " in stage.heard["blocked"]


def test_a_start_that_fails_names_the_secret_and_does_not_show_it(stage: Stage) -> None:
    config = stage.finhub.config
    config.write_text(config.read_text().replace('{ file = "password" }', '"a-bare-password-in-the-file"'))
    stage.secrets.add("a-bare-password-in-the-file")
    process = stage.start(["run", "--config", str(config)])
    assert process.process.wait(30) == 2
    assert "credentials.password" in process.stderr


def test_a_key_that_does_not_open_ends_the_start_without_showing_anything_of_it(stage: Stage) -> None:
    key = stage.finhub.folder / "client.key"
    key.write_bytes(key.read_bytes()[:80] + b"AAAA" + key.read_bytes()[84:])
    process = stage.start(["run", "--config", str(stage.finhub.config)])
    assert process.process.wait(30) == 3
    assert "identity.key_file" in process.stderr


# ── what the kernel shows ───────────────────────────────────────────────────────────────────────────────────────


@linux
def test_command_line_environment_and_open_files_show_no_secret(stage: Stage) -> None:
    sidecar = stage.run()
    get(f"{sidecar.url}{BALANCE}")
    shown = {name: sidecar.proc(name).decode("latin-1") for name in ("cmdline", "environ", "maps")}
    links = list(open_files(sidecar.process.pid))
    assert "sidecar" in shown["cmdline"]
    assert "FINHUB_LISTEN__ADDRESS" in shown["environ"]
    assert leaks(stage.finhub.secrets, shown) == []
    assert not [link for link in links if "memfd" in link or "deleted" in link or "client" in link]


def open_files(pid: int) -> Iterator[str]:
    """Yield what a process has open; what it closes while one looks is no longer there to tell."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield str(link.readlink())


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_an_ordinary_program_of_its_own_user_cannot_look_into_it_and_it_works_all_the_same(stage: Stage) -> None:
    with ordinary_programs(), subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
        sidecar = stage.run()
        can_open = {
            (who, name): subprocess.run(
                ["dd", f"if=/proc/{pid}/{name}", "count=0"], stderr=subprocess.DEVNULL, check=False
            ).returncode
            == 0
            for who, pid in (("sidecar", sidecar.process.pid), ("other", other.pid))
            for name in ("environ", "mem", "maps")
        }
        other.communicate(b"")
    assert can_open == {(who, name): who == "other" for who, name in can_open}
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    assert post(f"{sidecar.admin}/-/reload").json == {"changed": []}


@linux
def test_a_password_that_the_operator_put_into_the_environment_is_nowhere_else(stage: Stage) -> None:
    password = stage.finhub.emulator.account.password.reveal()
    config = stage.finhub.config
    config.write_text(config.read_text().replace('password = { file = "password" }\n', ""))
    sidecar = stage.run(CREDENTIALS__PASSWORD=password)
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    assert sidecar.proc("environ").count(password.encode()) == 1, "the kernel's copy, for root alone"
    # It was taken out of the process's own environment, and is still known where it is read again.
    assert post(f"{sidecar.admin}/-/reload").status == 200
    assert post(f"{sidecar.admin}/-/reauthenticate").status == 200
    rest = sidecar.proc("environ").replace(b"FINHUB_CREDENTIALS__PASSWORD=" + password.encode(), b"").decode("latin-1")
    assert leaks(stage.finhub.secrets, {"environ": rest, "cmdline": sidecar.proc("cmdline").decode("latin-1")}) == []


# ── the search itself ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "written",
    [
        "token s3cr3t/va+lue=0?9 rejected",
        urllib.parse.quote("s3cr3t/va+lue=0?9", safe=""),
        base64.b64encode(b"s3cr3t/va+lue=0?9").decode(),
        base64.b64encode(b'{"p":"s3cr3t/va+lue=0?9"}').decode(),
        base64.b64encode(b'{"pw":"s3cr3t/va+lue=0?9"}').decode(),
        base64.urlsafe_b64encode(b'{"pas":"s3cr3t/va+lue=0?9"}').decode(),
        b"s3cr3t/va+lue=0?9".hex(),
    ],
)
def test_a_secret_is_found_however_it_is_spelt(written: str) -> None:
    found = leaks({"s3cr3t/va+lue=0?9"}, {"stderr": f"before {written} after"})
    assert found
    assert "va+lue" not in "".join(found)


def test_nothing_is_found_where_nothing_is() -> None:
    assert leaks({"s3cr3t/va+lue=0?9", "short"}, {"stderr": "s3cr3t short lue=0?9"}) == []


def test_every_line_of_a_key_counts_and_its_marks_do_not() -> None:
    assert pem_lines(b"-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----END PRIVATE KEY-----\n") == ["AAAA", "BBBB"]


def test_a_leak_fails_the_stage_that_it_happened_on(put_up: Callable[..., Stage]) -> None:
    stage = put_up()
    sidecar = stage.run()
    get(f"{sidecar.url}{BALANCE}")
    assert stage.leaks() == []
    stage.heard["a caller"] = f"Bearer {stage.finhub.issued[0].token.reveal()}"
    with pytest.raises(AssertionError, match="a caller"):
        stage.end()
    stage.heard.clear()
