"""FinHub's token endpoint over HTTP: sends what the dialect spells, returns what its reply means.

Every failure of FinHub or of the network comes back as a Failure; the only exception is a bug.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from sidecar import errors
from sidecar.session import calls, reply
from sidecar.session.answer import Failure, Kind
from sidecar.session.source import Exchange
from sidecar.wire import probe, trouble, tunnel
from sidecar.wire.client import NotSent, open_client, url_of
from sidecar.wire.proxy import authority

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.rawfields import RawFields
    from sidecar.session.answer import Grant
    from sidecar.session.calls import Call, Credentials
    from sidecar.session.dialect import Dialect
    from sidecar.session.token import Token
    from sidecar.wire.proxy import Proxy
    from sidecar.wire.tls import Tls


_LARGEST_REPLY: Final = 1 << 20
_LARGEST_REFUSAL: Final = 1 << 16
_PATIENCE_WITH_A_REFUSAL: Final = 1.0
_SUCCESS: Final = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where the token endpoint is and what every call of it carries.

    Attributes:
        origin: scheme, host and port.
        dialect: how to speak.
        fields: the header fields of a call of ours (CONTRACT §2); called once for each call.
        tls: asked for each call.
        connect, response: seconds.
    """

    origin: str
    dialect: Dialect
    fields: Callable[[], RawFields]
    tls: Callable[[], Tls]
    connect: float
    response: float


@dataclass(frozen=True, slots=True)
class _Answered:
    status: int
    fields: RawFields
    body: bytes


class HttpTokenEndpoint:
    """The TokenEndpoint of one credential set. Open it with `async with`.

    Attributes:
        credentials: what the next login sends; replaced as a whole when a secret changes.
        proxy: what the next call goes through, None for the straight way.
    """

    def __init__(
        self, desk: Desk, credentials: Credentials, *, clock: Callable[[], float], utc_now: Callable[[], float]
    ) -> None:
        self.credentials = credentials
        self.proxy: Proxy | None = None
        self._desk = desk
        self._clock = clock
        self._utc_now = utc_now
        self._url = URL(desk.origin)

    async def __aenter__(self) -> Self:
        """Calls are rare, so each has a connection of its own and none is ever found dead."""
        self._http = open_client()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    def bound_by(self, *, connect: float, response: float) -> None:
        """Keep these time-outs, in seconds, from the next call on."""
        self._desk = replace(self._desk, connect=connect, response=response)

    async def login(self) -> Exchange:
        """Send the credentials; see TokenEndpoint."""
        call = calls.login(self._desk.dialect, self.credentials)
        return await self._exchange(call, reply.read_login)

    async def refresh(self, token: Token) -> Exchange | None:
        """Ask for a renewal; see TokenEndpoint."""
        call = calls.refresh(self._desk.dialect, token, self.credentials)
        return None if call is None else await self._exchange(call, reply.read_refresh)

    async def logout(self, token: Token) -> None:
        """End the session, as far as FinHub listens; see TokenEndpoint."""
        call = calls.logout(self._desk.dialect, token, self.credentials)
        if call is not None:
            await self._ask(call)

    async def _exchange(
        self, call: Call, read: Callable[[Dialect, int, RawFields, bytes, float], Grant | Failure]
    ) -> Exchange:
        sent_at = self._clock()
        answer = await self._ask(call)
        if isinstance(answer, Failure):
            return Exchange(sent_at, answer)
        outcome = read(self._desk.dialect, answer.status, answer.fields, answer.body, self._utc_now())
        return Exchange(sent_at, outcome, answer.status)

    async def _ask(self, call: Call) -> _Answered | Failure:
        tls, proxy = self._desk.tls(), self.proxy
        try:
            async with asyncio.timeout(self._desk.connect + self._desk.response):
                return await self._post(call, tls, proxy)
        except NotSent as error:
            return _failure(await self._not_sent(error.error, tls, proxy))
        except TimeoutError:
            return _failure(errors.ResponseTimeout(f"{self._desk.origin}: no reply within {self._desk.response:g} s"))
        except (aiohttp.ClientError, OSError) as error:
            return _failure(self._trouble(error, tls))

    async def _not_sent(self, error: Exception, tls: Tls, proxy: Proxy | None) -> errors.UpstreamError:
        if proxy is not None:
            to = authority(self._url.raw_host or "", self._url.port or 0)
            if (told := tunnel.translate(error, proxy, to)) is not None:
                return told
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                return tunnel.late(self._desk.origin, proxy, self._desk.connect)
        known = await probe.refusal(error, self._url, tls, connect=self._desk.connect, proxy=proxy)
        return known or self._trouble(error, tls)

    def _trouble(self, error: BaseException, tls: Tls) -> errors.UpstreamError:
        return trouble.translate(error, to=self._desk.origin, presented=tls.presented)

    async def _post(self, call: Call, tls: Tls, proxy: Proxy | None) -> _Answered | Failure:
        response = await self._http.request(
            call.method,
            url_of(self._url, call.path),
            headers=CIMultiDict(
                (name.decode(), value.decode()) for name, value in (*self._desk.fields(), *call.fields)
            ),
            data=call.body or None,
            allow_redirects=False,
            ssl=tls.for_aiohttp,
            proxy=None if proxy is None else proxy.url,
            proxy_headers=None if proxy is None else proxy.fields,
            timeout=_patience(self._desk.connect, proxy),
        )
        async with response:
            if response.status not in _SUCCESS:
                return _Answered(response.status, response.raw_headers, await _beginning(response))
            body = await _bounded(response)
            if body is None:
                return _failure(errors.MalformedReply(f"{self._desk.origin}: the reply exceeds {_LARGEST_REPLY} bytes"))
            return _Answered(response.status, response.raw_headers, body)


def _patience(connect: float, proxy: Proxy | None) -> aiohttp.ClientTimeout:
    """Return how long a connection may take; through a proxy that counts until FinHub's TLS stands."""
    return aiohttp.ClientTimeout(total=None, sock_connect=connect, connect=None if proxy is None else connect)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Return what comes of a refusal's body within bounds: the status alone says enough (CONTRACT §5).

    A 401 whose body breaks off is no network failure: tried again within seconds, it would lock the account.
    """
    body = bytearray()
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(_PATIENCE_WITH_A_REFUSAL):
            async for part in response.content.iter_any():
                body += part
                if len(body) > _LARGEST_REFUSAL:
                    break
    return bytes(body[:_LARGEST_REFUSAL])


async def _bounded(response: aiohttp.ClientResponse) -> bytes | None:
    """Return the whole body, or None when it is larger than any token endpoint's reply."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > _LARGEST_REPLY:
            return None
        parts.append(part)
    return b"".join(parts)


def _failure(error: errors.SidecarError) -> Failure:
    """Return a network error as a Failure: FinHub has rejected nothing, so it is transient (CONTRACT §5).

    But a proxy that refuses our credentials is not asked again within seconds: it would lock the account in the end.
    """
    kind = Kind.FINAL if isinstance(error, errors.ProxyCredentialsRefused) else Kind.TRANSIENT
    return Failure(kind=kind, cause=error.proxy_error, detail=error.detail, remedy=error.remedy)
