"""A field's value with `{variables}` in it: read once, filled per request.

Pure. Braces that hold no name of a variable are ordinary text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE: Final = re.compile(r"\{([a-z][a-z_.]*)\}")
# RFC 9110 §5.5: no control character but the tab; a lone surrogate is no character at all.
_ILLEGAL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Template:
    """Texts and the names of the variables between them: always one more text than there are variables."""

    texts: tuple[str, ...]
    variables: tuple[str, ...]

    @classmethod
    def parse(cls, value: str) -> Template:
        """Return the template that a configured value spells."""
        pieces = _VARIABLE.split(value)
        return cls(tuple(pieces[::2]), tuple(pieces[1::2]))

    def around(self, variable: str, values: Mapping[str, str | None]) -> tuple[str, ...] | None:
        """Return the texts between which `variable` stands, the others filled in; None when one of them is unknown."""
        pieces = [self.texts[0]]
        for name, text in zip(self.variables, self.texts[1:], strict=True):
            value = values.get(name)
            if name == variable:
                pieces.append(text)
            elif value is None:
                return None
            else:
                pieces[-1] += value + text
        return tuple(pieces)

    def fill(self, values: Mapping[str, str | None]) -> str | None:
        """Return the text with its variables filled in, or None when one of them is unknown now."""
        filled = self.texts[0]
        for variable, text in zip(self.variables, self.texts[1:], strict=True):
            value = values.get(variable)
            if value is None:
                return None
            filled += value + text
        return filled


def is_legal(value: str) -> bool:
    """Tell whether a text is a legal field value that arrives as it was sent (RFC 9110 §5.5)."""
    return value == value.strip(" \t") and not _ILLEGAL.search(value)
