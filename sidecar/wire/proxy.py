"""The proxy between here and FinHub: how a tunnel is asked for, and what its answers mean.

Pure. The request is CONNECT (RFC 9110 §9.3.6), the credentials are Basic (RFC 7617). What travels in the tunnel is TLS
with FinHub itself: the proxy learns FinHub's name and how much was said.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sidecar import errors
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_HEAD: Final = 16384
"""Bytes of an answer's head that are read; what is longer is no answer to CONNECT."""

REMEDY: Final = "Check upstream.proxy, and the network between here and that proxy."

_END: Final = re.compile(rb"\r?\n\r?\n")
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r?\n")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SUCCESS: Final = range(200, 300)
_WANTS_CREDENTIALS: Final = frozenset({401, 407})  # tinyproxy: 407 where there were none, 401 where they were wrong
_TIMEOUT: Final = 504
_REFUSALS: Final = range(400, 500)
_FAILURES: Final = range(500, 600)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy by its URL, `http://HOST:PORT`; `basic` is USER:PASSWORD in base64, None without credentials."""

    url: str
    host: str
    port: int
    basic: Secret | None = None

    @property
    def fields(self) -> Mapping[str, str]:
        """The header fields of CONNECT beyond Host. Whoever takes them answers for where they go."""
        known = {} if self.basic is None else {"Proxy-Authorization": f"Basic {self.basic.reveal()}"}
        return {"User-Agent": "finhub-sidecar", **known}


def proxy(url: str, user: Secret | None, password: Secret | None) -> Proxy:
    """Return the proxy at `url`, with the credentials where there are some.

    Raises:
        SecretError: the user or the password cannot be spelled as Basic credentials.
    """
    parts = urlsplit(url)
    basic = None if user is None or password is None else _basic(user, password)
    return Proxy(url, parts.hostname or "", parts.port or 80, basic)


def _basic(user: Secret, password: Secret) -> Secret:
    if ":" in user.reveal():
        raise errors.SecretError(
            "upstream.proxy_user: a user name with a colon", remedy="Ask for a user name without one (RFC 7617 §2)."
        )
    for key, one in (("proxy_user", user), ("proxy_password", password)):
        if _CONTROL.search(one.reveal()):
            raise errors.SecretError(
                f"upstream.{key}: a line break or another control character in it",
                remedy="Take it out; one newline at the end of a file does no harm.",
            )
    pair = f"{user.reveal()}:{password.reveal()}"
    return Secret(base64.b64encode(pair.encode()).decode())


def authority(host: str, port: int) -> str:
    """Return `HOST:PORT`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def request(to: str, proxy: Proxy) -> bytes:
    """Return the request for a tunnel to the authority `to`."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in proxy.fields.items())
    return f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{fields}\r\n".encode()


def is_whole(heard: bytes) -> bool:
    """Tell whether the head of the answer is there; MalformedReply where it is too large to be one."""
    if _END.search(heard):
        return True
    if len(heard) > LARGEST_HEAD:
        raise _malformed()
    return False


def judge(heard: bytes, to: str, proxy: Proxy) -> None:
    """Return if the answer, whose head is whole, opens the tunnel to `to`; raise an UpstreamError if it does not."""
    status = _STATUS.match(heard)
    if status is None:
        raise _malformed()
    if int(status[1]) not in _SUCCESS:
        raise refused(int(status[1]), to, proxy)
    end = _END.search(heard)
    if end is None or end.end() < len(heard):  # in TLS it is we who speak first
        raise _malformed()


def refused(status: int, to: str, proxy: Proxy) -> errors.UpstreamError:
    """Return what it means that the proxy answered `status` where a tunnel to `to` was asked for."""
    if status in _WANTS_CREDENTIALS:
        return _wants_credentials(proxy)
    if status in _REFUSALS:
        detail = f"the proxy {proxy.url} refuses a tunnel to {to} (it answered {status})"
        remedy = f"Have whoever runs the proxy allow CONNECT to {to} from this machine; upstream.proxy names the proxy."
        return errors.ConnectionRefused(detail, remedy=remedy)
    if status in _FAILURES:
        detail = f"the proxy {proxy.url} cannot reach {to} (it answered {status})"
        kind = errors.ConnectionTimeout if status == _TIMEOUT else errors.DestinationUnavailable
        return kind(detail, remedy="Check the host in upstream.url; if it is right, ask whoever runs the proxy.")
    return _malformed()


def _wants_credentials(proxy: Proxy) -> errors.ProxyCredentialsRefused:
    if proxy.basic is None:
        return errors.ProxyCredentialsRefused(f"the proxy {proxy.url} wants credentials, and none are configured")
    return errors.ProxyCredentialsRefused(f"the proxy {proxy.url} does not take the configured credentials")


def _malformed() -> errors.MalformedReply:
    return errors.MalformedReply("what answers at upstream.proxy is not an HTTP proxy", remedy=REMEDY)
