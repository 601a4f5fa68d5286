"""Sidecars that share one session: assembled from a configuration, in front of one emulator."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from typing import TYPE_CHECKING

import pytest
import redisserver
from operating import finhub, operated, until

from sidecar import errors, events
from sidecar.app import checkup

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from operating import Files, Operated
    from redisserver import RedisServer

    from sidecar.app.checkup import Finding

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(1, 33))).decode()
PATH = "/api/v2.1/wallets/1/balance"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if redisserver.PROGRAM is None:
        pytest.skip(redisserver.MISSING)
    with redisserver.redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return "file:session"
    server: RedisServer = request.getfixturevalue("redis")
    server.ask("FLUSHALL")
    return f"redis://127.0.0.1:{server.port}"


@contextlib.asynccontextmanager
async def shared(folder: Path, store: str, **settings: object) -> AsyncIterator[Files]:
    async with finhub(folder, **settings) as files:
        files.put("store-key", KEY)
        (folder / "store-key").chmod(0o600)
        files.add("session", f'store = "{store}"')
        files.add("session", 'store_key = { file = "store-key" }')
        yield files


@contextlib.asynccontextmanager
async def several(files: Files, count: int) -> AsyncIterator[list[Operated]]:
    async with contextlib.AsyncExitStack() as stack:
        yield await asyncio.gather(*(stack.enter_async_context(operated(files)) for _ in range(count)))


async def fresh(pods: list[Operated]) -> None:
    await asyncio.gather(*(pod.logged_in() for pod in pods))


def fingerprint(pod: Operated) -> str:
    token = pod.sidecar.tenancies[0].tenant.source.state.token
    return "" if token is None else token.fingerprint


async def agreed(pods: list[Operated]) -> None:
    await until(lambda: len({fingerprint(pod) for pod in pods}) == 1 and bool(fingerprint(pods[0])))


async def test_five_that_start_together_log_in_once(tmp_path: Path, store: str) -> None:
    async with shared(tmp_path, store) as files, several(files, 5) as pods:
        await fresh(pods)
        assert files.emulator.counts.login_attempts == 1
        assert sum(len(pod.events(events.SessionAdopted)) for pod in pods) == 4
        assert {(await pod.call("GET", PATH)).status for pod in pods} == {200}
        assert sum(pod.session()["mints"]["login"] for pod in pods) == 1


async def test_a_later_start_is_ready_without_a_login(tmp_path: Path, store: str) -> None:
    async with shared(tmp_path, store) as files:
        for _ in range(3):
            async with operated(files) as pod:
                await pod.logged_in()
                assert (await pod.control("GET", "/readyz")).status == 200
                assert (await pod.call("GET", PATH)).status == 200
        assert files.emulator.counts.login_attempts == 1


async def test_a_revoked_token_costs_one_login_and_no_request(tmp_path: Path, store: str) -> None:
    async with shared(tmp_path, store) as files, several(files, 4) as pods:
        await fresh(pods)
        files.emulator.revoke()
        replies = await asyncio.gather(*(pod.call("GET", PATH) for pod in pods for _ in range(5)))
        assert {reply.status for reply in replies} == {200}
        assert files.emulator.counts.login_attempts == 2


async def test_a_password_that_changed_is_tried_once_by_all_who_read_it(tmp_path: Path, store: str) -> None:
    async with shared(tmp_path, store) as files, several(files, 3) as pods:
        await fresh(pods)
        await agreed(pods)
        files.emulator.accept(password="quite-another-password")
        files.put("password", "quite-another-password")
        before = fingerprint(pods[0])
        for pod in pods:
            await pod.sidecar.reload()
        await until(lambda: fingerprint(pods[0]) != before)
        await agreed(pods)
        assert (files.emulator.counts.login_attempts, files.emulator.counts.rejected_logins) == (2, 0)


async def test_a_new_key_is_in_use_at_once_and_opens_what_the_old_one_sealed(tmp_path: Path, store: str) -> None:
    async with shared(tmp_path, store) as files, several(files, 2) as pods:
        await fresh(pods)
        files.put("store-key", f"{OTHER}\n{KEY}\n")
        for pod in pods:
            assert (await pod.sidecar.reload())["changed"] == ["store key"]
        files.emulator.revoke()
        assert {(await pod.call("GET", PATH)).status for pod in pods} == {200}
        await agreed(pods)
        files.put("store-key", OTHER)
        async with operated(files) as later:
            await later.logged_in()
            assert fingerprint(later) == fingerprint(pods[0])
        assert files.emulator.counts.login_attempts == 2


async def test_another_user_has_another_session(tmp_path: Path, store: str) -> None:
    async with shared(tmp_path, store) as files, operated(files) as pod:
        await pod.logged_in()
        first = fingerprint(pod)
        files.edit('tenant_id = "1234567"', 'tenant_id = "7654321"')
        await pod.sidecar.reload()
        await until(lambda: fingerprint(pod) not in {"", first})
        async with operated(files) as other:
            await other.logged_in()
            assert fingerprint(other) == fingerprint(pod)
        assert files.emulator.counts.login_attempts == 2


async def test_the_status_and_the_metrics_tell_of_the_store(tmp_path: Path, store: str) -> None:
    async with shared(tmp_path, store) as files, several(files, 2) as pods:
        await fresh(pods)
        await until(lambda: sum(pod.session()["store"]["adoptions"] for pod in pods) == 1)
        assert {pod.session()["store"]["kind"] for pod in pods} == {store.partition(":")[0]}
        assert {pod.session()["store"]["up"] for pod in pods} == {True}
        assert b"finhub_sidecar_store_up 1.0" in (await pods[0].control("GET", "/metrics")).body


async def test_without_a_store_nothing_of_it_is_told(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as pod:
        await pod.logged_in()
        assert "store" not in pod.session()
        assert b"\nfinhub_sidecar_store_up" not in (await pod.control("GET", "/metrics")).body


async def test_an_engine_that_was_never_there_costs_one_warning_and_a_login_each(tmp_path: Path) -> None:
    store = f"redis://127.0.0.1:{redisserver.free_port()}"
    async with shared(tmp_path, store) as files:
        files.add("session", "alone_within = 0.5")
        async with several(files, 2) as pods:
            await fresh(pods)
            assert files.emulator.counts.login_attempts == 2
            assert {(await pod.call("GET", PATH)).status for pod in pods} == {200}
            assert [len(pod.events(events.StoreLost)) for pod in pods] == [1, 1]
            assert {pod.session()["store"]["up"] for pod in pods} == {False}


# ── check ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def findings(files: Files) -> list[Finding]:
    config = await asyncio.to_thread(files.read)
    return [each async for each in checkup.remote(config, files.environ)]


async def test_check_tells_what_is_in_the_store(tmp_path: Path, store: str) -> None:
    async with shared(tmp_path, store) as files:
        (empty,) = [each for each in await findings(files) if each.step == "store"]
        assert empty.detail.endswith("answers, no session in it")
        async with operated(files) as pod:
            await pod.logged_in()
        (full,) = [each for each in await findings(files) if each.step == "store"]
        assert "a session in it for" in full.detail
        files.put("store-key", OTHER)
        (closed,) = [each for each in await findings(files) if each.step == "store"]
        assert (closed.error, len(closed.notes)) == (None, 1)
        assert "session.store_key does not open" in closed.notes[0]


async def test_check_tells_of_a_key_that_is_none_before_it_goes_out(tmp_path: Path) -> None:
    async with shared(tmp_path, "file:session") as files:
        files.put("store-key", f"{OTHER}\n{KEY}")
        config = await asyncio.to_thread(files.read)
        (good,) = [
            each for each in await asyncio.to_thread(list, checkup.local(config, {})) if each.step == "store key"
        ]
        assert good.detail == "2 keys, the first one seals"
        files.put("store-key", "hunter2")
        *_, last = await asyncio.to_thread(list, checkup.local(config, {}))
        assert (last.step, type(last.error)) == ("store key", errors.SecretError)


async def test_check_ends_before_the_login_where_the_store_is_away(tmp_path: Path) -> None:
    async with shared(tmp_path, f"redis://127.0.0.1:{redisserver.free_port()}") as files:
        *_, last = await findings(files)
        assert last.step == "store"
        assert isinstance(last.error, errors.UpstreamError)
        assert "session.store" in last.error.remedy
        assert files.emulator.counts.login_attempts == 0


async def test_check_tells_of_a_file_that_is_not_a_store(tmp_path: Path) -> None:
    async with shared(tmp_path, "file:session") as files:
        files.put("session", "my diary")
        (found,) = [each for each in await findings(files) if each.step == "store"]
        assert (found.error, "not a session store" in found.notes[0]) == (None, True)
