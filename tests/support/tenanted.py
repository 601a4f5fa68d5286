"""Several tenants behind one sidecar: a FinHub, an account and a certificate each, and a file that names them all."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from operating import Files, Operated, ask, operated, until

from sidecar.emulator import Emulator, Settings
from sidecar.emulator.settings import made_up_account

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from rawcaller import Heard

BALANCE: Final = "/api/v2.1/wallets/w-1/balance"

WAYS: Final[Mapping[str, str]] = {
    "acme": "",
    "beta": 'path_prefix = "/beta"',
    "ceta": 'field = { name = "X-Tenant", values = ["ceta", "c"] }',
    "delta": 'listen = "127.0.0.1:0"',
}
"""One tenant for each way to be found, the default first."""

_TOP: Final = """\
environment = "production"

[listen]
address = "127.0.0.1:0"

[admin]
address = "127.0.0.1:0"

[session.backoff]
first = 0.05
max = 0.1
"""

_TENANT: Final = """
[[tenants]]
name = "{name}"
{way}

[tenants.upstream]
url = "{url}"
ca_file = "{name}/ca.crt"

[tenants.identity]
certificate_file = "{name}/client.crt"
key_file = "{name}/client.key"

[tenants.credentials]
username = "{name}@finhub.example"
password = {{ file = "{name}/password" }}
customer_id = "demo-client"
customer_secret = {{ file = "{name}/customer_secret" }}
tenant_id = "{name}-1"

[tenants.check]
path = "/api/v2.1/fintrans/acc-1/balance"
"""


def settings_of(tenant: str, **settings: Any) -> dict[str, Any]:
    """Return what a tenant's emulator is told: an account of its own, and any number of logins."""
    account = replace(made_up_account(), username=f"{tenant}@finhub.example", tenant_id=f"{tenant}-1")
    return {"token_calls": 0, "account": account, **settings}


def configuration(ways: Mapping[str, str], urls: Mapping[str, str]) -> str:
    """Return the file that names all tenants, each with its FinHub; it stands beside their folders."""
    return _TOP + "".join(_TENANT.format(name=name, way=way, url=urls[name]) for name, way in ways.items())


@dataclass(slots=True)
class House:
    """A sidecar for several tenants: `finhub` are their emulators, by name."""

    one: Operated
    finhub: dict[str, Emulator]

    async def call(self, path: str, *fields: bytes, method: str = "GET", tenant: str = "") -> Heard:
        """Send one request: to listen.address, or to the listener of a tenant that has one."""
        return await ask(self.port(tenant), method, path, *fields)

    def port(self, tenant: str = "") -> int:
        """Return the port of listen.address, or of a tenant's own listener."""
        if not tenant:
            return self.one.port
        (own,) = (each for each in self.one.sidecar.tenancies if each.name == tenant)
        return int(own.listen.rpartition(":")[2])

    def shown(self, tenant: str) -> dict[str, Any]:
        """Return what /status shows of one tenant."""
        (found,) = (each for each in self.one.sidecar.status()["sessions"] if each["tenant"] == tenant)
        return dict(found)

    def asked(self, tenant: str) -> list[str]:
        """Return the paths that this tenant's FinHub was asked for, logins left out."""
        return [seen.path for seen in self.finhub[tenant].seen if "/auth/" not in seen.path]

    async def logged_in(self, *tenants: str) -> None:
        """Return once these tenants, or all, have a token."""
        for tenant in tenants or tuple(self.finhub):
            await until(lambda tenant=tenant: self.shown(tenant)["state"] == "FRESH")  # type: ignore[misc]  # bound at once


@contextlib.asynccontextmanager
async def finhubs(folder: Path, ways: Mapping[str, str] = WAYS, **settings: Any) -> AsyncIterator[dict[str, Emulator]]:
    """Run an emulator for each tenant, its files in a folder of its name, and write the file that names them all."""
    async with contextlib.AsyncExitStack() as stack:
        running = dict[str, Emulator]()
        for name in ways:
            emulator = Emulator(Settings(**settings_of(name, **settings)))
            running[name] = await stack.enter_async_context(emulator)
            await emulator.write(folder / name)
        urls = {name: emulator.url for name, emulator in running.items()}
        (folder / "sidecar.toml").write_text(configuration(ways, urls))
        yield running


@contextlib.asynccontextmanager
async def housed(folder: Path, ways: Mapping[str, str] = WAYS, **settings: Any) -> AsyncIterator[House]:
    """Serve several tenants, all of them logged in."""
    async with housed_lazily(folder, ways, **settings) as house:
        await house.logged_in()
        yield house


@contextlib.asynccontextmanager
async def housed_lazily(folder: Path, ways: Mapping[str, str] = WAYS, **settings: Any) -> AsyncIterator[House]:
    """Serve several tenants, logged in or not."""
    async with finhubs(folder, ways, **settings) as running:
        files = Files(next(iter(running.values())), folder, folder / "sidecar.toml")
        async with operated(files) as one:
            yield House(one, running)
