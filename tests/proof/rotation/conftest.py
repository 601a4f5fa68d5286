"""A FinHub over mutual TLS, a sidecar in front of it, and the files that may change under its feet."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography import x509
from mutual import MutualFinHub, mutual_finhub, soon
from staging import SidecarProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    Start = Callable[..., AbstractAsyncContextManager[tuple["Scene", "Client"]]]

INTERVAL = 1.0
SLACK = 1.5  # seconds for a busy machine: reading, building a context, a login, a handshake

CONFIG = """
environment = "production"

[listen]
address = "127.0.0.1:0"

[admin]
address = "127.0.0.1:0"

[upstream]
url = "{url}"
ca_file = "ca.crt"

[identity]
{identity}
reload_interval = {interval}

[credentials]
username = "shop"
password = {{ file = "password" }}
customer_id = "client"
customer_secret = {{ env = "PROOF_SECRET" }}
tenant_id = "1234567"
"""
PAIR = 'certificate_file = "client.crt"\nkey_file = "client.key"'


@dataclass
class Client:
    """A client certificate with its key, and its number."""

    leaf: trustme.LeafCert
    serial: int = field(init=False)

    def __post_init__(self) -> None:
        self.serial = x509.load_pem_x509_certificate(self.certificate).serial_number

    @property
    def certificate(self) -> bytes:
        return b"".join(blob.bytes() for blob in self.leaf.cert_chain_pems)

    @property
    def key(self) -> bytes:
        return bytes(self.leaf.private_key_pem.bytes())


@dataclass
class Scene:
    """The parts, and what tests do with them."""

    folder: Path
    finhub: MutualFinHub
    finhubs_ca: trustme.CA
    clients_ca: trustme.CA
    process: SidecarProcess

    def client(self, **validity: object) -> Client:
        return Client(self.clients_ca.issue_cert("client@shop.test", **validity))  # type: ignore[arg-type]  # dates

    def put(self, name: str, content: bytes) -> None:
        """Replace a file as careful programs do: beside, then in its place."""
        new = self.folder / f".{name}.new"
        new.write_bytes(content)
        new.replace(self.folder / name)

    def put_pair(self, client: Client) -> None:
        self.put("client.key", client.key)
        self.put("client.crt", client.certificate)

    def failures(self) -> list[str]:
        return [line["detail"] for line in self.process.lines("reload failed, what was in use stays")]

    def reloads(self) -> int:
        return len(self.process.lines("reloaded"))

    async def taken(self, client: Client) -> float:
        """Wait until FinHub sees `client`'s certificate; return the seconds it took."""
        return await soon(
            lambda: any(came.serial == client.serial for came in self.finhub.connections),
            "FinHub sees the new certificate",
            within=INTERVAL + SLACK,
        )

    async def ready(self) -> None:
        await soon(lambda: bool(self.process.lines("session minted")), "the first login", within=10)


@pytest.fixture
def scene(tmp_path: Path) -> Start:
    """Put up a scene, whose identity is `first` or whatever `prepare` makes of the folder."""

    @contextlib.asynccontextmanager
    async def start(
        *,
        interval: float = INTERVAL,
        identity: str = PAIR,
        prepare: Callable[[Path, Client], None] | None = None,
        **validity: object,
    ) -> AsyncIterator[tuple[Scene, Client]]:
        theirs, ours = trustme.CA(), trustme.CA()
        async with mutual_finhub(theirs.issue_cert("localhost"), ours, "password-1") as finhub:
            environ = {"PROOF_SECRET": "made-up-customer-secret", "PROOF_KEY": "key-password-1"}
            config = tmp_path / "sidecar.toml"
            process = SidecarProcess(["run", "--config", str(config)], environ, tmp_path, 1)
            stage = Scene(tmp_path, finhub, theirs, ours, process)
            first = stage.client(**validity)
            config.write_text(CONFIG.format(url=finhub.url, identity=identity, interval=interval))
            stage.put("ca.crt", theirs.cert_pem.bytes())
            stage.put("password", b"password-1\n")
            stage.put_pair(first)
            if prepare is not None:
                prepare(tmp_path, first)
            try:
                process.start().listening()
                await stage.ready()
                yield stage, first
                assert process.end() == 0
            finally:
                process.end(signal.SIGKILL)

    return start
