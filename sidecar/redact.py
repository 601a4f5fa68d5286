"""Secrets that cannot be printed, and a net under everything that is: redaction by value and by key.

Pure. A `Secret` announces itself while it lives; `redact` takes every living secret out of a text, in the forms in
which secrets leak: as it is, percent-encoded, base64 and JSON-escaped.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
import weakref
from typing import Final, final

HIDDEN: Final = "[redacted]"

# Short values would blank out ordinary words ("b2b", "1234"); what is this short protects nothing anyway.
_SHORTEST: Final = 5

_SECRET_KEY: Final = re.compile(
    r"authorization|cookie|passw|secret|token|api[-_]?key|private|credential|sidecar-key", re.IGNORECASE
)

# By identity: of two equal secrets each is watched for as long as it lives itself.
_living: weakref.WeakValueDictionary[int, Secret] = weakref.WeakValueDictionary()
_births = 0


@final
class Secret:
    """A text that hides itself: `str`, `repr`, `format` and pickling never show it, only `reveal()` does.

    Equal to another Secret of the same text (compared in constant time elsewhere, where an outsider can time it).
    """

    __slots__ = ("__weakref__", "_forms", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._forms = _forms(text) if len(text) >= _SHORTEST else ()
        _living[id(self)] = self
        global _births  # noqa: PLW0603  # a fact about all of them, like the dictionary above
        _births += 1

    def reveal(self) -> str:
        """Return the text itself. Whoever calls this answers for where it goes."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a Secret cannot be pickled or copied into another process")


def _forms(text: str) -> tuple[str, ...]:
    """Return the spellings in which `text` may turn up, longest first so that no tail of one survives."""
    raw = text.encode()
    spellings = {
        text,
        urllib.parse.quote(text, safe=""),
        urllib.parse.quote_plus(text, safe=""),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }
    return tuple(sorted(spellings, key=len, reverse=True))


def births() -> int:
    """Return how many secrets there have ever been: while that stays the same, `living` can only lose some."""
    return _births


def living() -> tuple[Secret, ...]:
    """Return all living secrets. For as long as the caller keeps them, `redact` takes them out."""
    # The references are copied in one step: other threads make secrets meanwhile.
    return tuple(one for reference in _living.valuerefs() if (one := reference()) is not None)


def redact(text: str) -> str:
    """Return `text` without any living secret; each becomes `[redacted]`."""
    for secret in living():
        for form in secret._forms:  # noqa: SLF001  # one module, one idea
            if form in text:
                text = text.replace(form, HIDDEN)
    return text


def is_secret_key(name: str) -> bool:
    """Tell whether a key, field or variable of this name holds what must not be shown, whatever its value."""
    return _SECRET_KEY.search(name) is not None
