"""What is replaced one way or another, while the program runs: taken into use, or told once and left alone."""

from __future__ import annotations

import asyncio
import datetime as dt
import signal
from typing import TYPE_CHECKING

import pytest
from calling import get, post
from crowd import crowd
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
from cryptography.x509 import load_pem_x509_certificate
from mutual import soon

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from typing import Any

    Start = Callable[..., AbstractAsyncContextManager[tuple[Any, Any]]]

NEVER = 3600.0  # seconds: the timer must not be what takes a change into use
TWICE = 2.5  # seconds: two looks with the interval of one second
BALANCE = "/api/v2.1/wallets/w-1/balance"


async def serves_with(scene: Any, serial: int) -> None:
    """Make one request, and see that it came over a connection with that certificate."""
    async with crowd(scene.process.url) as callers:
        assert (await callers.get(BALANCE)).status == 200
    assert scene.finhub.requests[-1].serial == serial


# ── when it is asked to look ────────────────────────────────────────────────────────────────────────────────────


async def test_sighup_takes_a_new_certificate_into_use(scene: Start) -> None:
    async with scene(interval=NEVER) as (stage, first):
        await serves_with(stage, first.serial)
        stage.put_pair(second := stage.client())
        stage.process.process.send_signal(signal.SIGHUP)
        await stage.taken(second)
        await serves_with(stage, second.serial)


async def test_reload_says_what_changed(scene: Start) -> None:
    async with scene(interval=NEVER) as (stage, _):
        reload = f"{stage.process.admin}/-/reload"
        assert (await asyncio.to_thread(post, reload)).json == {"changed": []}
        stage.put_pair(second := stage.client())
        assert (await asyncio.to_thread(post, reload)).json == {"changed": ["identity"]}
        stage.put("ca.crt", 2 * stage.finhubs_ca.cert_pem.bytes())
        stage.finhub.passwords = {"password-2"}
        stage.put("password", b"password-2")
        assert (await asyncio.to_thread(post, reload)).json == {"changed": ["CA", "secrets"]}
        await soon(lambda: "password-2" in stage.finhub.logins, "a login with the new secret", within=5)
        await serves_with(stage, second.serial)


BROKEN = {
    "half a certificate": ("client.crt", lambda content: content[: len(content) // 2], "identity.certificate_file: "),
    "half a key": ("client.key", lambda content: content[: len(content) // 2], "identity.key_file: "),
    "an empty certificate": ("client.crt", lambda _: b"", "the file is empty"),
    "the key in place of the certificate": ("client.crt", None, "no certificate in the file"),
    "a CA of garbage": ("ca.crt", lambda _: b"garbage", "no certificate in the file"),
    "an empty secret": ("password", lambda _: b"\n", "is empty"),
    "a secret that is no text": ("password", lambda _: b"\xff\xfe", "UTF-8"),
}


async def test_each_broken_replacement_is_422_and_what_was_in_use_serves_on(scene: Start) -> None:
    async with scene(interval=NEVER) as (stage, first):
        for name, (file, spoil, complaint) in BROKEN.items():
            whole = (stage.folder / file).read_bytes()
            stage.put(file, first.key if spoil is None else spoil(whole))
            for _ in range(2):
                got = await asyncio.to_thread(post, f"{stage.process.admin}/-/reload")
                assert (got.status, complaint in got.json["detail"]) == (422, True), (name, got.json)
            await serves_with(stage, first.serial)
            stage.put(file, whole)
            assert (await asyncio.to_thread(post, f"{stage.process.admin}/-/reload")).json == {"changed": []}, name
        assert len(stage.failures()) == len(BROKEN)
        assert len(stage.finhub.logins) == 1


@pytest.mark.parametrize("file", ["client.crt", "ca.crt"])
async def test_a_file_that_ends_inside_its_second_certificate_is_refused(file: str, scene: Start) -> None:
    async with scene(interval=NEVER) as (stage, first):
        whole = (stage.folder / file).read_bytes()
        stage.put(file, whole + whole[: len(whole) // 2])
        got = await asyncio.to_thread(post, f"{stage.process.admin}/-/reload")
        assert got.status == 422, got.json
        await serves_with(stage, first.serial)


# ── on the timer ────────────────────────────────────────────────────────────────────────────────────────────────


class Kubelet:
    """A mounted Secret as the kubelet updates it: a new folder, and one rename of the link `..data`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.updates = 0

    def update(self, files: dict[str, bytes]) -> None:
        self.updates += 1
        before = self.folder / "..data"
        old = before.resolve() if before.exists() else None
        real = self.folder / f"..2026_01_{self.updates:02}"
        real.mkdir()
        for name, content in files.items():
            (real / name).write_bytes(content)
            link = self.folder / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        (self.folder / "..data_tmp").symlink_to(real.name)
        (self.folder / "..data_tmp").replace(before)
        for leftover in () if old is None else (*old.iterdir(), old):
            leftover.rmdir() if leftover.is_dir() else leftover.unlink()


async def test_a_secret_that_kubernetes_updates_is_taken_into_use(scene: Start) -> None:
    volumes: list[Kubelet] = []

    def mount(folder: Path, client: Any) -> None:
        (folder / "volume").mkdir()
        volumes.append(Kubelet(folder / "volume"))
        volumes[0].update({"tls.crt": client.certificate, "tls.key": client.key})

    identity = 'certificate_file = "volume/tls.crt"\nkey_file = "volume/tls.key"'
    async with scene(identity=identity, prepare=mount) as (stage, first):
        await serves_with(stage, first.serial)
        for _ in range(2):
            client = stage.client()
            volumes[0].update({"tls.crt": client.certificate, "tls.key": client.key})
            await stage.taken(client)
            await serves_with(stage, client.serial)
        assert stage.failures() == []


def pkcs12_of(client: Any, password: str) -> bytes:
    key, leaf = load_pem_private_key(client.key, None), load_pem_x509_certificate(client.certificate)
    sealed = BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(b"shop", key, leaf, None, sealed)  # type: ignore[arg-type]  # EC or RSA


async def test_a_pkcs12_file_and_its_password_change_one_after_the_other(scene: Start) -> None:
    def prepare(folder: Path, client: Any) -> None:
        (folder / "client.p12").write_bytes(pkcs12_of(client, "key-password-1"))
        (folder / "key-password").write_bytes(b"key-password-1\n")

    identity = 'pkcs12_file = "client.p12"\nkey_password = { file = "key-password" }'
    async with scene(identity=identity, prepare=prepare) as (stage, first):
        second = stage.client()
        stage.put("client.p12", pkcs12_of(second, "key-password-2"))
        await asyncio.sleep(TWICE)
        assert [line.partition(":")[0] for line in stage.failures()] == ["identity.pkcs12_file"]
        await serves_with(stage, first.serial)
        stage.put("key-password", b"key-password-2\n")
        await stage.taken(second)
        await serves_with(stage, second.serial)


async def test_a_rotated_secret_lifts_blocked_at_once(scene: Start) -> None:
    async with scene() as (stage, _):
        stage.finhub.passwords = {"password-2"}
        got = await asyncio.to_thread(post, f"{stage.process.admin}/-/reauthenticate")
        assert got.status == 503
        assert stage.process.status()["session"]["state"] == "BLOCKED"
        stage.put("password", b"password-2")
        await soon(lambda: stage.process.status()["session"]["state"] == "FRESH", "the session is back", within=3)
        assert stage.finhub.logins == ["password-1", "password-1", "password-2"]


async def test_a_broken_replacement_makes_unready_only_when_the_old_certificate_expires(scene: Start) -> None:
    end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5)
    async with scene(not_after=end) as (stage, first):
        second = stage.client()
        stage.put("client.crt", second.certificate)
        await soon(lambda: bool(stage.failures()), "the broken pair is told", within=3)
        assert get(f"{stage.process.admin}/readyz").status == 200
        await serves_with(stage, first.serial)
        await asyncio.sleep((end - dt.datetime.now(dt.UTC)).total_seconds() + 1)
        unready = get(f"{stage.process.admin}/readyz")
        assert (unready.status, "out of date" in unready.body.decode()) == (503, True), unready
        assert len(stage.failures()) == 1
        stage.put("client.key", second.key)
        await stage.taken(second)
        assert get(f"{stage.process.admin}/readyz").status == 200
