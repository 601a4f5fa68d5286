"""What aiohttp's client and event loops raise, in our words: one table to errors with an RFC 9209 name.

Details name the origin and the cause, never a field or a body: aiohttp's own texts may hold the bearer token.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Final

import aiohttp

from sidecar import errors
from sidecar.wire import tls_trouble

_UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})


class NoConnection(Exception):
    """A connection did not come about, or TLS on it; shaped as aiohttp's `ClientConnectorError` is."""

    def __init__(self, os_error: OSError) -> None:
        super().__init__(type(os_error).__name__)
        self.os_error = os_error


class Unanswered(ConnectionAbortedError):
    """The connection was ended in order, before the reply had come to its end."""


def translate(error: BaseException, *, to: str, presented: bool) -> errors.UpstreamError:
    """Return the UpstreamError that tells what went wrong on the way to the origin `to`.

    `presented`: we offered a client certificate, which decides whose fault a TLS alert is.
    """
    tls = tls_trouble.classify(error, presented=presented)
    return without_tls(error, to=to) if tls is None else tls


def without_tls(error: BaseException, *, to: str) -> errors.UpstreamError:
    """Return the same for a way on which nobody speaks TLS."""
    for kinds, kind, words in _TABLE:
        if isinstance(error, kinds):
            return kind(f"{to}: {words}")
    return _by_errno(error, to)


_TABLE: Final[tuple[tuple[tuple[type[BaseException], ...], type[errors.UpstreamError], str], ...]] = (
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), errors.DnsError, "the host name does not resolve"),
    ((aiohttp.ServerTimeoutError, asyncio.TimeoutError), errors.ConnectionTimeout, "no answer in time"),
    ((aiohttp.ClientPayloadError,), errors.ConnectionTerminated, "the reply was cut short"),
    (
        (aiohttp.ServerDisconnectedError, Unanswered),
        errors.ConnectionTerminated,
        "the connection was closed without a reply",
    ),
    ((aiohttp.ClientResponseError,), errors.MalformedReply, "the reply is not well-formed HTTP"),
)


def _by_errno(error: BaseException, to: str) -> errors.UpstreamError:
    number = getattr(getattr(error, "os_error", error), "errno", None)
    if number == errno.ECONNREFUSED:
        return errors.ConnectionRefused(f"{to}: nobody listens there")
    if number in _UNREACHABLE:
        return errors.DestinationUnavailable(f"{to}: no route to the host")
    if isinstance(error, (aiohttp.ClientConnectorError, NoConnection)):
        return errors.DestinationUnavailable(f"{to}: no connection ({_name(number)})")
    return errors.ConnectionTerminated(f"{to}: the connection broke ({_name(number)})")


def _name(number: object) -> str:
    return errno.errorcode.get(number, "unknown") if isinstance(number, int) else "unknown"
