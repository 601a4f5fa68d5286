"""The admin listener: probes for anybody, status and controls for the operator of this machine alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from sidecar import problem
from sidecar.admin import health
from sidecar.admin.guard import admit_operator
from sidecar.errors import ConfigError, IdentityError, SecretError, SidecarError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler

    from sidecar.admin.health import Health, Vitals


class Operated(Protocol):
    """What the operator can ask of a running sidecar."""

    def vitals(self) -> Vitals:
        """Return what the probes judge by."""
        ...

    def status(self) -> dict[str, Any]:
        """Return what `/status` shows."""
        ...

    async def reload(self) -> tuple[str, ...]:
        """Read again what may change; return what did. SidecarError: something new is broken, the old stays."""
        ...

    async def reauthenticate(self) -> None:
        """Log in now. SidecarError: what a caller would get."""
        ...

    def stop(self, why: str) -> None:
        """Begin to go down."""
        ...


_SUBJECT = web.AppKey("subject", Operated)
_UNPROCESSABLE = 422


def build(subject: Operated) -> web.Application:
    """Return the application that serves the admin listener of `subject`."""
    app = web.Application(middlewares=[_tell_problems])
    app[_SUBJECT] = subject
    app.router.add_get("/livez", _livez)
    app.router.add_get("/startupz", _probe(health.started))
    app.router.add_get("/readyz", _probe(health.ready))
    app.router.add_get("/status", _operators(_status))
    app.router.add_post("/-/reload", _operators(_reload))
    app.router.add_post("/-/reauthenticate", _operators(_reauthenticate))
    app.router.add_post("/-/quit", _operators(_quit))
    return app


@web.middleware
async def _tell_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (ConfigError, SecretError, IdentityError) as error:
        return _problem(error, status=_UNPROCESSABLE)
    except SidecarError as error:
        return _problem(error, status=error.status)


def _problem(error: SidecarError, *, status: int) -> web.Response:
    return web.Response(status=status, body=problem.body(error, ""), headers=problem.fields(error))


def _operators(handler: Handler) -> Handler:
    """Return `handler` for the operator of this machine only."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        admit_operator(method=request.method, fields=request.raw_headers, peer=request.remote or None)
        return await handler(request)

    return guarded


async def _livez(_: web.Request) -> web.Response:
    return web.Response(text="alive\n")


def _probe(judge: Callable[[Vitals], Health]) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        verdict = judge(request.app[_SUBJECT].vitals())
        return web.Response(status=200 if verdict.good else 503, text=f"{verdict.reason}\n")

    return answer


async def _status(request: web.Request) -> web.Response:
    return web.json_response(request.app[_SUBJECT].status(), headers={"Cache-Control": "no-store"})


async def _reload(request: web.Request) -> web.Response:
    changed = await request.app[_SUBJECT].reload()
    return web.json_response({"changed": list(changed)})


async def _reauthenticate(request: web.Request) -> web.Response:
    await request.app[_SUBJECT].reauthenticate()
    return web.json_response({"session": request.app[_SUBJECT].status()["session"]})


async def _quit(request: web.Request) -> web.Response:
    request.app[_SUBJECT].stop("/-/quit")
    return web.json_response({"draining": True})
