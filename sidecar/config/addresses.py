"""Where we listen and whom we call: addresses, hosts, networks and origins.

Pure: nothing here asks DNS. Each function returns the value or raises `Unfit`.
"""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from dataclasses import dataclass
from typing import Final, Literal

from sidecar.config.problems import Unfit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ADDRESS_FORM: Final = '"HOST:PORT", "[IPv6]:PORT" or "unix:/PATH"'
ORIGIN_FORM: Final = '"https://HOST" or "https://HOST:PORT", nothing after it'
PROXY_FORM: Final = '"http://HOST:PORT", nothing after it; user and password are proxy_user and proxy_password'
NETWORK_FORM: Final = 'a network such as "10.0.0.0/8", or one address'
HOST_FORM: Final = '"HOST", "HOST:PORT", "[IPv6]" or "[IPv6]:PORT"'
BROWSER_ORIGIN_FORM: Final = 'an origin as browsers send it, such as "http://localhost:3000"'
IP_FORM: Final = 'an IP address such as "127.0.0.1"'

_LAST_PORT: Final = 65_535
_HOST_PORT: Final = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_NAME: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?", re.ASCII)
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[!-~]+", re.ASCII)
_DOTTED: Final = re.compile(r"[0-9.]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener stands. `host` has no brackets; `path` is empty for tcp, `host` and `port` for unix."""

    text: str
    kind: Literal["tcp", "unix"]
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return self.text

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect: a Unix socket, `localhost` (RFC 6761 §6.3) or a loopback address."""
        return self.kind == "unix" or is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Tell whether a host, without brackets, is this machine by its very name; DNS is not asked."""
    return host.lower() == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)


def address(value: object) -> Address:
    """Return the address that "HOST:PORT", "[IPv6]:PORT" or "unix:PATH" names; port 0 takes a free one."""
    if isinstance(value, Address):
        return value
    if not isinstance(value, str):
        raise Unfit(ADDRESS_FORM)
    if value.startswith("unix:"):
        return _unix(value)
    host, port = _host_port(value, ADDRESS_FORM)
    if port is None:
        raise Unfit(ADDRESS_FORM)
    return Address(value, "tcp", host=host, port=port)


def _unix(value: str) -> Address:
    path = value.removeprefix("unix:")
    if not path or not path.isprintable():
        raise Unfit(ADDRESS_FORM)
    return Address(value, "unix", path=path)


def _host_port(value: str, form: str) -> tuple[str, int | None]:
    match = _HOST_PORT.fullmatch(value)
    if match is None:
        raise Unfit(form)
    host = match["host"].strip("[]")
    bracketed = match["host"] != host
    port = None if match["port"] is None else int(match["port"])
    if (port or 0) > _LAST_PORT or not (_is_six(host) if bracketed else is_host(host)):
        raise Unfit(form)
    return host, port


def is_host(host: str) -> bool:
    """Tell whether this is an IPv4 address or a name, not something that only looks like an address."""
    return _is_ip(host) if _DOTTED.fullmatch(host) else _NAME.fullmatch(host) is not None


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_six(host: str) -> bool:
    return ":" in host and _is_ip(host)


def ip(value: object) -> str:
    """Return an IP address as text."""
    if not isinstance(value, str) or not _is_ip(value):
        raise Unfit(IP_FORM)
    return value


def network(value: object) -> Network:
    """Return a network; a lone address is a network of one."""
    if isinstance(value, Network):
        return value
    if not isinstance(value, str):
        raise Unfit(NETWORK_FORM)
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        raise Unfit(NETWORK_FORM) from None


def allowed_host(value: object) -> str:
    """Return an entry of the Host allow-list, in small letters; without a port it allows every port."""
    if not isinstance(value, str):
        raise Unfit(HOST_FORM)
    _host_port(value, HOST_FORM)
    return value.lower()


def browser_origin(value: object) -> str:
    """Return an entry of the Origin allow-list, in small letters (RFC 6454 §6.2); "null" is nobody's and not taken."""
    if not isinstance(value, str) or not _ORIGIN.fullmatch(value.lower()):
        raise Unfit(BROWSER_ORIGIN_FORM)
    if set(value.partition("://")[2]) & set("/?#@"):
        raise Unfit(BROWSER_ORIGIN_FORM)
    return value.lower()


def origin(value: object) -> str:
    """Return `scheme://host[:port]` with the scheme in small letters; a lone "/" after it is dropped.

    Errors name what is wrong and never repeat the URL: its user information or query may be a secret.
    """
    if not isinstance(value, str):
        raise Unfit(ORIGIN_FORM)
    scheme, separator, rest = value.partition("://")
    if not separator or scheme.lower() not in {"http", "https"}:
        raise Unfit(ORIGIN_FORM, found="a URL without https:// in front")
    _refuse_more_than_origin(rest)
    authority = rest.removesuffix("/")
    try:
        host, port = _host_port(authority, ORIGIN_FORM)
    except Unfit:
        raise Unfit(ORIGIN_FORM, found="a URL whose host or port is not one") from None
    if not host or port == 0:
        raise Unfit(ORIGIN_FORM, found="a URL with port 0")
    return f"{scheme.lower()}://{authority}"


def proxy(value: object) -> str:
    """Return `http://host[:port]` of a proxy; its credentials are never part of it."""
    if not isinstance(value, str):
        raise Unfit(PROXY_FORM)
    if not value.lower().startswith(("http://", "https://")):
        raise Unfit(PROXY_FORM, found="a URL without http:// in front")
    try:
        found = origin(value)
    except Unfit as error:
        raise Unfit(PROXY_FORM, found=error.found) from None
    if not is_plain(found):
        raise Unfit(PROXY_FORM, found="a proxy that is itself spoken to over TLS")
    return found


def _refuse_more_than_origin(rest: str) -> None:
    if "@" in rest:
        raise Unfit(ORIGIN_FORM, found="a URL with user information")
    if "?" in rest or "#" in rest:
        raise Unfit(ORIGIN_FORM, found="a URL with a query or a fragment")
    if "/" in rest.removesuffix("/"):
        raise Unfit(ORIGIN_FORM, found="a URL with a path")


def is_plain(url: str) -> bool:
    """Tell whether requests to this origin travel without TLS."""
    return url.startswith("http://")


def host_of(url: str) -> str:
    """Return the host of an origin, in small letters and without brackets."""
    return urllib.parse.urlsplit(url).hostname or ""
