"""How a request is framed: one reading only, the second line of defence behind the parser (RFC 9112 §6).

Pure. Two origins that disagree on where a body ends are how requests are smuggled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar.guard.refusal import Malformed, shown

if TYPE_CHECKING:
    from sidecar.guard.seen import Seen

# More digits than any body has bytes; it also keeps `int` from a number of thousands of digits.
_MOST_DIGITS: Final = 18
ENDLESS: Final = 10**_MOST_DIGITS


def require_framing(seen: Seen) -> int:
    """Return the announced length in bytes, 0 when none is; raise Malformed (400) when it can be read in two ways.

    A length of more than 18 digits comes back as ENDLESS, which every limit is below.
    """
    lengths = seen.get(b"content-length", ())
    codings = seen.get(b"transfer-encoding", ())
    if codings:
        _require_chunked(codings, lengths)
    if not lengths:
        return 0
    if len(lengths) > 1:
        raise Malformed("framing", "The request holds more than one Content-Length.")
    return _length(lengths[0])


def _require_chunked(codings: list[bytes], lengths: list[bytes] | tuple[()]) -> None:
    """Raise Malformed unless the only framing is a single `chunked` (RFC 9112 §6.1)."""
    if lengths:
        raise Malformed("framing", "The request holds both Content-Length and Transfer-Encoding.")
    if len(codings) > 1 or codings[0].lower() != b"chunked":
        found = shown(b", ".join(codings))
        raise Malformed("framing", f"The request holds Transfer-Encoding {found}; only a single chunked is understood.")


def _length(value: bytes) -> int:
    """Return the value of one Content-Length, which is digits and nothing else (RFC 9110 §8.6)."""
    if not value.isdigit():
        raise Malformed("framing", f"The request holds Content-Length {shown(value)}, which is not a number of bytes.")
    digits = value.lstrip(b"0")
    return ENDLESS if len(digits) > _MOST_DIGITS else int(digits or b"0")
