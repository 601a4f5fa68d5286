"""What spans say: OpenTelemetry's stable conventions for HTTP, and a few of ours, each with `finhub.` in front.

Pure. No query, no field of the caller's and nothing of a body is among them; a path is what the log shows of it.
Source: OpenTelemetry semantic conventions, HTTP spans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from sidecar.events import Forwarded

    Attributes = dict[str, str | int]

_KNOWN: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_OTHER: Final = "_OTHER"

_CLIENT_ERROR, _SERVER_ERROR = 400, 500

_PORTS: Final = {"http": 80, "https": 443}


class Place(NamedTuple):
    """Who answers: an address, and a port that is 0 on a Unix socket. `origin` is its URL without a path."""

    address: str
    port: int
    origin: str = ""

    @property
    def attributes(self) -> Attributes:
        """Return what spans say of it."""
        return {"server.address": self.address} | ({"server.port": self.port} if self.port else {})


def place_of(origin: str) -> Place:
    """Return the place of an origin, such as `https://api.finhub.cloud`."""
    parts = urlsplit(origin)
    return Place(parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0), origin)


def place_listened_at(address: str) -> Place:
    """Return the place of a listener: `HOST:PORT`, `[IPv6]:PORT` or `unix:PATH`."""
    if address.startswith("unix:"):
        return Place(address.removeprefix("unix:"), 0)
    host, _, port = address.rpartition(":")
    return Place(host.strip("[]"), int(port))


def name_of(method: str) -> str:
    """Return a span's name: a method and no path, since there are as many paths as orders."""
    return method if method in _KNOWN else "HTTP"


def of_request(event: Forwarded, path: str, server: Place) -> Attributes:
    """Return what is said of a caller's request that is over; `path` is free of secrets."""
    told: Attributes = {
        **_method(event.method),
        "url.path": path,
        "url.scheme": "http",
        **server.attributes,
        "finhub.request_id": event.request_id,
        "finhub.source": event.source,
        "finhub.outcome": event.outcome,
    }
    more: Attributes = {
        "http.response.status_code": event.status,
        "error.type": error_of_request(event),
        "finhub.reason": event.reason,
        "finhub.rule": event.rule,
        "finhub.replay": event.replay,
    }
    return told | _present(more)


def error_of_request(event: Forwarded) -> str:
    """Return why a request went wrong: "" where it did not, or where it was the caller's own doing."""
    if event.outcome == "aborted":
        return event.reason or "aborted"
    if event.status >= _SERVER_ERROR:
        return event.reason or str(event.status)
    return ""


def of_call(method: str, path: str, server: Place, status: int, error: str) -> Attributes:
    """Return what is said of one request to FinHub. `status` is 0 where it did not answer, `error` may be ""."""
    told: Attributes = {
        **_method(method),
        "url.full": server.origin + path,
        **server.attributes,
        "network.protocol.version": "1.1",
    }
    return told | _present({"http.response.status_code": status, "error.type": error})


def error_of_status(status: int) -> str:
    """Return what is wrong with an answer of FinHub: "" where nothing is."""
    return str(status) if status >= _CLIENT_ERROR else ""


def _method(method: str) -> Attributes:
    if method in _KNOWN:
        return {"http.request.method": method}
    return {"http.request.method": _OTHER, "http.request.method_original": method}


def _present(attributes: Attributes) -> Attributes:
    return {name: value for name, value in attributes.items() if value}
