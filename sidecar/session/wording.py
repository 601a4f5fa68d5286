"""What FinHub says about a failure, made fit to be shown: short, printable, and without any secret.

Pure. A body is never shown; only the few members in which FinHub explains itself are (CONTRACT §5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from sidecar.redact import HIDDEN, Secret, is_secret_key, redact
from sidecar.session import lookup

if TYPE_CHECKING:
    from collections.abc import Iterator

_MESSAGES: Final = ("message", "msg", "error_description", "error")
_FACTS: Final = ("errorType", "attempts", "maxAttempts", "lockoutTime")

_LONGEST_MESSAGE: Final = 200
_LONGEST_FACT: Final = 40
_MOST_SECRETS: Final = 64
_JWT: Final = re.compile(r"eyJ[\w-]{5,}(?:\.[\w-]*){0,4}")


@dataclass(frozen=True, slots=True)
class Said:
    """FinHub's own words: `reason` to be put behind a sentence, `field` the request's member it complains about."""

    reason: str = ""
    field: str = ""


def said(document: object) -> Said:
    """Return what `document`, a reply's JSON or None, says about why it grants nothing.

    The reason is `: "the message" (facts)`, both optional, and "" where there is neither.
    """
    # What the reply itself calls a secret is one, and lives here while it is looked for.
    secrets = [Secret(text) for text in islice(_secrets(document), _MOST_SECRETS + 1)]
    if len(secrets) > _MOST_SECRETS:
        return Said()
    message = _message(document)
    facts = ", ".join(f"{fact} {shown}" for fact in _FACTS if (shown := _shown(document, fact)))
    reason = (f': "{message}"' if message else "") + (f" ({facts})" if facts else "")
    return Said(reason=reason, field=_shown(document, "field"))


def clean(text: str, longest: int) -> str:
    """Return the text in one printable line without living secrets, at most `longest` characters."""
    # Twice: taking out control characters can put a secret together, or hide one's own.
    line = "".join(letter for letter in " ".join(redact(text).split()) if letter.isprintable())
    line = _JWT.sub(HIDDEN, redact(line))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _message(document: object) -> str:
    _, message = lookup.first(document, _MESSAGES, lookup.text)
    return clean(message or "", _LONGEST_MESSAGE)


def _shown(document: object, member: str) -> str:
    _, value = lookup.first(document, (member,), lookup.name)
    return clean(value or "", _LONGEST_FACT)


def _secrets(document: object) -> Iterator[str]:
    """Yield every text under a key that names a secret, however deep."""
    left = [(document, False)]
    while left:
        value, hidden = left.pop()
        if isinstance(value, dict):
            left += [(part, hidden or is_secret_key(key)) for key, part in value.items()]
        elif isinstance(value, list):
            left += [(part, hidden) for part in value]
        elif hidden and (text := lookup.text(value)):
            yield text
