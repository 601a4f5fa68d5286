from __future__ import annotations

import asyncio
import json
import os
import socket
from typing import TYPE_CHECKING

import pytest
from operating import Files, Operated, finhub, operated

from sidecar import events
from sidecar.app import users
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BALANCE = "/api/v2.1/wallets/w-1/balance"
UNKNOWN = "nobody-of-that-name"
ME = os.geteuid()


def test_users_and_groups_are_known_by_name() -> None:
    assert (users.uid("root"), users.gid("root")) == (0, 0)
    assert (users.uid(UNKNOWN), users.gid(UNKNOWN)) == (None, None)


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("54321", 54321), ("0054321", 54321), ("4294967294", 2**32 - 2)]
)
def test_a_number_needs_no_entry(text: str, number: int) -> None:
    assert users.uid(text) == users.gid(text) == number


@pytest.mark.parametrize("text", ["4294967295", "9" * 5000, "-1", "٣"])
def test_what_the_kernel_takes_for_no_user_is_none(text: str) -> None:
    assert users.uid(text) is None
    assert users.gid(text) is None


def test_names_and_numbers_are_allowed_together_and_root_only_where_it_is_named() -> None:
    assert users.allowed(()) == frozenset()
    assert users.allowed(("54321", "54321")) == {54321}
    assert users.allowed(("root", "54321")) == {0, 54321}


def test_every_unknown_user_is_told() -> None:
    with pytest.raises(ConfigError) as caught:
        users.allowed(("root", UNKNOWN, "4294967295"))
    assert caught.value.detail.splitlines() == [
        f"listen.allowed_users: there is no user {UNKNOWN!r} on this machine",
        "listen.allowed_users: there is no user '4294967295' on this machine",
    ]
    assert "a number needs no entry" in caught.value.remedy


def test_where_the_platform_does_not_tell_who_connects_nobody_can_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_PEERCRED")
    assert users.allowed(()) == frozenset()
    with pytest.raises(ConfigError, match=r"listen\.allowed_users: this platform does not tell") as caught:
        users.allowed(("root",))
    assert "owner and mode" in caught.value.remedy


# ── in a sidecar ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    async with finhub(tmp_path) as files:
        files.edit('[listen]\naddress = "127.0.0.1:0"', '[listen]\naddress = "unix:callers.sock"')
        yield files


async def status(one: Operated) -> int:
    reader, writer = await asyncio.open_unix_connection(one.files.folder / "callers.sock")
    writer.write(f"GET {BALANCE} HTTP/1.1\r\nHost: any.thing\r\nConnection: close\r\n\r\n".encode())
    try:
        return int((await reader.read()).split()[1])
    finally:
        writer.close()


async def test_an_unknown_user_ends_the_start(files: Files) -> None:
    files.add("listen", f'allowed_users = ["{UNKNOWN}"]')
    with pytest.raises(ConfigError, match=rf"listen\.allowed_users: there is no user '{UNKNOWN}'"):
        async with operated(files):
            pytest.fail("it starts")


async def test_other_users_are_allowed_and_refused_from_the_next_request_on(files: Files) -> None:
    async with operated(files) as one:
        await one.logged_in()
        assert await status(one) == 200
        files.add("listen", f'allowed_users = ["{ME + 1}"]')
        assert json.loads((await one.control("POST", "/-/reload")).body) == {"changed": ["listen.allowed_users"]}
        assert await status(one) == 403
        files.edit(f'["{ME + 1}"]', f'["root", "{ME}"]')
        assert (await one.control("POST", "/-/reload")).status == 200
        assert await status(one) == 200
        assert [event.rule for event in one.events(events.Forwarded)] == ["", "user", ""]
        assert files.emulator.counts.api == 2


async def test_an_unknown_user_is_422_and_the_old_configuration_serves_on(files: Files) -> None:
    files.add("listen", f'allowed_users = ["{ME + 1}"]')
    async with operated(files) as one:
        await one.logged_in()
        before = one.sidecar.config
        files.edit(f'["{ME + 1}"]', f'["{ME}", "{UNKNOWN}"]\nmax_body = 1')
        heard = await one.control("POST", "/-/reload")
        assert (heard.status, json.loads(heard.body)["detail"]) == (
            422,
            f"listen.allowed_users: there is no user {UNKNOWN!r} on this machine",
        )
        assert await status(one) == 403
        assert one.sidecar.config == before
        (told,) = one.events(events.ReloadFailed)
        assert (told.what, UNKNOWN in told.detail) == ("ConfigError", True)
        assert files.emulator.counts.api == 0
