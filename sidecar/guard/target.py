"""The request target: origin-form only, and one meaning for whoever reads it (RFC 9112 §3.2.1).

Pure. A target that passes is forwarded as it is, byte for byte: double slashes, `;params`, percent-escapes and a
leading `//` (no authority to us, since our origin is prefixed to it) are the upstream's to read.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from sidecar.guard.refusal import Malformed

# `..;x` is a dot segment too, to servers that take path parameters off before they resolve it.
_DOT_SEGMENT: Final = re.compile(r"(?:^|[/\\])\.\.?(?:[/\\;]|$)")


def require_sound_target(target: str) -> str:
    """Return the target's path; raise Malformed (400) if the target could mean something else to somebody else.

    Refused: absolute-form, authority-form, `*`, `#`, whatever is not visible ASCII, `%00`, a backslash in the path, and
    dot segments in the path, plain or encoded once.
    """
    if not target.startswith("/"):
        raise Malformed("target", "The request target is not in origin-form: it must begin with a slash.")
    # RFC 3986 §2 leaves the visible ASCII characters; a fragment is never sent (RFC 9110 §7.1).
    if not (target.isascii() and target.isprintable()) or " " in target or "#" in target:
        raise Malformed("target", "The request target holds a character that must be percent-encoded.")
    if "%00" in target:
        raise Malformed("target", "The request target holds an encoded NUL (%00).")
    path = target.partition("?")[0]
    if "\\" in path:
        raise Malformed("target", "The path holds a backslash, which some servers read as a slash.")
    reading = decoded(path)
    # Looked for only where a segment begins with a dot: behind a slash, or behind a backslash that was encoded.
    if ("/." in reading or "\\." in reading) and _DOT_SEGMENT.search(reading):
        raise Malformed("target", "The path holds a dot segment (/./ or /../, plain or encoded).")
    return path


def decoded(path: str) -> str:
    """Return the path with its percent-escapes decoded once; broken ones stay, odd bytes become surrogates."""
    if "%" not in path:
        return path
    return unquote_to_bytes(path.encode(errors="surrogateescape")).decode(errors="surrogateescape")
