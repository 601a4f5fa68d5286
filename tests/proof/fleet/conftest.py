"""One account at FinHub, a real Redis, and sidecar processes that share a session."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
import redisserver
from fleetload import LEASE, Fleet
from redisserver import redis_server
from staging import staged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A FinHub as in production, a Redis, and no pod yet."""
    if redisserver.PROGRAM is None:
        pytest.skip(redisserver.MISSING)
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server(folder) as redis, staged(tmp_path / "finhub") as stage:
        (stage.finhub.folder / "store-key").write_text(KEY)
        (stage.finhub.folder / "store-key").chmod(0o600)
        environ = {
            "LOG__LEVEL": "info",
            "SESSION__STORE": f"redis://127.0.0.1:{redis.port}/0",
            "SESSION__STORE_KEY_FILE": str(stage.finhub.folder / "store-key"),
            "SESSION__LEASE": f"{LEASE:g}",
        }
        stage.secrets.add(KEY)
        yield Fleet(stage, redis, environ)
