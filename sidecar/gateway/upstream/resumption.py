"""TLS sessions resumed: a new connection continues a good one's session, which saves both sides most of a handshake.

Event loops ask a context for a TLS object without a session, so a context of our own adds it. A session continues
what a full handshake found out: whose certificates these are. So it lives as long as its context, with which identity
and trust are replaced, and at most an hour: then the certificates are looked at again.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST: Final = 3600.0
"""Seconds since the last full handshake for which sessions are resumed."""


class Resuming(ssl.SSLContext):
    """Makes the TLS objects of `inner`, for one server, with the session of the last good connection.

    Itself it is empty: `start_tls` takes nothing but an SSLContext, and asks of it `wrap_bio` alone.
    """

    def __new__(cls, *_: object) -> Self:
        """Return a context without arguments of ours: OpenSSL's part of it takes a protocol alone."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, inner: ssl.SSLContext, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock
        self._session: ssl.SSLSession | None = None
        self._verified_at = 0.0

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002  # ssl's own
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Return a TLS object that offers the session, if there is one that may be resumed."""
        if self._clock() - self._verified_at > LONGEST:
            self._session = None
        return self._inner.wrap_bio(incoming, outgoing, server_side, server_hostname, session or self._session)

    def remember(self, tls: ssl.SSLObject) -> None:
        """Keep the session of a connection that served: under TLS 1.3 its ticket comes behind the handshake."""
        if not tls.session_reused:
            self._verified_at = self._clock()
        self._session = tls.session

    def forget(self) -> None:
        """Begin with a full handshake: a connection did not come about, or brought nothing."""
        self._session = None
