"""JSON request bodies, as far as FinHub looks into them.

Pure.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sidecar.emulator.answers import malformed

if TYPE_CHECKING:
    from collections.abc import Iterable

_CHOICES: Final = {"accountType": ("b2b", "b2c")}


def read(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`, or raise 400."""
    try:
        form = json.loads(body)
    except (ValueError, RecursionError):
        raise malformed("body", "The body is not JSON", "Send a JSON object") from None
    if not isinstance(form, dict):
        raise malformed("body", "The body is not a JSON object", "Send a JSON object")
    return form


def read_optional(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`, an empty one for no body at all."""
    return read(body) if body.strip() else {}


def texts(form: dict[str, Any], required: Iterable[str]) -> dict[str, str]:
    """Return the `required` entries, or raise the 400 that names the first missing or wrong one."""
    return {name: _text(form, name) for name in required}


def _text(form: dict[str, Any], name: str) -> str:
    value = form.get(name)
    if value is None or value == "":
        raise malformed(name, f"Missing required field: {name}", f"Send the field {name}")
    if not isinstance(value, str):
        raise malformed(name, f"The field {name} is not a string", f"Send the field {name} as a string")
    if value not in _CHOICES.get(name, (value,)):
        raise malformed(name, f"The field {name} has an unknown value", f"Send one of {', '.join(_CHOICES[name])}")
    return value
