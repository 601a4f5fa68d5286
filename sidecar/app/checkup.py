"""Everything that a first start can trip over, tried in order; each step a finding with its remedy.

Of several tenants each is checked by itself, by its own configuration (`config.residents`).
A step that fails ends the checkup: what comes after it could only fail for the same reason. The login is tried once,
never again: a second try with wrong credentials brings the account nearer to its lock.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sidecar import errors
from sidecar.app import choices, lanes, material, store_key, tracing, users
from sidecar.app.ids import new_id
from sidecar.app.keeper import Keeper
from sidecar.config.problems import one_of
from sidecar.config.storing import place
from sidecar.gateway.body import Budget, Limits, ReplayableBody
from sidecar.gateway.fields import Facts
from sidecar.gateway.in_band import refuses
from sidecar.gateway.pace import Pace
from sidecar.gateway.upstream import Request
from sidecar.session import refusal
from sidecar.session.answer import Failure, Kind
from sidecar.session.reply import FOUND
from sidecar.session.token import Schedule, Token, issue
from sidecar.wire import probe, trouble, tunnel
from sidecar.wire.proxy import authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from sidecar.app.choices import Ready
    from sidecar.app.fleet import Fleet
    from sidecar.app.lanes import Tenant
    from sidecar.config.model import Config
    from sidecar.session.answer import Grant
    from sidecar.wire.proxy import Proxy
    from sidecar.wire.tls import Tls

_CLIENT_ERROR, _UNAUTHORIZED, _SERVER_ERROR = 400, 401, 500

_PEEK: Final = 4096
"""Bytes of a reply that are looked at for what a TLS terminator says in HTTP."""

_CALL: Final = refusal.Asked("call", {}, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One step's result. `error` is what failed, None where all is well; `notes` are warnings."""

    step: str
    detail: str
    notes: tuple[str, ...] = ()
    error: errors.SidecarError | None = None


def local(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what can be found without the network: secrets, identity, trust, dialect, callers; what else is in use."""
    for step, look in _STEPS.items():
        if look is _tracing and config.tracing.endpoint is None:
            continue
        if look is _store_key and not place(config.session.store).is_shared:
            continue
        try:
            yield look(config, environ)
        except errors.SidecarError as error:
            of_trust = look is _identity and isinstance(error, errors.ConfigError)
            yield _failed("trust" if of_trust else step, error)
            return


def _secrets(config: Config, environ: Mapping[str, str]) -> Finding:
    found = material.read_secrets(config, environ)
    return Finding(step="secrets", detail=", ".join(key for key, value in found.items() if value) or "none configured")


def _identity(config: Config, environ: Mapping[str, str]) -> Finding:
    identity = material.stand(config, material.read(config, environ)).identity
    if identity is None:
        return Finding(step="identity", detail="none configured, none demanded in this environment")
    days = identity.days_left(datetime.now(UTC))
    return Finding(
        step="identity", detail=f"{identity.subject}, key matches, {days} days left", notes=identity.warnings
    )


def _dialect(config: Config, environ: Mapping[str, str]) -> Finding:
    dialect = choices.dialect_of(config)
    choices.require_credentials(dialect, choices.credentials_of(config, material.read(config, environ)))
    choices.fields_of(config)
    renewed = "login" if dialect.refresh is None else "refresh"
    inside = "" if dialect.expired is None else f", a 401 may stand inside a {one_of(map(str, dialect.expired.status))}"
    detail = f"{dialect.name}, everything it logs in with is set, tokens are renewed by {renewed}{inside}"
    return Finding(step="dialect", detail=detail)


def _callers(config: Config, _: Mapping[str, str]) -> Finding:
    names = config.listen.allowed_users
    users.allowed(names)
    return Finding(step="callers", detail=f"the users {', '.join(names)}" if names else "whoever can connect")


def _tracing(config: Config, _: Mapping[str, str]) -> Finding:
    tracing.require(config)
    return Finding(step="tracing", detail=f"spans go to {config.tracing.endpoint}")


def _store_key(config: Config, environ: Mapping[str, str]) -> Finding:
    ring = store_key.ring(config, material.read(config, environ))
    count = 0 if ring is None else len(ring.keys)
    return Finding(step="store key", detail=f"{count} key{'s' * (count > 1)}, the first one seals")


_STEPS: Final = {
    "secrets": _secrets,
    "identity": _identity,
    "dialect": _dialect,
    "callers": _callers,
    "store key": _store_key,
    "tracing": _tracing,
}


def _failed(step: str, error: errors.SidecarError) -> Finding:
    return Finding(step=step, detail=error.detail, error=error)


# ── over the network ────────────────────────────────────────────────────────────────────────────────────────────


async def remote(config: Config, environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Yield what the network tells: name, connection, TLS, the store, one login, and one call of `check.path`."""
    tenant, ready = await asyncio.to_thread(_assembled, config, environ)
    tls, proxy = ready.standing.tls, ready.chosen.proxy
    for origin in dict.fromkeys((config.session.url, config.upstream.url)):
        async for finding in reach(origin, tls, config.upstream.connect_timeout, proxy):
            yield finding
            if finding.error is not None:
                return
    if tenant.fleet is not None:
        yield (finding := await _store(tenant.fleet))
        if finding.error is not None:
            return
    async with tenant.endpoint, tenant.upstream:
        async for finding in _use(config, tenant):
            yield finding


async def _store(fleet: Fleet) -> Finding:
    async with fleet:
        try:
            detail, notes = await fleet.look()
        except errors.SidecarError as error:
            return _failed("store", error)
    return Finding(step="store", detail=detail, notes=notes)


def _assembled(config: Config, environ: Mapping[str, str]) -> tuple[Tenant, Ready]:
    (ready,) = choices.ready(config, environ)
    keeper = Keeper(config, environ, ready.standing, lambda _: None)
    tenant = lanes.build(config, keeper, ready.dialect, ready.chosen, emit=lambda _: None, jitter=lambda: 0.0)
    return tenant, ready


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing to try on the way to FinHub, and what it means that it failed."""

    name: str
    take: Callable[[], Awaitable[str]]
    tell: Callable[[Exception], errors.SidecarError]


async def reach(origin: str, tls: Tls, seconds: float, proxy: Proxy | None = None) -> AsyncIterator[Finding]:
    """Yield a finding for each step on the way to `origin`, up to the first that fails; `seconds` bound each step."""
    for step in _way(origin, tls, proxy):
        try:
            async with asyncio.timeout(seconds + probe.AFTERTHOUGHT):
                detail = await step.take()
        except errors.SidecarError as error:
            yield _failed(step.name, error)
            return
        except (OSError, TimeoutError) as error:
            yield _failed(step.name, step.tell(error))
            return
        yield Finding(step=step.name, detail=detail)


def _way(origin: str, tls: Tls, proxy: Proxy | None) -> Iterator[_Step]:
    parts = urlsplit(origin)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def tell(error: Exception) -> errors.SidecarError:
        return trouble.translate(error, to=origin, presented=tls.presented)

    if proxy is None:
        yield _Step(f"DNS {host}", partial(_resolve, host, port), partial(_unnamed, origin))
        yield _Step(f"TCP {host}", partial(_connect, host, port), tell)
    else:
        yield from _through(proxy, host, port)
    if parts.scheme == "https":
        yield _Step(f"TLS {host}", partial(_handshake, host, port, tls, proxy), tell)


def _through(proxy: Proxy, host: str, port: int) -> Iterator[_Step]:
    """Yield the steps to the proxy and from there on; whether this machine knows FinHub's name does not matter."""
    tell = partial(tunnel.unreached, proxy=proxy)
    yield _Step(f"DNS {proxy.host}", partial(_resolve, proxy.host, proxy.port), tell)
    yield _Step(f"TCP {proxy.host}", partial(_connect, proxy.host, proxy.port), tell)
    yield _Step(f"proxy {proxy.host}", partial(_tunnel, proxy, host, port), tell)


async def _tunnel(proxy: Proxy, host: str, port: int) -> str:
    (await tunnel.reach(proxy, host, port)).close()
    return f"opens a tunnel to {authority(host, port)}"


def _unnamed(origin: str, _: Exception) -> errors.SidecarError:
    return errors.DnsError(f"{origin}: the host name does not resolve")


async def _resolve(host: str, port: int) -> str:
    infos = await asyncio.get_running_loop().getaddrinfo(host, port)
    return ", ".join(dict.fromkeys(str(info[4][0]) for info in infos))


async def _connect(host: str, port: int) -> str:
    _, writer = await asyncio.open_connection(host, port)
    await probe.hang_up(writer)
    return f"port {port} answers"


async def _handshake(host: str, port: int, tls: Tls, proxy: Proxy | None) -> str:
    version = await probe.handshake(host, port, tls, proxy)
    presented = "ours was not refused" if tls.presented else "none of ours was demanded"
    return f"{version}, FinHub's certificate is trusted, {presented}"


async def _use(config: Config, tenant: Tenant) -> AsyncIterator[Finding]:
    """Yield what comes of one login and, where `check.path` names it, one call; then the session is ended."""
    exchange = await tenant.endpoint.login()
    if isinstance(exchange.outcome, Failure):
        yield _failed("login", _login_error(exchange.outcome))
        return
    grant = exchange.outcome
    schedule = Schedule(margin=config.session.refresh.margin, default_lifetime=config.session.lifetime)
    token = issue(grant, exchange.sent_at, schedule, 0.0)
    findings = [Finding(step="login", detail=_granted(grant, token.expires_at - exchange.sent_at))]
    if config.check.path is not None:
        findings.append(await _call(config.check.path, tenant, token))
    await tenant.endpoint.logout(token)  # before a finding is told: whoever reads them stops at the first failed one
    for finding in findings:
        yield finding


def _granted(grant: Grant, lifetime: float) -> str:
    """Return which rule found what in the reply, and what none found; names only."""
    found = dict(grant.found)
    rules = [f"{what} in {found[what]}" if what in found else f"no {what}" for what in FOUND]
    return f"a session of {lifetime:g} s ({', '.join(rules)})"


def _login_error(failure: Failure) -> errors.SidecarError:
    rejected = failure.kind in {Kind.FINAL, Kind.THROTTLED} and not failure.on_the_way
    kind = errors.Rejected if rejected else errors.DestinationUnavailable
    return kind(failure.detail, remedy=failure.remedy)


async def _call(path: str, tenant: Tenant, token: Token) -> Finding:
    upstream = tenant.upstream
    facts = Facts(caller_ip=None, uuid=new_id(), session_id=token.session_id, host=upstream.authority)
    body = ReplayableBody(_Nothing(), 0, Limits(max_body=0, remembered=0, pace=Pace(1, 1)), Budget(0), lambda: None)
    fields = tenant.lane.fields.to_upstream((), facts, token.authorization)
    step = f"GET {path}"
    try:
        async with await upstream.send(
            Request(method="GET", target=path, fields=fields, body=body, sendings=[])
        ) as reply:
            in_band = tenant.lane.in_band
            if in_band is not None and await refuses(in_band, reply):
                return _failed(step, _refused(_UNAUTHORIZED, f"401 inside a {reply.status}"))
            return _judged(step, reply.status, await reply.peek(_PEEK))
    except errors.SidecarError as error:
        return _failed(step, error)


def _judged(step: str, status: int, beginning: bytes) -> Finding:
    if status < _CLIENT_ERROR:
        return Finding(step=step, detail=f"FinHub answered {status}")
    if refusal.speaks_of_certificate(status, beginning):
        failure = refusal.refused_certificate(_CALL, status)
        return _failed(step, errors.Rejected(failure.detail, remedy=failure.remedy))
    return _failed(step, _refused(status, str(status)))


def _refused(status: int, words: str) -> errors.SidecarError:
    remedy = _REMEDIES.get(status, "Choose a harmless authenticated GET that exists for check.path.")
    kind = errors.Rejected if status < _SERVER_ERROR else errors.DestinationUnavailable
    return kind(f"FinHub answered {words}", remedy=remedy)


_REMEDIES: Final = {
    401: "FinHub refused a token it had just issued: check credentials.tenant_id and [fields].",
    403: "Verify the certificate in [identity] and the account's permissions for this path.",
    429: "The rate limit is exceeded: send fewer requests.",
}


class _Nothing:
    """The body of a GET: there is none."""

    async def readany(self) -> bytes:
        return b""
