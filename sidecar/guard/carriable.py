r"""Which field bytes can be carried unharmed: what cannot is refused, never altered silently.

Pure. The HTTP library writes fields as UTF-8 text and drops bytes that are not: `caf\xe9` would arrive as `caf`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sidecar.errors import MalformedReply
from sidecar.guard.refusal import Malformed, shown

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

# RFC 9110 §5.6.2
_NAMES: Final = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+\n)*")
# RFC 9110 §5.5: CR, LF and NUL are dangerous, whoever meets them refuses the message.
_DANGEROUS: Final = re.compile(rb"[\0\r\n]")


def require_carriable_request(fields: RawFields) -> None:
    """Raise Malformed (400) unless every field of a request can be forwarded as it is."""
    if problem := _problem(fields):
        remedy = "Send field names that are tokens and field values that are UTF-8 (RFC 9110 §5)."
        raise Malformed("fields", f"The request holds {problem}.", remedy=remedy)


def require_carriable_reply(fields: RawFields) -> None:
    """Raise MalformedReply (502) unless every field of a reply can be delivered as it is."""
    if problem := _problem(fields):
        raise MalformedReply(f"The reply holds {problem}.")


def _problem(fields: RawFields) -> str | None:
    """Return what stands in the way, or None. Looks at all fields in one go: this runs twice per request."""
    names = b"".join([name + b"\n" for name, _ in fields])
    if not _NAMES.fullmatch(names) or names.count(b"\n") != len(fields):
        return "a field name that is not a token"
    # A space between two values keeps the bytes of one from completing a character of the other.
    values = b" ".join([value for _, value in fields])
    if not _fault(values):
        return None
    return next(f"{fault} in the value of {shown(name)}" for name, value in fields if (fault := _fault(value)))


def _fault(value: bytes) -> str | None:
    """Return what is wrong with the bytes of a value, or None."""
    if _DANGEROUS.search(value):
        return "a NUL, CR or LF"
    if value.isascii():
        return None
    try:
        value.decode()
    except UnicodeDecodeError:
        return "bytes that are not UTF-8"
    return None
