"""The control door: a loopback listener of its own, over which a test or a person asks and steers this FinHub."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from aiohttp import hdrs, web

from sidecar.emulator import faults
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sidecar.emulator.state import State

_LARGEST_BODY: Final = 64 * 1024
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORT: Final = re.compile(r":\d*\Z")
_LONGEST_ADVANCE: Final = 366 * 86400.0


def control_application(state: State) -> web.Application:
    """Return the door to `state`."""
    control = Control(state)
    app = web.Application(middlewares=[_guard], client_max_size=_LARGEST_BODY)
    app.router.add_get("/-/seen", control.seen)
    app.router.add_get("/-/counts", control.counts)
    app.router.add_get("/-/faults", control.faults)
    app.router.add_delete("/-/faults", control.clear_faults)
    app.router.add_post("/-/faults", control.add_faults)
    app.router.add_post("/-/revoke", control.revoke)
    app.router.add_post("/-/expire", control.expire)
    app.router.add_post("/-/lockout", control.lockout)
    app.router.add_post("/-/credentials", control.credentials)
    app.router.add_post("/-/clock", control.clock)
    app.router.add_post("/-/scenario", control.scenario)
    app.router.add_post("/-/heal", control.heal)
    app.router.add_post("/-/reset", control.reset)
    return app


class Control:
    """The handlers; each answers with JSON, a wrong request with 400 and what would be right."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def seen(self, request: web.Request) -> web.Response:
        """Return the recorded requests, oldest first; `?last=N` only the last N."""
        last = request.query.get("last")
        if last is not None and not (last.isascii() and last.isdigit()):
            raise _wrong("last takes a whole number, as in /-/seen?last=10")
        count = None if last is None else int(last[:9])
        return web.json_response({"seen": [asdict(each) for each in self._state.record.latest(count)]})

    async def counts(self, _request: web.Request) -> web.Response:
        """Return how often what happened."""
        return web.json_response(asdict(self._state.counts))

    async def faults(self, _request: web.Request) -> web.Response:
        """Return the faults that hold."""
        return web.json_response({"faults": self._state.faults.specs})

    async def add_faults(self, request: web.Request) -> web.Response:
        """Add `{"faults": ["login:status=500,times=5", …]}`: all of them, or none."""
        specs = (await _form(request)).get("faults")
        if not isinstance(specs, list) or not all(isinstance(spec, str) for spec in specs):
            raise _wrong('send {"faults": ["login:status=500,times=5"]}')
        try:
            for fault in [faults.parse(spec) for spec in specs]:
                self._state.faults.add(fault)
        except ConfigError as error:
            raise _wrong(f"{error.detail}. {error.remedy}") from None
        return await self.faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Remove all faults."""
        self._state.faults.clear()
        return await self.faults(request)

    async def revoke(self, _request: web.Request) -> web.Response:
        """End all tokens at once, as an operator at FinHub would."""
        return web.json_response({"revoked": self._state.sessions.revoke()})

    async def expire(self, _request: web.Request) -> web.Response:
        """Let all tokens expire now."""
        return web.json_response({"expired": self._state.sessions.expire(self._state.clock.now())})

    async def lockout(self, _request: web.Request) -> web.Response:
        """Lock the account as five failed logins do."""
        self._state.lockout.lock(self._state.clock.now())
        return web.json_response({"seconds": self._state.lockout.left(self._state.clock.now())})

    async def credentials(self, request: web.Request) -> web.Response:
        """Accept other secrets from now on: `{"password": …, "customerSecret": …}`, either or both."""
        form = await _form(request)
        password, customer_secret = form.get("password"), form.get("customerSecret")
        given = [value for value in (password, customer_secret) if value is not None]
        if not given or not all(isinstance(value, str) and value for value in given):
            raise _wrong('send {"password": "…"} or {"customerSecret": "…"}, or both')
        self._state.accept(password=password, customer_secret=customer_secret)
        return web.json_response({"changed": len(given)})

    async def clock(self, request: web.Request) -> web.Response:
        """Let time pass: `{"advance": seconds}`; or stand still but for that: `{"frozen": true}`. Either or both."""
        form = await _form(request)
        frozen = form.get("frozen")
        if frozen is not None and not isinstance(frozen, bool):
            raise _wrong('send {"frozen": true} or {"frozen": false}')
        seconds = 0 if frozen is not None and "advance" not in form else _seconds(form.get("advance"))
        if frozen is not None:
            (self._state.clock.freeze if frozen else self._state.clock.thaw)()
        self._state.clock.advance(seconds)
        return web.json_response({"advanced": seconds})

    async def scenario(self, request: web.Request) -> web.Response:
        """Let a scenario begin now: the body is its TOML."""
        try:
            return web.json_response({"steps": self._state.play(await request.text())})
        except UnicodeDecodeError:
            raise _wrong("send the scenario in UTF-8") from None
        except ConfigError as error:
            raise _wrong(f"{error.detail}\n{error.remedy}") from None

    async def heal(self, _request: web.Request) -> web.Response:
        """Let nothing be wrong any more."""
        self._state.heal()
        return web.json_response({"healed": True})

    async def reset(self, _request: web.Request) -> web.Response:
        """Forget everything that happened."""
        self._state.reset()
        return web.json_response({"reset": True})


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse browsers: a page must not steer us, neither across origins nor by a name that points here."""
    host = _PORT.sub("", request.host)
    if host not in _LOOPBACK or hdrs.ORIGIN in request.headers:
        raise web.HTTPForbidden(text="the control door answers programs on this machine only\n")
    return await handler(request)


async def _form(request: web.Request) -> dict[str, Any]:
    try:
        form = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise _wrong("send a JSON object") from None
    if not isinstance(form, dict):
        raise _wrong("send a JSON object")
    return form


def _seconds(value: object) -> float:
    # A comparison with NaN is False, so that it is refused too.
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LONGEST_ADVANCE:
        return value
    raise _wrong(f'send {{"advance": seconds}}, from 0 to {_LONGEST_ADVANCE:.0f}')


def _wrong(remedy: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=f"{remedy}\n")
