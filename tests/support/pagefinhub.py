"""FinHub's three environments at the addresses that the configurations of the pages have, for `pagestage.py`.

As a program: `python pagefinhub.py FOLDER`. Leaves there the account's files, who is to be trusted (`trusted.crt`), and
then `ready`. Needs an `/etc/hosts` that sends the three names to loopback, and a port 443 to itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import Final

import trustme

from sidecar.emulator import Emulator, Settings
from sidecar.emulator.account import Account
from sidecar.redact import Secret

PASSWORD: Final = "open-sesame"
CUSTOMER_SECRET: Final = "mellon"
TENANT_SECRET: Final = "swordfish"

HOSTS: Final = {
    "127.0.0.1": "api.finhub.cloud",
    "127.0.0.2": "playground.finhub.cloud",
    "127.0.0.3": "sandbox.finhub.cloud",
}
_PLACES: Final = (
    ("production", "127.0.0.1", 443, 18443),
    ("playground", "127.0.0.2", 8080, 18444),
    ("integration", "127.0.0.3", 443, 18445),
)


def account() -> Account:
    """Return whom the placeholders of the pages name."""
    return Account(
        username="your-user",
        password=Secret(PASSWORD),
        customer_id="your-client-id",
        customer_secret=Secret(CUSTOMER_SECRET),
        tenant_id="1234567",
        customer="8812345",
        organization_id="your-organization-id",
        individual_id="your-individual-id",
        user_id="your-user-id",
        tenant_key="your-tenant-key",
        tenant_secret=Secret(TENANT_SECRET),
    )


async def _serve(folder: Path) -> None:
    authority = trustme.CA(organization_name="What everybody trusts")
    authority.cert_pem.write_to_path(folder / "trusted.crt")
    server = authority.issue_cert(*HOSTS.values())
    async with contextlib.AsyncExitStack() as stack:
        first: Emulator | None = None
        for environment, host, port, control in _PLACES:
            settings = Settings(
                environment=environment, host=host, port=port, admin_port=control, token_calls=0, account=account()
            )
            emulator = Emulator(settings)
            emulator.certificates = dataclasses.replace(
                emulator.certificates if first is None else first.certificates,
                server_pem=b"".join(each.bytes() for each in server.cert_chain_pems),
                server_key_pem=server.private_key_pem.bytes(),
            )
            first = first or emulator
            await stack.enter_async_context(emulator)
        assert first is not None
        await first.write(folder / "account")
        (folder / "ready").touch()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
