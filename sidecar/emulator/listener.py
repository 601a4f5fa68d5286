"""One listening socket with an application behind it."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sidecar.errors import ListenError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

# A proxy may forward more than a server takes by default; refusing is not what we are here for.
_LIMITS: Final[dict[str, Any]] = {"max_line_size": 65536, "max_field_size": 65536, "max_headers": 1024}
_PATIENCE: Final = 0.2
_HANDSHAKE_TIMEOUT: Final = 5.0
_BACKLOG: Final = 1024
_REMEDY: Final = (
    "End what uses the port, perhaps an emulator that runs already, or choose others with --port and --admin-port; "
    "0 takes a free one."
)


class Listener:
    """Serves `app` between `start` and `stop`; `accepted` is told of every TCP connection."""

    def __init__(self, app: web.Application, host: str, accepted: Callable[[], None] = lambda: None) -> None:
        self._app = app
        self._host = host
        self._accepted = accepted
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    async def start(self, port: int, context: ssl.SSLContext | None) -> int:
        """Listen, and return the port; raises ListenError that names it when it is taken."""
        self._runner = web.AppRunner(
            self._app, access_log=None, auto_decompress=False, shutdown_timeout=_PATIENCE, **_LIMITS
        )
        await self._runner.setup()
        try:
            self._server = await self._listen(self._runner, port, context)
        except OSError as error:
            await self.stop()
            raise ListenError(f"{self._host}:{port}: {_why(error)}", remedy=_REMEDY) from error
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the socket and every connection; calls in flight get a fifth of a second."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _listen(self, runner: web.AppRunner, port: int, context: ssl.SSLContext | None) -> asyncio.Server:
        factory = runner.server
        if factory is None:
            raise RuntimeError("the runner was not set up")

        def accept() -> asyncio.BaseProtocol:
            self._accepted()
            return factory()

        loop = asyncio.get_running_loop()
        patience = None if context is None else _HANDSHAKE_TIMEOUT
        return await loop.create_server(
            accept, self._host, port, ssl=context, ssl_handshake_timeout=patience, backlog=_BACKLOG
        )


def _why(error: OSError) -> str:
    """Return the reason without the address, which asyncio repeats in its own words."""
    return "the port is in use" if error.errno == errno.EADDRINUSE else f"{error.strerror or error}"
