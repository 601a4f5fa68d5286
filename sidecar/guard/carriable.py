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
# RFC 9110 §5.5: these are dangerous, whoever meets them refuses the message. As numbers they are found fastest.
_NUL, _CR, _LF = b"\0\r\n"
_NO_NAME: Final = "a field name that is not a token"


def are_tokens(names: bytes, number: int) -> bool:
    """Tell whether `names`, a line each, are so many field names and nothing else."""
    lines = names + b"\n" if number else names
    return _NAMES.fullmatch(lines) is not None and lines.count(b"\n") == number


def require_carriable_request(fields: RawFields, values: bytes, *, tokens: bool) -> None:
    """Raise Malformed (400) unless every field of a request can be forwarded as it is.

    `values` are all of them as one text (`values_of`), and `tokens` is what `are_tokens` says of the names.
    """
    if problem := _problem(fields, values) if tokens else _NO_NAME:
        remedy = "Send field names that are tokens and field values that are UTF-8 (RFC 9110 §5)."
        raise Malformed("fields", f"The request holds {problem}.", remedy=remedy)


def require_reply_names(names: bytes, number: int) -> None:
    """Raise MalformedReply (502) unless `names`, a line each, are so many field names: before the values are asked."""
    if not are_tokens(names, number):
        raise MalformedReply(f"The reply holds {_NO_NAME}.")


def require_reply_values(fields: RawFields, values: bytes) -> None:
    """Raise MalformedReply (502) unless every value of a reply can be delivered as it is; `values` as above."""
    if problem := _problem(fields, values):
        raise MalformedReply(f"The reply holds {problem}.")


def _problem(fields: RawFields, values: bytes) -> str | None:
    """Return what stands in the values' way, or None. Looks at all of them in one go: this runs twice per request."""
    if not _fault(values):
        return None
    return next(f"{fault} in the value of {shown(name)}" for name, value in fields if (fault := _fault(value)))


def _fault(value: bytes) -> str | None:
    """Return what is wrong with the bytes of a value, or None."""
    if _NUL in value or _CR in value or _LF in value:
        return "a NUL, CR or LF"
    if value.isascii():
        return None
    try:
        value.decode()
    except UnicodeDecodeError:
        return "bytes that are not UTF-8"
    return None
