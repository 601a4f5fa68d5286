from __future__ import annotations

import errno
import os
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey, RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from sidecar import errors
from sidecar.wire.trouble import translate

TO = "https://api.finhub.test"
KEY = ConnectionKey("api.finhub.test", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
ASKED = RequestInfo(
    URL("https://api.finhub.test/a?code=t0p-secret"),
    "GET",
    CIMultiDictProxy(CIMultiDict({"Authorization": "Bearer t0p-secret"})),
    URL("https://api.finhub.test/a?code=t0p-secret"),
)


def broken(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def connecting(number: int) -> aiohttp.ClientConnectorError:
    return aiohttp.ClientConnectorError(KEY, broken(number))


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (aiohttp.ClientConnectorDNSError(KEY, broken(errno.ENOENT)), errors.DnsError, "does not resolve"),
        (connecting(errno.ECONNREFUSED), errors.ConnectionRefused, "nobody listens"),
        (connecting(errno.ENETUNREACH), errors.DestinationUnavailable, "no route"),
        (connecting(errno.EHOSTUNREACH), errors.DestinationUnavailable, "no route"),
        (connecting(errno.EHOSTDOWN), errors.DestinationUnavailable, "no route"),
        (connecting(errno.ENETDOWN), errors.DestinationUnavailable, "no route"),
        (connecting(errno.EACCES), errors.DestinationUnavailable, "no connection (EACCES)"),
        (connecting(99_999), errors.DestinationUnavailable, "no connection (unknown)"),
        (aiohttp.SocketTimeoutError(), errors.ConnectionTimeout, "no answer in time"),
        (TimeoutError(), errors.ConnectionTimeout, "no answer in time"),
        (aiohttp.ServerDisconnectedError(), errors.ConnectionTerminated, "closed without a reply"),
        (aiohttp.ClientPayloadError("t0p-secret"), errors.ConnectionTerminated, "cut short"),
        (aiohttp.ClientResponseError(ASKED, ()), errors.MalformedReply, "not well-formed HTTP"),
        (aiohttp.ClientOSError(errno.EPIPE, "t0p-secret"), errors.ConnectionTerminated, "broke (EPIPE)"),
        (broken(errno.ECONNREFUSED), errors.ConnectionRefused, "nobody listens"),
        (aiohttp.ClientConnectionError("t0p-secret"), errors.ConnectionTerminated, "broke (unknown)"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "x")), errors.TlsError, ""),
    ],
)
def test_each_foreign_exception_has_one_of_our_names_and_loses_its_own_words(
    error: Exception, kind: type[errors.UpstreamError], words: str
) -> None:
    told = translate(error, to=TO, presented=True)
    assert type(told) is kind
    assert words in told.detail
    assert "t0p-secret" not in f"{told!r} {told} {told.detail} {told.remedy}"


def test_a_translation_names_the_origin() -> None:
    assert translate(aiohttp.ServerDisconnectedError(), to=TO, presented=True).detail.startswith(f"{TO}: ")


@pytest.mark.parametrize(("presented", "words"), [(True, "at hand"), (False, "no client certificate is configured")])
def test_whether_we_had_a_certificate_to_show_is_told_with_a_broken_handshake(*, presented: bool, words: str) -> None:
    told = translate(connecting(errno.ECONNRESET), to=TO, presented=presented)
    assert isinstance(told, errors.TlsError)
    assert words in told.detail
