"""docs/fleet.md: the key that it makes is one, the engine's user that it makes can do what is needed."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pages
import pytest
import redisserver
from redisserver import redis_server

from sidecar.config import storing
from sidecar.redact import Secret
from sidecar.session.store.clients import Access, connecting
from sidecar.session.store.redis import RedisStore
from sidecar.session.store.sealed import ring
from sidecar.session.store.watched import AGAIN, PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/fleet.md"


def command(name: str) -> str:
    (text,) = [block.text for block in pages.blocks(PAGE) if block.marks.get("command") == name]
    return text


def test_the_key_is_one_and_nobody_elses(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    subprocess.run(["sh", "-c", command("key")], cwd=tmp_path, check=True)
    made = tmp_path / "secrets" / "store-key"
    assert len(ring(Secret(made.read_text())).keys) == 1
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


@pytest.mark.skipif(redisserver.PROGRAM is None, reason=redisserver.MISSING)
def test_the_user_can_do_what_is_needed(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        text = command("user").replace("redis-cli", f"redis-cli -p {server.port}")
        environ = {**os.environ, "PASSWORD": "hunter2-fleet"}
        done = subprocess.run(["sh", "-c", text], env=environ, check=True, capture_output=True)
        assert done.stdout.strip() == b"OK"
        server.ask("ACL", "SETUSER", "default", "off")
        place = storing.place(f"redis://127.0.0.1:{server.port}/0")
        access = Access(user="finhub-sidecar", password=lambda: Secret("hunter2-fleet"))
        asyncio.run(works(RedisStore(connecting(place, access, PATIENCE), "finhub-sidecar")))


async def works(store: RedisStore) -> None:
    async with store:
        heard = asyncio.Event()
        store.listen("slot", heard.set)
        lease = (await store.take("slot", "a", 5.0)).lease
        assert await store.renew("slot", "a", lease, 5.0)
        assert await store.publish("slot", "a", lease, b"x", 5.0)
        await store.release("slot", "a", lease)
        assert (await store.read("slot")).entry == b"x"
        async with asyncio.timeout(5):
            await heard.wait()


def test_the_numbers_are_those_of_the_code() -> None:
    text = pages.read(PAGE)
    assert f"for more than {2 * PATIENCE:g} seconds" in text
    assert f"every {AGAIN:g} seconds" in text
