"""Says back what it hears over WebSocket, plain on one port and in mutual TLS on another, and prints both ports.

`python echo.py FOLDER`: the folder holds `echo.pem`, chain and key, and `ca.crt`, the authority of whoever may connect.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path

from aiohttp import WSMsgType, web


async def say_back(request: web.Request) -> web.WebSocketResponse:
    """Answer one handshake, and then each message with itself."""
    talk = web.WebSocketResponse(max_msg_size=0, compress=True)
    await talk.prepare(request)
    async for message in talk:
        if message.type is WSMsgType.TEXT:
            await talk.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await talk.send_bytes(message.data)
    return talk


def mutual(folder: Path) -> ssl.SSLContext:
    """Return a context that asks who is there."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.crt")
    context.load_cert_chain(folder / "echo.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def main(folder: Path) -> None:
    """Serve until the process is ended."""
    app = web.Application()
    app.router.add_get("/{path:.*}", say_back)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for context in (None, mutual(folder)):
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    sys.stdout.write(" ".join(str(address[1]) for address in runner.addresses) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
