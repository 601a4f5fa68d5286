"""What FinHub says of its own address, made to lead back to the listener: redirects and cookies.

Pure. For callers that follow an absolute `Location` and cannot reach FinHub by themselves. Only what names FinHub's
very origin is changed, and the rest of a value stays as it came, byte for byte (RFC 9110 §10.2.2, RFC 6265 §4.1.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sidecar.guard.authority import parse
from sidecar.rawfields import first

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

_PLACES: Final = frozenset({b"location", b"content-location"})
_REFRESH: Final = b"refresh"
_COOKIE: Final = b"set-cookie"
_TOLD: Final = _PLACES | {_REFRESH, _COOKIE}

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

# `5; url=https://…`, as browsers read it: the number, a mark, "url=" or not, a quote or not.
_BEFORE_URL: Final = rb"[ \t]*[0-9.]*[ \t]*[;,]?[ \t]*(?:url[ \t]*=[ \t]*)?[\"']?"

# The listener speaks plain HTTP, over which a Secure cookie is not sent back; these two are refused without it.
_OF_SECURE: Final = re.compile(rb"secure|partitioned|samesite[ \t]*=[ \t]*none", re.IGNORECASE)
_DOMAIN: Final = re.compile(rb"domain[ \t]*=[ \t]*\.?([^ \t]*)", re.IGNORECASE)

# That of "/a": neither of "//a" nor of "/\a", which browsers take for the same.
_BEFORE_PATH: Final = rb"|(?=/(?![/\\]))"
_PATH: Final = re.compile(rb"\A([ \t]*path[ \t]*=[ \t]*)(?=/)", re.IGNORECASE)

_NOBODY: Final = b"localhost"


@dataclass(frozen=True, slots=True)
class Relocation:
    """Knows one origin, and where callers find it.

    Attributes:
        place, refresh: find what is to be replaced in a value: the origin, or nothing, before a path.
        domains: those that its cookies may name.
        under: the path that callers put before FinHub's own, b"" as a rule.
    """

    place: re.Pattern[bytes]
    refresh: re.Pattern[bytes]
    domains: frozenset[bytes]
    under: bytes

    @classmethod
    def build(cls, origin: str, under: str = "") -> Relocation:
        """Return what knows this origin: scheme, host and perhaps a port."""
        url = urlsplit(origin)
        host, default = url.hostname or "", _DEFAULT_PORTS.get(url.scheme)
        port = url.port or default
        digits = rb":0*%d" % port if port else b""
        if port == default:
            digits = rb"(?:%b|:)?" % digits
        written = re.escape(f"[{host}]" if ":" in host else host).encode()
        known = rb"(?P<origin>(?:%b:)?//%b%b)" % (url.scheme.encode(), written, digits)
        paths = _BEFORE_PATH if under else b""
        labels = host.encode().split(b".")
        return cls(
            place=re.compile(rb"(?P<before>)(?:%b(?=[/?#]|\Z)%b)" % (known, paths), re.IGNORECASE),
            refresh=re.compile(rb"(?P<before>%b)(?:%b(?=[/?#\"']|\Z)%b)" % (_BEFORE_URL, known, paths), re.IGNORECASE),
            domains=frozenset(b".".join(labels[index:]) for index in range(max(len(labels) - 1, 1))),
            under=under.encode(),
        )

    def apply(self, reply: RawFields, request: RawFields) -> RawFields:
        """Return a reply's fields for whoever sent `request`, whose Host names the listener."""
        if _TOLD.isdisjoint([name.lower() for name, _ in reply]):
            return reply
        host = first(request, b"host") or _NOBODY
        here = b"http://" + (_NOBODY if parse(host) is None else host)  # nobody has looked at it on a Unix socket
        return tuple((name, self._value(name.lower(), value, here)) for name, value in reply)

    def _value(self, key: bytes, value: bytes, here: bytes) -> bytes:
        if key == _COOKIE:
            return self._cookie(value)
        if key not in _TOLD:
            return value
        found = (self.refresh if key == _REFRESH else self.place).match(value)
        if found is None:
            return value
        return found["before"] + (here if found["origin"] else b"") + self.under + value[found.end() :]

    def _cookie(self, value: bytes) -> bytes:
        """Return a cookie that comes back to whom it was set by: to the listener, over plain HTTP."""
        pair, *attributes = value.split(b";")
        kept = (one for one in attributes if not self._binds(one.strip(b" \t")))
        return b";".join([pair, *(_PATH.sub(lambda found: found[1] + self.under, one) for one in kept)])

    def _binds(self, attribute: bytes) -> bool:
        """Tell whether an attribute would keep the cookie from coming back."""
        if _OF_SECURE.fullmatch(attribute):
            return True
        domain = _DOMAIN.fullmatch(attribute)
        return domain is not None and domain[1].lower() in self.domains
