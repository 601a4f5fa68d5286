"""Every way to a Redis: access lists, TLS with a client certificate, Sentinels, a Cluster. All of them real servers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import house
import pytest
import redisserver
import trustme
from fleetpods import until
from redisserver import RedisServer, redis_server

from sidecar.config.storing import place
from sidecar.redact import Secret
from sidecar.session.store.clients import Access, connecting
from sidecar.session.store.redis import RedisStore
from sidecar.session.store.store import Away

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLOT = "c0ffee"

# What docs/fleet.md says the engine's user needs.
RULES = (
    *("~finhub-sidecar:*", "&finhub-sidecar:*", "-@all", "+eval", "+type", "+time", "+hmget", "+hset", "+pexpireat"),
    *("+publish", "+subscribe", "+unsubscribe", "+ping", "+select"),
)

IN_A_CLUSTER = ("+cluster|slots", "+command")

pytestmark = pytest.mark.skipif(redisserver.PROGRAM is None, reason=redisserver.MISSING)


def store(text: str, access: Access | None = None, prefix: str = "finhub-sidecar") -> RedisStore:
    return RedisStore(connecting(place(text), access or Access(), 1.0), prefix)


async def works(one: RedisStore) -> None:
    heard = asyncio.Event()
    async with one:
        one.listen(SLOT, heard.set)
        lease = (await one.take(SLOT, "a", 5.0)).lease
        assert await one.renew(SLOT, "a", lease, 5.0)
        async with asyncio.timeout(5):
            await heard.wait()
        heard.clear()
        assert await one.publish(SLOT, "a", lease, b"x", 5.0)
        assert (await one.read(SLOT)).entry == b"x"
        await one.release(SLOT, "a", lease)
        async with asyncio.timeout(5):
            await heard.wait()


# ── access ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_user_with_the_documented_rights_alone_can_do_all_that_is_needed(tmp_path: Path) -> None:
    with redis_server(tmp_path, ["--user", "pod", "on", ">hunter2-pod", *RULES, "--user", "default", "off"]) as server:
        url = f"redis://127.0.0.1:{server.port}/0"
        await works(store(url, Access(user="pod", password=lambda: Secret("hunter2-pod"))))
        for access in (None, Access(user="pod", password=lambda: Secret("wrong"))):
            async with store(url, access) as other:
                with pytest.raises(Away, match="refuses session"):
                    await other.read(SLOT)
        async with store(url, Access(user="pod", password=lambda: Secret("hunter2-pod")), prefix="other") as other:
            with pytest.raises(Away, match="may not do what is needed"):
                await other.read(SLOT)


async def test_a_password_alone_is_the_engines(tmp_path: Path) -> None:
    with redis_server(tmp_path, ["--requirepass", "hunter2-all"]) as server:
        await works(store(f"redis://127.0.0.1:{server.port}", Access(password=lambda: Secret("hunter2-all"))))


async def test_a_password_that_was_changed_is_in_use_from_the_next_connection_on(tmp_path: Path) -> None:
    with redis_server(tmp_path, ["--requirepass", "hunter2-old"]) as server:
        known = ["hunter2-old"]
        async with store(f"redis://127.0.0.1:{server.port}", Access(password=lambda: Secret(known[0]))) as one:
            await one.read(SLOT)
            server.kill()
            changed = RedisServer(tmp_path, "--requirepass", "hunter2-new")
            changed.port = server.port
            changed.start()
            try:
                with pytest.raises(Away):
                    await one.read(SLOT)
                known[0] = "hunter2-new"
                await one.read(SLOT)
            finally:
                changed.kill()


# ── TLS ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def certificates(tmp_path: Path, authority: trustme.CA) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other-ca.crt")
    for name, host in (("server", "localhost"), ("elsewhere", "elsewhere.example"), ("client", "client.example")):
        leaf = authority.issue_cert(host)
        leaf.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        (tmp_path / f"{name}.crt").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    return tmp_path


def tls(folder: Path, name: str = "server") -> list[str]:
    files = {"cert": f"{name}.crt", "key": f"{name}.key", "ca-cert": "ca.crt"}
    return [word for key, file in files.items() for word in (f"--tls-{key}-file", str(folder / file))]


def presenting(folder: Path, ca: str = "ca.crt") -> Access:
    return Access(
        ca_file=str(folder / ca), certificate_file=str(folder / "client.crt"), key_file=str(folder / "client.key")
    )


async def test_tls_with_a_client_certificate(certificates: Path) -> None:
    with redis_server(certificates, tls(certificates), tls=True) as server:
        url = f"rediss://localhost:{server.port}"
        await works(store(url, presenting(certificates)))
        for access in (
            Access(ca_file=str(certificates / "ca.crt")),
            presenting(certificates, "other-ca.crt"),
            Access(),
        ):
            async with store(url, access) as other:
                with pytest.raises(Away):
                    await other.read(SLOT)


async def test_the_engines_name_is_verified(certificates: Path) -> None:
    with redis_server(certificates, tls(certificates, "elsewhere"), tls=True) as server:
        async with store(f"rediss://localhost:{server.port}", presenting(certificates)) as other:
            with pytest.raises(Away):
                await other.read(SLOT)


# ── several servers ─────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def sentinel(folder: Path, master: RedisServer) -> Iterator[RedisServer]:
    (folder / "sentinel.conf").write_text(
        f"sentinel monitor mymaster 127.0.0.1 {master.port} 1\nsentinel down-after-milliseconds mymaster 500\n"
        "sentinel failover-timeout mymaster 1000\n"
    )
    guard = RedisServer(folder, "--sentinel")
    guard.conf = folder / "sentinel.conf"
    guard.start()
    try:
        yield guard
    finally:
        guard.kill()


async def test_the_server_that_sentinels_name_and_after_its_death_the_next(tmp_path: Path) -> None:
    with (
        redis_server(tmp_path) as master,
        redis_server(tmp_path, ["--replicaof", "127.0.0.1", f"{master.port}"]) as replica,
        sentinel(tmp_path, master) as guard,
    ):
        await until(lambda: b"master_link_status:up" in replica.ask("INFO", "replication"), 20)
        url = f"redis+sentinel://127.0.0.1:{guard.port}/mymaster/0"
        await works(store(url))
        await until(lambda: f"{replica.port}".encode() in guard.ask("SENTINEL", "replicas", "mymaster"), 20)
        async with store(url) as one:
            assert await one.publish(SLOT, "a", (await one.take(SLOT, "a", 5.0)).lease, b"kept", 50.0)
            await asyncio.sleep(0.2)
            master.kill()
            ends = time.monotonic() + 20
            while True:
                with contextlib.suppress(Away):
                    assert (await one.read(SLOT)).entry == b"kept"
                    break
                assert time.monotonic() < ends
                await asyncio.sleep(0.2)


def test_the_page_names_the_rights_that_are_tried_here() -> None:
    text = (house.ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
    assert f"`{' '.join(IN_A_CLUSTER)}`" in text
    assert [right for right in RULES if f" {right}" not in text and f'"{right}"' not in text] == []


async def test_a_cluster(tmp_path: Path) -> None:
    cluster, rights = ("--cluster-enabled", "yes"), ("--user", "pod", "on", ">hunter2-pod", *RULES, *IN_A_CLUSTER)
    access = Access(user="pod", password=lambda: Secret("hunter2-pod"))
    folders = [tmp_path / f"{number}" for number in range(3)]
    with contextlib.ExitStack() as stack:
        nodes = []
        for folder in folders:
            folder.mkdir()
            nodes.append(stack.enter_context(redis_server(folder, [*cluster, *rights])))
        for number, node in enumerate(nodes):
            node.ask("CLUSTER", "ADDSLOTSRANGE", f"{number * 5461}", f"{number * 5461 + 5460 + (number == 2)}")
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", f"{number + 1}")
            node.ask("CLUSTER", "MEET", "127.0.0.1", f"{nodes[0].port}")
        await until(lambda: all(b"cluster_state:ok" in node.ask("CLUSTER", "INFO") for node in nodes), 20)
        heard = asyncio.Event()
        async with store(f"redis+cluster://127.0.0.1:{nodes[1].port}", access) as listening:
            listening.listen(SLOT, heard.set)  # before anything was asked
            async with asyncio.timeout(5):
                await heard.wait()
        await works(store(f"redis+cluster://127.0.0.1:{nodes[1].port},127.0.0.1:{nodes[2].port}", access))
        async with store(f"redis+cluster://127.0.0.1:{nodes[0].port}", access) as one:
            for number in range(20):  # wherever a slot's key belongs
                assert (await one.take(f"{number}", "a", 5.0)).lease
