"""Listeners, signals and the way down: what makes an assembled sidecar a process."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sidecar import __version__, events
from sidecar.config.problems import dotted
from sidecar.config.residents import residents
from sidecar.errors import SidecarError
from sidecar.gateway.caller_limits import CallerLimits
from sidecar.gateway.pace import Pace
from sidecar.server.access import Access
from sidecar.server.listeners import adopt, open_listener
from sidecar.server.signals import heeded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Mapping, Sequence

    from sidecar.app.sidecar import Sidecar
    from sidecar.app.tenancy import Tenancy
    from sidecar.config.model import Config, Listen
    from sidecar.events import Emit
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.gateway.caller_server import CallerServer, Serving
    from sidecar.server.activation import Passed
    from sidecar.server.listeners import Door, Opened
    from sidecar.server.unfinished import Unfinished

_TICK: Final = 0.05

_OPERATORS: Final = CallerLimits(max_connections=32, max_fields=16 * 2**10, max_field=8 * 2**10, max_target=4 * 2**10)
"""The admin listener's bounds: it must not take the files that callers need."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """All listeners, open: who connects waits until `serve` takes them over. `tenants`: of one each, by name."""

    operator: Opened
    callers: Opened
    tenants: Mapping[str, Opened]


@contextlib.contextmanager
def listening(config: Config, passed: Passed | None = None) -> Iterator[Listeners]:
    """Hold all listeners open until the block ends; blocking. ListenError when an address cannot be listened on.

    What was `passed` is open already, and its addresses stand in `config`.
    """
    given = {} if passed is None else passed.sockets
    with contextlib.ExitStack() as stack:
        operator = adopt(config.admin.address, given.get("admin")) or open_listener(
            "admin.address", config.admin.address
        )
        stack.callback(operator.close)
        callers = adopt(config.listen.address, given.get("callers")) or open_listener(
            "listen.address", config.listen.address, _access(config.listen)
        )
        stack.callback(callers.close)
        tenants: dict[str, Opened] = {}
        for index, tenant in enumerate(config.tenants):
            if tenant.listen is not None:
                key = dotted(("tenants", index, "listen"))
                tenants[tenant.name] = open_listener(key, tenant.listen, _access(config.listen))
                stack.callback(tenants[tenant.name].close)
        yield Listeners(operator, callers, tenants)


async def serve(sidecar: Sidecar, listeners: Listeners | None = None) -> None:
    """Run `sidecar` until a signal or `/-/quit` ends it; drained and closed on return.

    All listeners are open before the first login: those of `listening`, or new ones, and ListenError is raised when
    an address cannot be listened on.
    """
    # Nobody needs these to listen; see `cli.run`.
    from sidecar.admin.listener import Admin  # noqa: PLC0415  # as above
    from sidecar.gateway.caller_server import CallerServer, answering  # noqa: PLC0415  # as above
    from sidecar.server.unfinished import Unfinished  # noqa: PLC0415  # as above

    _require_strict_parser()
    emit = sidecar.emit
    async with contextlib.AsyncExitStack() as stack:
        if "NOTIFY_SOCKET" in os.environ:
            from sidecar.server.manager import told  # noqa: PLC0415  # for whom a service manager started

            await stack.enter_async_context(told(sidecar, os.environ))
        stack.enter_context(heeded(sidecar, emit))
        await stack.enter_async_context(sidecar)
        opened = listeners or await _opened(sidecar.began_with, stack)
        operator = Admin(sidecar, emit, over_unix=sidecar.config.admin.address.kind == "unix")
        control = CallerServer(answering(operator.handle), _OPERATORS)
        sidecar.admin = (await _served(opened.operator, control, stack)).address
        servers = [_server(sidecar, sidecar), *(_server(sidecar, each) for each in _with_doors(sidecar, opened))]
        sidecar.callers_open = lambda: sum(len(server.connections) for server in servers)
        doors = [await _served(opened.callers, servers[0], stack)]
        sidecar.listen = doors[0].address
        for server, tenancy in zip(servers[1:], _with_doors(sidecar, opened), strict=True):
            doors.append(await _served(opened.tenants[tenancy.name], server, stack))
            tenancy.listen = doors[-1].address
        sidecar.begin()
        emit(_announcement(sidecar))
        await sidecar.quit.wait()
        await _drain(sidecar, Unfinished(*servers), doors, emit)


class _Carrier(Protocol):
    """What carries the requests of one listener."""

    def handle(self, request: CallerRequest) -> Awaitable[None]:
        """Carry one caller's request."""
        ...

    def ask_at_once(self, request: CallerRequest) -> Serving | None:
        """Carry one caller's request without a task, where it can be."""
        ...

    def unread(self, error: SidecarError, request_id: str) -> None:
        """Note a caller that was refused before it had sent a request that could be read."""
        ...


def _server(sidecar: Sidecar, carrier: _Carrier) -> CallerServer:
    """Return what serves one listener, its bounds those of the configuration in use."""
    from sidecar.gateway.caller_server import CallerServer  # noqa: PLC0415  # nobody needs it to listen

    limits, upgrades = _limits(sidecar.config.listen), _upgrades(sidecar.began_with)
    server = CallerServer(carrier.handle, limits, carrier.unread, carrier.ask_at_once, upgrades)
    _follow(sidecar, server)
    return server


def _with_doors(sidecar: Sidecar, opened: Listeners) -> list[Tenancy]:
    """Return the tenants that have a listener of their own."""
    return [tenancy for tenancy in sidecar.tenancies if tenancy.name in opened.tenants]


async def _opened(config: Config, stack: contextlib.AsyncExitStack) -> Listeners:
    """Open both listeners, which `stack` closes."""
    held = listening(config)
    opened = await asyncio.to_thread(held.__enter__)
    stack.push_async_callback(asyncio.to_thread, held.__exit__, None, None, None)
    return opened


async def _served(opened: Opened, server: CallerServer, stack: contextlib.AsyncExitStack) -> Door:
    door = await opened.serve(server)
    stack.push_async_callback(door.close)
    return door


def _announcement(sidecar: Sidecar) -> events.Listening:
    return events.Listening(
        listen=sidecar.listen, admin=sidecar.admin, environment=sidecar.config.environment, version=__version__
    )


def _follow(sidecar: Sidecar, server: CallerServer) -> None:
    """Have the bounds of callers' connections follow the configuration in use."""
    heard = sidecar.on_config

    def use(config: Config) -> None:
        heard(config)
        server.bound_by(_limits(config.listen))

    sidecar.on_config = use


def _upgrades(config: Config) -> frozenset[bytes]:
    """Return the protocols that some tenant's callers may switch to."""
    return frozenset(name.encode() for one in residents(config) for name in one.config.upstream.upgrade)


def _limits(listen: Listen) -> CallerLimits:
    """Return the bounds of callers' connections."""
    return CallerLimits(
        head_timeout=listen.head_timeout,
        idle_timeout=listen.idle_timeout,
        write=Pace(listen.write_timeout, listen.min_rate),
        max_target=listen.max_target,
        max_field=listen.max_field,
        max_fields=listen.max_fields,
        max_connections=listen.max_connections,
    )


def _access(listen: Listen) -> Access:
    """Return who may open the callers' socket; the operator's is always private."""
    return Access(int(listen.socket_mode, 8), listen.socket_owner)


def _require_strict_parser() -> None:
    """Raise SidecarError where aiohttp parses in pure Python: that parser takes requests that ours must not."""
    from aiohttp import http_parser  # noqa: PLC0415  # nobody needs it to listen

    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise SidecarError(
            "aiohttp runs without its C extensions, and would take malformed requests",
            remedy="Install aiohttp from a wheel, and leave AIOHTTP_NO_EXTENSIONS unset.",
        )


# ── going down ──────────────────────────────────────────────────────────────────────────────────────────────────


async def _drain(sidecar: Sidecar, unfinished: Unfinished, doors: Sequence[Door], emit: Emit) -> None:
    """Unready at once, open for `drain.min` more seconds, then `drain.max` for what runs; the rest is cut.

    The admin listener answers all the while.
    """
    limits = sidecar.config.drain
    sidecar.draining = True
    unfinished.announce_end()
    emit(events.Draining(why=sidecar.why, in_flight=len(unfinished), limit=limits.max))
    await _pass(limits.min, sidecar.hurry)
    await asyncio.gather(*(door.refuse() for door in doors))
    await _finish(unfinished, limits.max, sidecar.hurry)
    cut = len(unfinished)
    await asyncio.gather(*(door.close() for door in doors))
    await sidecar.end()
    emit(events.Stopped(cut=cut))


async def _finish(unfinished: Unfinished, seconds: float, hurry: asyncio.Event) -> None:
    """Return when everything is finished, time is up, or somebody is in a hurry; what carries nothing is closed."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while unfinished.close_idle() and loop.time() < end and not hurry.is_set():
        await _pass(_TICK, hurry)


async def _pass(seconds: float, hurry: asyncio.Event) -> None:
    """Let `seconds` pass, or fewer when somebody is in a hurry."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await hurry.wait()
