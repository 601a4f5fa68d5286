"""The audit trail of the real program: who did what, on a disk that fills up, and across ends of every kind."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from calling import BALANCE, PATIENCE, curl, get, post, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from staging import SidecarProcess, Stage


def trail_of(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of one file."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def verified(path: Path, *more: str) -> str:
    """Verify the trail as an operator does, who finds it whole; return what was told."""
    command = [sys.executable, "-m", "sidecar", "audit", "verify", str(path), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def heads(sidecar: SidecarProcess) -> dict[str, str]:
    """Return what the log told of the trail's head, by the occasion."""
    return {line["why"]: line["head"] for line in sidecar.lines("audit trail")}


@pytest.fixture
def path(stage: Stage) -> Path:
    return stage.finhub.folder / "audit.jsonl"


def audited(stage: Stage, path: Path, **more: str) -> SidecarProcess:
    return stage.run(AUDIT__FILE=str(path), **more)


def test_a_trail_tells_who_did_what_from_the_start_to_the_end(stage: Stage, path: Path) -> None:
    sidecar = audited(stage, path)
    assert get(sidecar.url + BALANCE, X_Request_ID="not-mine").status == 200
    assert get(f"{sidecar.url}/api/v2.1/wallets/../x").status == 400
    assert post(f"{sidecar.admin}/-/reload").status == 200
    assert sidecar.end() == 0
    lines = trail_of(path)
    stage.heard["trail"] = path.read_text()
    assert [line["event"] for line in lines if line["event"] != "session minted"] == [
        "trail begun",
        "identity loaded",
        "started",
        "request",
        "request",
        "control",
        "draining",
        "stopped",
    ]
    served, refused = (line for line in lines if line["event"] == "request")
    (minted,) = (line for line in lines if line["event"] == "session minted")
    logged = {line["request_id"] for line in sidecar.lines("request")}
    assert {served["request_id"], refused["request_id"]} == logged
    assert (served["path"], served["status"], served["who"]) == ("/api/v2.1/wallets/*/balance", 200, "127.0.0.1")
    assert (served["session"], served["tenant"]) == (minted["session"], minted["tenant"])
    assert (refused["status"], refused["attempts"], refused["rule"]) == (400, 0, "target")
    control = next(line for line in lines if line["event"] == "control")
    assert (control["action"], control["who"], control["outcome"]) == ("reload", "127.0.0.1", "done")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_its_head_is_in_the_log_and_in_the_status_so_that_a_cut_is_found(stage: Stage, path: Path) -> None:
    sidecar = audited(stage, path)
    get(sidecar.url + BALANCE)
    until(lambda: sidecar.status()["audit"]["waiting"] == 0, "all is written")
    shown = sidecar.status()["audit"]
    assert (shown["file"], shown["lost"], shown["failing"]) == (str(path), 0, None)
    sidecar.end()
    assert verified(path, "--head", shown["head"])
    assert f"head {heads(sidecar)['closed']}" in verified(path)


def test_the_next_process_goes_on_where_the_last_one_ended(stage: Stage, path: Path) -> None:
    for _ in range(2):
        sidecar = audited(stage, path)
        get(sidecar.url + BALANCE)
        sidecar.end()
    events = [line["event"] for line in trail_of(path)]
    assert (events.count("trail begun"), events.count("trail continued"), events.count("stopped")) == (1, 1, 2)
    verified(path)


def test_over_a_unix_socket_it_is_told_which_user_asked(stage: Stage, path: Path) -> None:
    socket = stage.finhub.folder / "s"
    sidecar = audited(stage, path, LISTEN__ADDRESS=f"unix:{socket}")
    assert curl("--unix-socket", str(socket), f"http://any{BALANCE}").returncode == 0
    sidecar.end()
    (line,) = (line for line in trail_of(path) if line["event"] == "request")
    assert line["who"] == f"uid:{os.getuid()}"


def test_two_sidecars_do_not_write_one_trail(stage: Stage, path: Path) -> None:
    audited(stage, path)
    second = stage.start(["run", "--config", str(stage.finhub.config)], AUDIT__FILE=str(path))
    assert second.process.wait(PATIENCE) == 2
    assert "is being written by another process" in second.stderr
    assert "Give each sidecar an audit.file of its own" in second.stderr


def test_a_trail_whose_last_line_was_changed_is_not_gone_on_with(stage: Stage, path: Path) -> None:
    audited(stage, path).end()
    path.write_text(path.read_text().replace('"cut":0', '"cut":1'))
    before = path.read_bytes()
    second = stage.start(["run", "--config", str(stage.finhub.config)], AUDIT__FILE=str(path))
    assert second.process.wait(PATIENCE) == 2
    assert "is not what was written" in second.stderr
    assert path.read_bytes() == before


def test_on_stdout_it_stands_among_the_lines_of_the_log(stage: Stage, path: Path) -> None:
    sidecar = stage.run(AUDIT__FILE="-", AUDIT__FSYNC="always")
    for _ in range(20):
        get(sidecar.url + BALANCE)
    sidecar.end()
    lines = sidecar.stdout.splitlines(keepends=True)
    assert all(json.loads(line) for line in lines)
    path.write_text("".join(line for line in lines if '"hash":"' in line))
    assert verified(path).startswith("✓ 26 lines")


def test_a_kill_loses_no_line_that_was_forced_to_the_disk(stage: Stage, path: Path) -> None:
    sidecar = audited(stage, path, AUDIT__FSYNC="always")
    for _ in range(30):
        assert get(sidecar.url + BALANCE).status == 200
    until(lambda: sidecar.status()["audit"]["waiting"] == 0, "all is written")
    sidecar.end(signal.SIGKILL)
    with path.open("ab") as file:
        file.write(b'{"seq":99,"time":"torn')  # as if it had been killed while it wrote
    sidecar = audited(stage, path)
    sidecar.end()
    assert "is torn (22 bytes), and line" in verified(path)
    assert len([line for line in path.read_text().splitlines() if '"event":"request"' in line]) == 30


# ── a disk that is full ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(folder)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root alone")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte on the disk; return what takes it up."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def failing(sidecar: SidecarProcess) -> bool:
    return bool(sidecar.status()["audit"]["failing"])


def test_on_a_full_disk_nothing_is_forwarded_unrecorded_and_with_room_it_goes_on_by_itself(
    stage: Stage, disk: Path
) -> None:
    path = disk / "audit.jsonl"
    sidecar = audited(stage, path, AUDIT__ON_FAILURE="stop")
    assert get(sidecar.url + BALANCE).status == 200
    filler = fill(disk)
    statuses = [200]
    while not failing(sidecar):  # the last block of the file has room yet
        statuses.append(get(sidecar.url + BALANCE).status)
    until(lambda: get(f"{sidecar.admin}/readyz").status == 503, "it is unready")
    reason = get(f"{sidecar.admin}/readyz").body.decode()
    assert reason == "the audit trail cannot be written: No space left on device\n"
    before = stage.finhub.counts
    for _ in range(3):
        refused = get(sidecar.url + BALANCE)
        assert (refused.status, refused.fields["Retry-After"]) == (503, "1")
        assert refused.fields["Proxy-Status"] == "finhub-sidecar; error=proxy_internal_error"
        assert refused.json["title"] == "The audit trail cannot be written"
        assert "Make room" in refused.json["remedy"]
    assert stage.finhub.since(before, "api") == (0,)
    problems = " ".join(problem["what"] for problem in sidecar.status()["problems"])
    assert "audit trail cannot be written: No space left on device" in problems
    filler.unlink()
    until(lambda: get(f"{sidecar.admin}/readyz").status == 200, "it is ready again")
    assert get(sidecar.url + BALANCE).status == 200
    sidecar.end()
    verified(path)
    lines = trail_of(path)
    assert len([line for line in lines if line.get("upstream_status") == 200]) == statuses.count(200) + 1
    (resumed,) = (line for line in lines if line["event"] == "trail resumed")
    assert (resumed["lost"], resumed["refused"]) == (0, 3 + statuses.count(503))
    assert len(sidecar.lines("audit trail cannot be written")) == 1


def test_where_it_is_to_go_on_it_does_and_counts_what_it_lost(stage: Stage, disk: Path) -> None:
    path = disk / "audit.jsonl"
    sidecar = audited(stage, path, AUDIT__ON_FAILURE="count")
    filler = fill(disk)
    served = 0
    while not failing(sidecar):
        served += get(sidecar.url + BALANCE).status == 200
    for _ in range(5):
        served += get(sidecar.url + BALANCE).status == 200
    assert get(f"{sidecar.admin}/readyz").status == 200
    filler.unlink()
    until(lambda: not failing(sidecar), "it is written again")
    sidecar.end()
    verified(path)
    assert len([line for line in trail_of(path) if line["event"] == "request"]) == served


def test_a_file_that_may_not_grow_stops_in_the_middle_of_a_line_and_goes_on_there(stage: Stage, path: Path) -> None:
    sidecar = audited(stage, path, AUDIT__FSYNC="never")
    assert get(sidecar.url + BALANCE).status == 200
    until(lambda: sidecar.status()["audit"]["waiting"] == 0, "all is written")
    limit = path.stat().st_size + 100
    _, most = resource.prlimit(sidecar.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(sidecar.process.pid, resource.RLIMIT_FSIZE, (limit, most))
    assert get(sidecar.url + BALANCE).status == 200
    until(lambda: failing(sidecar), "it cannot be written")
    assert path.stat().st_size == limit
    assert get(sidecar.url + BALANCE).status == 503
    resource.prlimit(sidecar.process.pid, resource.RLIMIT_FSIZE, (most, most))
    until(lambda: not failing(sidecar), "it is written again")
    assert get(sidecar.url + BALANCE).status == 200
    sidecar.end()
    verified(path)


def test_lines_that_no_disk_took_by_the_end_are_told_as_lost(stage: Stage, disk: Path) -> None:
    path = disk / "audit.jsonl"
    sidecar = audited(stage, path)
    fill(disk)
    while not failing(sidecar):
        get(sidecar.url + BALANCE)
    assert sidecar.end() == 0
    told = sidecar.lines("audit trail cannot be written")[-1]
    assert "lines are lost: the audit trail cannot be written: No space left on device" in told["detail"]
    verified(path, "--head", heads(sidecar)["closed"])
