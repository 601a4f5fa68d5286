"""One call as the handlers see it: the request, its body piece by piece, and whose session it is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from sidecar.emulator.answers import FinHubError, refusal
from sidecar.emulator.seen import Seen, shown_field, shown_query, subject_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from sidecar.emulator.sessions import Session

_MOST_HELD: Final = 16 * 1024 * 1024


class Body:
    """A request body that is hashed while it passes; nothing of it is kept but by `read`."""

    def __init__(self, request: web.Request) -> None:
        self._content = request.content
        self._digest = hashlib.sha256()
        self._kept = b""
        self.length = 0

    @property
    def sha256(self) -> str:
        """Return the digest of what has been read so far."""
        return self._digest.hexdigest()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, once."""
        if self._kept:
            yield self._kept
        async for chunk in self._content.iter_any():
            self._count(chunk)
            yield chunk

    async def read(self) -> bytes:
        """Return the whole body, or raise 413 when it is larger than FinHub takes outside of `/api/sink`."""
        pieces: list[bytes] = []
        held = 0
        async for chunk in self.chunks():
            held += len(chunk)
            if held > _MOST_HELD:
                raise FinHubError(refusal(413, errorType="BODY_TOO_LARGE"))
            pieces.append(chunk)
        return b"".join(pieces)

    async def keep(self) -> None:
        """Read the body ahead, so that a call that is refused is on record with it. Only for small ones."""
        self._kept = await self.read()

    def _count(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self.length += len(chunk)


class Call:
    """A request on its way through FinHub; `session` is there once a bearer token was accepted."""

    def __init__(self, request: web.Request, scope: str, number: int) -> None:
        self.request = request
        self.scope = scope
        self.number = number
        self.fields = request.raw_headers
        self.path, _, self.query = request.raw_path.partition("?")
        self.body = Body(request)
        self.session: Session | None = None

    def part(self, name: str) -> str:
        """Return the segment of the path that the route calls `name`."""
        return self.request.match_info[name]

    def argument(self, name: str, default: str) -> str:
        """Return one query parameter."""
        return self.request.query.get(name, default)

    @property
    def client_certificate(self) -> str | None:
        """Return the subject of the certificate that the peer presented in the handshake."""
        transport = self.request.transport
        return subject_name(transport.get_extra_info("peercert")) if transport is not None else None

    def seen(self, status: int, fault: str | None) -> Seen:
        """Return what goes on record about this call."""
        return Seen(
            number=self.number,
            scope=self.scope,
            method=self.request.method,
            path=self.path,
            query=shown_query(self.query),
            status=status,
            client_certificate=self.client_certificate,
            fields=tuple(shown_pair(name, value) for name, value in self.fields),
            body_length=self.body.length,
            body_sha256=self.body.sha256,
            fault=fault,
        )


def shown_pair(name: bytes, value: bytes) -> tuple[str, str]:
    """Return one raw field as text (ISO 8859-1 keeps every byte), a fingerprint in place of a secret."""
    text = name.decode("latin-1")
    return text, shown_field(text, value.decode("latin-1"))
