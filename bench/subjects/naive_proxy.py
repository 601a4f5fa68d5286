"""A proxy as somebody writes it on the first day with aiohttp: a server, a client session, nothing tuned.

Usage: `python naive_proxy.py PORT UPSTREAM_PORT CERTIFICATES FIELDS`, the fields as a JSON object.
"""

from __future__ import annotations

import json
import logging
import ssl
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import ClientSession, TCPConnector, web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SESSION = web.AppKey("session", ClientSession)
FIELDS = web.AppKey("fields", dict[str, str])


async def forward(request: web.Request) -> web.StreamResponse:
    """Forward one request, and its reply."""
    headers = {name: value for name, value in request.headers.items() if name not in {"Host", "Content-Length"}}
    fields = request.app[FIELDS]
    headers |= fields
    headers["X-Forwarded-For"] = request.remote or ""
    for name in ("X-Request-ID", "X-Correlation-ID", "X-Activity-ID"):
        headers[name] = str(uuid.uuid4())
    url = f"https://127.0.0.1:{sys.argv[2]}{request.path_qs}"
    body = request.content if request.can_read_body else None
    async with request.app[SESSION].request(request.method, url, headers=headers, data=body) as answer:
        reply = web.StreamResponse(status=answer.status, headers=answer.headers)
        await reply.prepare(request)
        async for part in answer.content.iter_any():
            await reply.write(part)
        await reply.write_eof()
        return reply


async def session(app: web.Application) -> AsyncIterator[None]:
    """Keep a client session while the server runs."""
    certificates = Path(sys.argv[3])
    tls = ssl.create_default_context(cafile=str(certificates / "ca.crt"))
    tls.load_cert_chain(certificates / "client.crt", certificates / "client.key")
    async with ClientSession(connector=TCPConnector(ssl=tls)) as client:
        app[SESSION] = client
        yield


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    application = web.Application()
    application[FIELDS] = json.loads(sys.argv[4])
    application.router.add_route("*", "/{path:.*}", forward)
    application.cleanup_ctx.append(session)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]))
