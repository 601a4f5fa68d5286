"""Everything that a first start can trip over, tried in order; each step a finding with its remedy.

A step that fails ends the checkup: what comes after it could only fail for the same reason. The login is tried once,
never again: a second try with wrong credentials brings the account nearer to its lock.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sidecar import errors
from sidecar.app import lanes, material
from sidecar.app.keeper import Keeper
from sidecar.gateway.body import Budget, Limits, ReplayableBody
from sidecar.gateway.fields import Facts
from sidecar.gateway.upstream import Request
from sidecar.session.answer import Failure, Kind
from sidecar.session.token import Schedule, Token, issue
from sidecar.wire import trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from sidecar.app.lanes import Tenant
    from sidecar.config.model import Config
    from sidecar.session.answer import Grant
    from sidecar.wire.client import Tls

_AFTERTHOUGHT: Final = 0.5
"""Seconds in which a refused client certificate shows under TLS 1.3: after our side thinks the handshake is over."""

_CLIENT_ERROR, _SERVER_ERROR = 400, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One step's result. `error` is what failed, None where all is well; `notes` are warnings."""

    step: str
    detail: str
    notes: tuple[str, ...] = ()
    error: errors.SidecarError | None = None


class Rejected(errors.SidecarError):
    """FinHub answered, and said no."""

    title = "FinHub rejected the request"


def local(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what can be found without the network: secrets, identity, trust, and what the dialect needs."""
    try:
        found = material.read(config, environ)
        yield Finding(step="secrets", detail=", ".join(name for name, _ in found.secrets) or "none needed")
        standing = material.stand(config, found)
        yield _identity(standing)
        dialect = lanes.dialect_of(config)
        lanes.require_credentials(dialect, lanes.credentials_of(config, found))
        lanes.fields_of(config)
        yield Finding(step="dialect", detail=f"{dialect.name}, everything it logs in with is set")
    except errors.SidecarError as error:
        yield _failed(_step_of(error), error)


def _identity(standing: material.Standing) -> Finding:
    identity = standing.identity
    if identity is None:
        return Finding(step="identity", detail="none configured, none demanded in this environment")
    days = identity.days_left(datetime.now(UTC))
    return Finding(
        step="identity",
        detail=f"{identity.subject}, key matches, {days} days left",
        notes=identity.warnings,
    )


def _step_of(error: errors.SidecarError) -> str:
    if isinstance(error, errors.SecretError):
        return "secrets"
    return "identity" if isinstance(error, errors.IdentityError) else "configuration"


def _failed(step: str, error: errors.SidecarError) -> Finding:
    return Finding(step=step, detail=error.detail, error=error)


# ── over the network ────────────────────────────────────────────────────────────────────────────────────────────


async def remote(config: Config, environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Yield what the network tells: name, connection, TLS, one login, and one call where `check.path` names it."""
    standing = await asyncio.to_thread(lambda: material.stand(config, material.read(config, environ)))
    keeper = Keeper(config, environ, standing, lambda _: None)
    tenant = lanes.build(config, keeper, emit=lambda _: None, jitter=lambda: 0.0)
    for origin in dict.fromkeys((config.session.url, config.upstream.url)):
        async for finding in _reach(origin, standing.tls, config.upstream.connect_timeout):
            yield finding
            if finding.error is not None:
                return
    async with tenant.endpoint, tenant.upstream:
        async for finding in _use(config, tenant):
            yield finding


async def _reach(origin: str, tls: Tls, timeout: float) -> AsyncIterator[Finding]:  # noqa: ASYNC109  # it bounds each step, not all
    parts = urlsplit(origin)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    steps = [("DNS", _resolve(host, port)), ("TCP", _connect(host, port))]
    if parts.scheme == "https":
        steps.append(("TLS", _handshake(host, port, tls)))
    for place, (step, work) in enumerate(steps):
        try:
            async with asyncio.timeout(timeout):
                yield Finding(step=f"{step} {host}", detail=await work)
        except (OSError, TimeoutError) as error:
            for _, unused in steps[place + 1 :]:
                unused.close()
            yield _failed(f"{step} {host}", _translate(step, error, origin, tls))
            return


def _translate(step: str, error: BaseException, origin: str, tls: Tls) -> errors.SidecarError:
    if step == "DNS":
        return errors.DnsError(f"{origin}: the host name does not resolve")
    if isinstance(error, TimeoutError):
        return errors.ConnectionTimeout(f"{origin}: no answer in time")
    return trouble.translate(error, to=origin, presented=tls.presented)


async def _resolve(host: str, port: int) -> str:
    infos = await asyncio.get_running_loop().getaddrinfo(host, port)
    return ", ".join(dict.fromkeys(str(info[4][0]) for info in infos))


async def _connect(host: str, port: int) -> str:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return f"port {port} answers"


async def _handshake(host: str, port: int, tls: Tls) -> str:
    reader, writer = await asyncio.open_connection(host, port, ssl=tls.context)
    version = writer.get_extra_info("ssl_object").version()
    try:
        async with asyncio.timeout(_AFTERTHOUGHT):
            await reader.read(1)
    except TimeoutError:
        pass
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    presented = "our certificate was accepted" if tls.presented else "no certificate of ours was demanded"
    return f"{version}, FinHub's certificate is trusted, {presented}"


async def _use(config: Config, tenant: Tenant) -> AsyncIterator[Finding]:
    exchange = await tenant.endpoint.login()
    if isinstance(exchange.outcome, Failure):
        yield _failed("login", _login_error(exchange.outcome))
        return
    grant = exchange.outcome
    schedule = Schedule(margin=config.session.refresh.margin, default_lifetime=config.session.lifetime)
    token = issue(grant, exchange.sent_at, schedule, 0.0)
    yield Finding(step="login", detail=_granted(grant, token.expires_at - exchange.sent_at))
    if config.check.path is not None:
        yield await _call(config.check.path, tenant, token)
    await tenant.endpoint.logout(token)


def _granted(grant: Grant, lifetime: float) -> str:
    """Return which rule found what in the reply, names only."""
    rules = ", ".join(f"{what} in {where}" for what, where in grant.found)
    return f"a session of {lifetime:g} s ({rules})"


def _login_error(failure: Failure) -> errors.SidecarError:
    kind = Rejected if failure.kind in {Kind.FINAL, Kind.THROTTLED} else errors.DestinationUnavailable
    return kind(failure.detail, remedy=failure.remedy)


async def _call(path: str, tenant: Tenant, token: Token) -> Finding:
    upstream = tenant.upstream
    facts = Facts(caller_ip=None, uuid=lanes.new_id(), session_id=token.session_id, host=upstream.authority)
    body = ReplayableBody(_Nothing(), 0, Limits(max_body=0, remembered=0, timeout=1), Budget(0), lambda: None)
    fields = tenant.lane.fields.to_upstream((), facts, token.authorization)
    step = f"GET {path}"
    try:
        async with await upstream.send(
            Request(method="GET", target=path, fields=fields, body=body, sendings=[])
        ) as reply:
            return _judged(step, reply.status)
    except errors.SidecarError as error:
        return _failed(step, error)


def _judged(step: str, status: int) -> Finding:
    if status < _CLIENT_ERROR:
        return Finding(step=step, detail=f"FinHub answered {status}")
    remedy = _REMEDIES.get(status, "Choose a harmless authenticated GET that exists for check.path.")
    kind = Rejected if status < _SERVER_ERROR else errors.DestinationUnavailable
    return _failed(step, kind(f"FinHub answered {status}", remedy=remedy))


_REMEDIES: Final = {
    401: "FinHub refused a token it had just issued: check credentials.tenant_id and [fields].",
    403: "Verify the certificate in [identity] and the account's permissions for this path.",
    429: "The rate limit is exceeded: send fewer requests.",
}


class _Nothing:
    """The body of a GET: there is none."""

    async def readany(self) -> bytes:
        return b""
