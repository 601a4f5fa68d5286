"""What could not be read of a caller's, in our words: never an echo of its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from sidecar import errors

if TYPE_CHECKING:
    from sidecar.gateway.caller_limits import CallerLimits

MOST_FIELDS: Final = 256
"""Fields of one request, beside the bound of their bytes."""


def refusal(error: HttpProcessingError, limits: CallerLimits) -> errors.SidecarError:
    """Return what the parser's complaint means; it tells a long line from a long field by the limit alone."""
    if isinstance(error, LineTooLong) and error.args[1] == limits.longest_line:
        return errors.TargetTooLong(f"the request target exceeds {limits.max_target} bytes")
    if isinstance(error, LineTooLong):
        return errors.FieldsTooLarge(f"a header field exceeds {limits.max_field} bytes")
    if "Too many headers" in str(error):
        return errors.FieldsTooLarge(f"there are more than {MOST_FIELDS} header fields")
    return errors.MalformedRequest("the request is not well-formed HTTP/1.1")
