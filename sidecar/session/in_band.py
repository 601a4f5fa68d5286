"""A reply to a caller's request that refuses the token inside its body: FinCard's 401 in a 200 (CONTRACT §5).

Pure, and never raises. Only a whole JSON document counts: a request is sent a second time for what FinHub surely said,
and never for what half a body may mean.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Final

from sidecar.rawfields import first
from sidecar.session import lookup

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields
    from sidecar.session.dialect import Expired

LARGEST: Final = 65536
"""Bytes of a body, decoded, beyond which it is no refusal."""

_DIGITS: Final = len(str(LARGEST))

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]+")
"""What JSON writes as it is."""

_CODED: Final = frozenset({b"gzip", b"x-gzip", b"deflate"})
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


class InBand:
    """Knows a refusal of the token by what a dialect says about it."""

    def __init__(self, expired: Expired) -> None:
        self._statuses = frozenset(expired.status)
        self._places = expired.code_at
        self._codes = frozenset(expired.codes)
        self._marks = tuple(code.encode() if _PLAIN.fullmatch(code) else b"" for code in expired.codes)

    def may(self, status: int, fields: RawFields) -> bool:
        """Tell whether the body has to be looked at: not where status, type or length speak against it."""
        if status not in self._statuses:
            return False
        kind = first(fields, b"content-type")
        if kind is not None and not kind.partition(b";")[0].rstrip().lower().endswith(b"json"):
            return False
        length = first(fields, b"content-length") or b""
        return not (length.isdigit() and (len(length) > _DIGITS or int(length) > LARGEST))

    def says(self, fields: RawFields, body: bytes) -> bool:
        """Tell whether `body`, the first 64 KiB of it at most, refuses the token."""
        plain = _plain(first(fields, b"content-encoding"), body)
        if not any(mark in plain for mark in self._marks):  # as most say nothing of the kind
            return False
        document = lookup.parse(plain)
        found = (lookup.name(value) for place in self._places for value in lookup.at(document, place))
        return any(code in self._codes for code in found)


def _plain(coding: bytes | None, body: bytes) -> bytes:
    """Return the body decoded, b"" where it cannot be; gzip and deflate alone, which cost next to nothing."""
    if coding is None:
        return body
    if coding.lower() not in _CODED:
        return b""
    try:
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, LARGEST)
    except zlib.error:
        return b""
