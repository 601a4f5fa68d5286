"""Other users of the machine, as real programs, at the Unix socket of a real sidecar."""

from __future__ import annotations

import json
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from calling import BALANCE, post, until
from otherusers import NOBODY, ONLY_ROOT, STRANGER, common_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from staging import Stage

UNKNOWN = "nobody-of-that-name"


@pytest.fixture
def socket(stage: Stage) -> Iterator[Path]:
    """A path that every user gets to: the stage's own folder is private."""
    with common_folder() as folder:
        folder.chmod(0o755)
        yield folder / "s"


def call(socket: Path, user: int, *groups: int) -> tuple[int, dict[str, str]]:
    """Call as another user's curl; return the status, 0 where no connection came about, and our problem if any."""
    command = [
        "curl",
        "-q",
        "--silent",
        "--max-time",
        "30",
        "--unix-socket",
        str(socket),
        "--write-out",
        "\n%{http_code}",
    ]
    got = subprocess.run(
        [*command, f"http://any.name{BALANCE}"],
        capture_output=True,
        check=False,
        cwd="/",
        user=user,
        group=groups[0] if groups else user,
        extra_groups=groups,
    )
    body, _, status = got.stdout.rpartition(b"\n")
    return int(status), json.loads(body) if int(status) >= 400 else {}


def rules(stage: Stage) -> list[str]:
    return [line.get("rule", "") for line in stage.sidecar.lines("request")]


@ONLY_ROOT
def test_a_user_that_is_named_gets_its_reply_and_any_other_403_root_too(stage: Stage, socket: Path) -> None:
    users = json.dumps([str(NOBODY), "4711"])
    stage.run(LISTEN__ADDRESS=f"unix:{socket}", LISTEN__SOCKET_MODE="0666", LISTEN__ALLOWED_USERS=users)
    assert stat.S_IMODE(socket.stat().st_mode) == 0o666
    assert [call(socket, user)[0] for user in (NOBODY, 4711, STRANGER, 0)] == [200, 200, 403, 403]
    assert len(stage.finhub.seen(BALANCE)) == 2
    status, problem = call(socket, STRANGER)
    assert (status, problem["status"]) == (403, 403)
    assert problem["detail"] == f"The user {STRANGER} is not in listen.allowed_users."
    assert "listen.allowed_users" in problem["remedy"]
    until(lambda: len(rules(stage)) == 5, "five requests are logged")
    assert rules(stage) == ["", "", "user", "user", "user"]
    assert len(stage.finhub.seen(BALANCE)) == 2


@ONLY_ROOT
def test_mode_and_owner_are_as_asked_and_the_kernel_keeps_the_others_out(stage: Stage, socket: Path) -> None:
    sidecar = stage.run(
        LISTEN__ADDRESS=f"unix:{socket}", LISTEN__SOCKET_MODE="0660", LISTEN__SOCKET_OWNER=f"{STRANGER}:{NOBODY}"
    )
    made = socket.stat()
    assert (stat.S_IMODE(made.st_mode), made.st_uid, made.st_gid) == (0o660, STRANGER, NOBODY)
    assert call(socket, STRANGER)[0] == 200
    assert call(socket, 4711, NOBODY)[0] == 200
    assert call(socket, 4711)[0] == 0
    assert len(stage.finhub.seen(BALANCE)) == 2
    assert sidecar.end() == 0
    assert not socket.exists()


@ONLY_ROOT
def test_users_are_taken_over_by_a_reload_and_an_unknown_one_is_not(stage: Stage, socket: Path) -> None:
    text = stage.finhub.config.read_text()

    def allow(*names: str) -> None:
        lines = f'[listen]\naddress = "unix:{socket}"\nallowed_users = {json.dumps(names)}'
        stage.finhub.config.write_text(text.replace('[listen]\naddress = "127.0.0.1:8080"', lines))

    allow(str(STRANGER))
    sidecar = stage.run(LISTEN__ADDRESS=f"unix:{socket}", LISTEN__SOCKET_MODE="0666")
    assert [call(socket, user)[0] for user in (STRANGER, NOBODY)] == [200, 403]
    for names, status in (((str(NOBODY),), 200), ((str(STRANGER), UNKNOWN), 422)):
        allow(*names)
        assert post(f"{sidecar.admin}/-/reload").status == status
        assert [call(socket, user)[0] for user in (STRANGER, NOBODY)] == [403, 200]
    (failed,) = sidecar.lines("reload failed, what was in use stays")
    assert failed["detail"] == f"listen.allowed_users: there is no user {UNKNOWN!r} on this machine"
    assert len(stage.finhub.seen(BALANCE)) == 3


@pytest.mark.parametrize(
    ("key", "value", "status", "said"),
    [
        ("allowed_users", f'["{UNKNOWN}"]', 2, f"there is no user '{UNKNOWN}'"),
        ("socket_owner", UNKNOWN, 5, f"there is no user '{UNKNOWN}'"),
        ("socket_mode", "0466", 2, "an octal mode"),
    ],
)
def test_what_cannot_be_had_ends_the_start_with_its_key_and_leaves_no_socket(
    stage: Stage, key: str, value: str, status: int, said: str
) -> None:
    path = stage.finhub.folder / "s"
    environ = {"LISTEN__ADDRESS": f"unix:{path}", f"LISTEN__{key.upper()}": value}
    sidecar = stage.start(["run", "--config", str(stage.finhub.config)], **environ)
    assert sidecar.process.wait(30) == status
    assert f"listen.{key}" in sidecar.stderr
    assert said in sidecar.stderr
    assert not path.exists()
