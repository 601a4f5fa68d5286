"""What becomes of each key when its value changes in the file: taken at once, or named for a restart."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from operating import Operated, finhub, operated, until

from sidecar import events
from sidecar.config import later
from sidecar.config.catalogue import keys
from sidecar.config.kinds import Kind
from sidecar.config.live import is_live

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BALANCE: Final = "/api/v2.1/wallets/w-1/balance"

# Another value for each key, as a variable gives it. "": it has to come with others, or has a test of its own.
OTHER: Final[dict[str, str]] = {
    "environment": "integration",
    "listen.address": "127.0.0.1:1",
    "listen.unsafe_listen": "",
    "listen.allowed_hosts": '["localhost", "a.example"]',
    "listen.max_body": "5",
    "listen.allowed_origins": '["http://localhost:3000"]',
    "listen.allowed_peers": "",
    "listen.body_timeout": "5",
    "listen.min_rate": "5",
    "listen.head_timeout": "5",
    "listen.idle_timeout": "5",
    "listen.write_timeout": "5",
    "listen.max_target": "500",
    "listen.max_field": "500",
    "listen.max_fields": "5000",
    "listen.max_connections": "5",
    "listen.max_requests": "5",
    "listen.socket_mode": "0660",
    "listen.socket_owner": "",
    "listen.allowed_users": "",
    "listen.caller_key": "",
    "listen.allow": '["GET /**"]',
    "admin.address": "127.0.0.1:1",
    "upstream.url": "https://localhost:1",
    "upstream.ca_file": "",
    "upstream.crl_file": "",
    "upstream.proxy": "http://127.0.0.1:1",
    "upstream.proxy_user": "",
    "upstream.proxy_password": "",
    "upstream.pins": json.dumps(["A" * 43 + "="]),
    "upstream.connect_timeout": "2",
    "upstream.response_timeout": "2",
    "upstream.idle_timeout": "2",
    "upstream.max_connections": "5",
    "upstream.wait": "2",
    "upstream.rewrite_location": "true",
    "upstream.upgrade": json.dumps(["websocket"]),
    "identity.certificate_file": "",
    "identity.key_file": "",
    "identity.key_password": "",
    "identity.pkcs12_file": "",
    "identity.reload_interval": "5",
    "identity.unsafe_key_mode": "true",
    "credentials.username": "another",
    "credentials.password": "",
    "credentials.customer_id": "another",
    "credentials.customer_secret": "",
    "credentials.account_type": "b2c",
    "credentials.grant_type": "another",
    "credentials.tenant_id": "7654321",
    "credentials.organization_id": "5",
    "credentials.user_id": "5",
    "credentials.tenant_key": "another",
    "credentials.tenant_secret": "",
    "credentials.individual_id": "5",
    "credentials.send_client_credentials": "false",
    "session.dialect": "integration",
    "session.url": "https://localhost:1",
    "session.login": "lazy",
    "session.lifetime": "600",
    "session.wait": "5",
    "session.login_endpoint": "refuse",
    "session.logout": "true",
    "session.expired_when": "expired",
    "session.client_ip": "10.0.0.1",
    "session.blocked_for": "3600",
    "session.refresh.enabled": "false",
    "session.refresh.path": "/api/another",
    "session.refresh.margin": "5",
    "session.backoff.first": "2",
    "session.backoff.max": "50",
    "session.store": "",
    "session.store_user": "",
    "session.store_password": "",
    "session.store_key": "",
    "session.store_prefix": "another",
    "session.store_tls.ca_file": "",
    "session.store_tls.certificate_file": "",
    "session.store_tls.key_file": "",
    "session.lease": "2",
    "session.alone_within": "2",
    "replay.max_body": "5",
    "replay.max_total": "5000000",
    "log.format": "console",
    "log.level": "warning",
    "drain.min": "1",
    "drain.max": "5",
    "limits.requests_per_second": "50",
    "limits.burst": "5",
    "limits.queue": "1",
    "check.path": "/api/another",
    "audit.file": "audit.jsonl",
    "audit.fsync": "never",
    "audit.max_size": "5000",
    "audit.keep": "5",
    "audit.on_failure": "count",
    "tracing.endpoint": "http://127.0.0.1:4318",
    "tracing.sample": "0.5",
}
KEYS: Final = {key.name: key for key in keys() if key.kind not in {Kind.TABLE, Kind.FIELDS, Kind.TENANTS}}


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Operated]:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        yield one


async def reload(one: Operated) -> tuple[int, dict[str, Any]]:
    heard = await one.control("POST", "/-/reload")
    return heard.status, json.loads(heard.body)


def test_every_key_is_here() -> None:
    """Those that a later version will have are refused, so that they have no other value."""
    assert OTHER.keys() == KEYS.keys() - {*later.KEYS, *later.VALUES}


async def test_each_key_is_taken_at_once_or_named_for_a_restart_and_back_again(one: Operated) -> None:
    for name, value in OTHER.items():
        if not value:
            continue
        variable = "FINHUB_" + name.upper().replace(".", "__")
        one.files.environ[variable] = value
        status, told = await reload(one)
        assert status == 200, (name, told)
        if name == "environment":
            assert name in told["restart"]
            assert told["changed"] == []
        else:
            where = "changed" if is_live(name) else "restart"
            assert name in told.get(where, []), (name, told)
            assert set(told.get("restart", [])) <= ({name, "session.url"} if not is_live(name) else set()), told
        del one.files.environ[variable]
        status, told = await reload(one)
        assert status == 200, (name, told)
        assert told.get("restart", []) == []
    assert (await one.call("GET", BALANCE)).status in {200, 503}


async def test_a_file_that_cannot_be_used_changes_nothing_and_all_its_problems_are_told(one: Operated) -> None:
    config, text = one.sidecar.config, one.files.config.read_text()
    one.files.add("listen", "max_body = 0")
    one.files.add("listen", 'allow = ["GET"]')
    one.files.add("drain", "max = -1")
    one.files.add("session", "wiat = 5")
    status, told = await reload(one)
    assert (status, told["status"]) == (422, 422)
    lines = told["detail"].splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "listen.max_body",
        "listen.allow[0]",
        "session.wiat",
        "drain.max",
    ]
    assert told["remedy"]
    assert one.sidecar.config == config
    (failed,) = one.events(events.ReloadFailed)
    assert failed.detail == told["detail"]
    assert (await one.call("GET", BALANCE)).status == 200
    one.files.config.write_text(text)
    assert await reload(one) == (200, {"changed": []})


@pytest.mark.parametrize(("text", "told"), [("[listen\n", "line 1"), (None, "No such file"), ("", "credentials")])
async def test_a_file_that_is_none_changes_nothing(one: Operated, text: str | None, told: str) -> None:
    before = one.files.config.read_text()
    one.files.config.unlink() if text is None else one.files.config.write_text(text)
    status, answer = await reload(one)
    assert status == 422
    assert told in answer["detail"]
    assert (await one.call("GET", BALANCE)).status == 200
    one.files.config.write_text(before)
    assert await reload(one) == (200, {"changed": []})


async def test_a_good_key_beside_a_bad_one_is_not_taken(one: Operated) -> None:
    one.files.add("listen", "max_body = 5")
    one.files.add("drain", "max = -1")
    assert (await reload(one))[0] == 422
    assert (await one.call("POST", "/api/echo", b"Content-Type: text/plain", body=b"123456")).status == 200


async def test_a_shorter_time_for_finhubs_reply_holds_from_the_next_request_on(one: Operated) -> None:
    one.files.emulator.fault("api:delay=0.6")
    assert (await one.call("GET", BALANCE)).status == 200
    one.files.add("upstream", "response_timeout = 0.2")
    assert await reload(one) == (200, {"changed": ["upstream.response_timeout"]})
    assert (await one.call("GET", BALANCE)).status == 504


async def test_callers_bounds_are_those_of_the_configuration_in_use(one: Operated) -> None:
    assert (await one.call("GET", "/" + "a" * 600)).status == 404
    one.files.add("listen", "max_target = 500")
    assert await reload(one) == (200, {"changed": ["listen.max_target"]})
    assert (await one.call("GET", "/" + "a" * 600)).status == 414


async def test_reloads_that_come_at_once_each_tell_what_they_did(one: Operated) -> None:
    one.files.add("listen", "max_body = 5")
    answers = await asyncio.gather(*(reload(one) for _ in range(5)))
    assert sorted(len(told["changed"]) for _, told in answers) == [0, 0, 0, 0, 1]
    await until(lambda: len(one.events(events.Reloaded)) == 1)
