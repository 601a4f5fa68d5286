"""A client of the emulator that does everything right, unless a test tells it not to."""

from __future__ import annotations

import io
import json
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from yarl import URL

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from sidecar.emulator import Emulator

FIELDS = {
    "Content-Type": "application/json",
    "sec-ch-ua-platform": "Linux",
    "X-Forwarded-For": "127.0.0.1",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "X-Tenant-ID": "1234567",
}


class FakeClock:
    """A steady clock that a test pushes."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@dataclass(frozen=True, slots=True)
class Reply:
    """What the client got."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Client:
    """Calls one emulator; `token` goes along once there is one."""

    emulator: Emulator
    http: aiohttp.ClientSession
    token: str = ""
    refresh_token: str = ""
    defaults: dict[str, str] = field(default_factory=lambda: dict(FIELDS))

    def login_form(self) -> dict[str, Any]:
        account = self.emulator.account
        return {
            "username": account.username,
            "password": account.password.reveal(),
            "customerId": account.customer_id,
            "customerSecret": account.customer_secret.reveal(),
            "accountType": "b2b",
            "grantType": "password",
        }

    async def call(self, method: str, path: str, *, without: str = "", content: Any = None, **fields: str) -> Reply:
        sent = {**self.defaults, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        sent |= {name.replace("_", "-"): value for name, value in fields.items()}
        sent.pop(without, None)
        data = (
            None
            if content is None
            else io.BytesIO(content if isinstance(content, bytes) else json.dumps(content).encode())
        )
        skip = [name for name in ("User-Agent", "Content-Type") if name not in sent]
        async with self.http.request(
            method,
            URL(self.emulator.url + path, encoded=True),
            headers=sent,
            data=data,
            skip_auto_headers=skip,
            allow_redirects=False,
        ) as reply:
            return Reply(reply.status, dict(reply.headers), await reply.read())

    async def log_in(self, path: str = "/api/v2/auth/token", **changes: Any) -> Reply:
        reply = await self.call("POST", path, without="Authorization", content={**self.login_form(), **changes})
        if reply.status == 200 and "userSessionToken" in reply.json:
            self.token = reply.json["userSessionToken"]
            self.refresh_token = reply.json.get("refreshToken", "")
        return reply

    async def refresh(self, **form: Any) -> Reply:
        return await self.call("POST", "/api/v2/auth/token/refresh", content=form)

    async def control(self, method: str, path: str, content: Any = None, **fields: str) -> Reply:
        data = content if isinstance(content, bytes) else json.dumps(content)
        async with self.http.request(method, self.emulator.admin_url + path, data=data, headers=fields) as reply:
            return Reply(reply.status, dict(reply.headers), await reply.read())


def client_context(emulator: Emulator, folder: Path | None) -> ssl.SSLContext:
    """Return what a client trusts, and the certificate in `folder` when it is to present one."""
    context = ssl.create_default_context(cadata=emulator.certificates.ca_pem.decode())
    if folder is not None:
        context.load_cert_chain(folder / "client.crt", folder / "client.key")
    return context
