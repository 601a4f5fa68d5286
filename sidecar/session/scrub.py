"""A login reply of FinHub's for a caller, without what a session is worth: tokens, refresh tokens, session ids.

Pure. What cannot be searched is withheld. Names decide, those of the dialect's `[reply]` and all that sound like a
secret; what was found under them, what has the form of a JWT and every living secret is taken out wherever it stands.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from sidecar.errors import MalformedReply
from sidecar.redact import is_secret_key, redact
from sidecar.session import lookup
from sidecar.session.stub import PLACEHOLDER, token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.rawfields import RawFields
    from sidecar.session.dialect import ReplyShape

LARGEST: Final = 65536
"""Bytes of a body beyond which nothing is searched."""

_JWT: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)

_SHORTEST: Final = 5
"""Shorter values are taken out where they lie, and not looked for elsewhere: they would blank out ordinary words."""

# `tokenType` and `tokenExpiresAt` tell of a token, and are none.
_TELLS_OF_ONE: Final = re.compile(r"type$|expir", re.IGNORECASE)

# They vouch for a body that is another one now.
_OF_THE_BODY: Final = frozenset(
    {
        b"content-digest",
        b"content-length",
        b"content-md5",
        b"digest",
        b"etag",
        b"repr-digest",
        b"signature",
        b"signature-input",
    }
)


class Scrub:
    """Takes out what lies where a dialect says."""

    def __init__(self, shape: ReplyShape) -> None:
        places = (*shape.token, *shape.refresh_token, *shape.session_id, *shape.internal_token_key)
        self._names = frozenset(_folded(place.split(".")[-1].removesuffix("[]")) for place in places)

    def clean(self, fields: RawFields, body: bytes, made_at: int) -> tuple[RawFields, bytes]:
        """Return fields and body for the caller; the body is another one only where something was taken out.

        Raises MalformedReply for a body that cannot be searched. `made_at`: seconds since 1970.
        """
        document = self._read(fields, body)
        try:
            hide = _Hiding(frozenset(self._values(document, inside=False)), token(made_at))
            clean = self._hidden(document, hide, inside=False)
        except RecursionError:
            raise _withheld() from None
        kept = tuple((name, value) for name, value in fields if not _betrays(name, value, hide))
        if clean == document:
            return kept, body
        written = json.dumps(clean).encode()
        rest = tuple((name, value) for name, value in kept if name.lower() not in _OF_THE_BODY)
        return (*rest, (b"Content-Length", b"%d" % len(written))), written

    def _read(self, fields: RawFields, body: bytes) -> object:
        if not body:
            return None
        coded = [name for name, value in fields if name.lower() == b"content-encoding" and value.lower() != b"identity"]
        document = None if coded or len(body) > LARGEST else lookup.parse(body)
        if document is None:
            raise _withheld()
        return document

    def _values(self, value: object, *, inside: bool) -> Iterator[str]:
        """Yield the texts that lie under a name of a secret's; `inside`: `value` itself does."""
        if isinstance(value, dict):
            for name, part in value.items():
                yield from self._values(part, inside=inside or self._is_secret(name))
        elif isinstance(value, list):
            for part in value:
                yield from self._values(part, inside=inside)
        elif inside and isinstance(value, str) and len(value) >= _SHORTEST:
            yield value

    def _hidden(self, value: object, hide: _Hiding, *, inside: bool) -> object:
        """Return the document without what is to be hidden."""
        if isinstance(value, dict):
            return {
                hide.text(name): self._hidden(part, hide, inside=inside or self._is_secret(name))
                for name, part in value.items()
            }
        if isinstance(value, list):
            return [self._hidden(part, hide, inside=inside) for part in value]
        if isinstance(value, str):
            return hide.whole(value) if inside and value else hide.text(value)
        return 0 if inside and isinstance(value, int | float) and not isinstance(value, bool) else value

    def _is_secret(self, name: str) -> bool:
        if _folded(name) in self._names:
            return True
        return is_secret_key(name) and not _TELLS_OF_ONE.search(name)


class _Hiding:
    """What is put in the place of what was found, and where else that is looked for."""

    def __init__(self, found: frozenset[str], stands_in: str) -> None:
        self._found = sorted(found, key=len, reverse=True)  # so that no tail of one survives
        self._token = stands_in

    def whole(self, value: str) -> str:
        """Return what stands for a secret: of the form that it has."""
        return self._token if _JWT.fullmatch(value) else PLACEHOLDER

    def text(self, value: str) -> str:
        """Return a text without any secret in it."""
        for secret in self._found:
            value = value.replace(secret, PLACEHOLDER)
        return redact(_JWT.sub(PLACEHOLDER, value))


def _withheld() -> MalformedReply:
    return MalformedReply(
        "FinHub's reply to the caller's login cannot be searched for tokens (it is no plain JSON, or longer than "
        "64 KiB), so it is withheld",
        remedy='Have the sidecar answer such calls itself: session.login_endpoint = "stub".',
    )


def _betrays(name: bytes, value: bytes, hide: _Hiding) -> bool:
    """Tell whether a field holds, by its name or in its value, what a session is worth."""
    key, text = name.decode("latin-1").lower(), value.decode("latin-1")
    return is_secret_key(key) or "session" in key or any(hide.text(form) != form for form in (text, unquote(text)))


def _folded(name: str) -> str:
    """Return a name without what spellings differ in: `session_id` is `sessionId`."""
    return name.replace("_", "").replace("-", "").casefold()
