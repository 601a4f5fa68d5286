"""Finding things in a JSON document whose shape nobody promised.

Pure, and never raises: what is not there, or not what it should be, is None.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_T = TypeVar("_T")

_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?", re.ASCII)
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_LARGEST: Final = 1e18


def parse(body: bytes) -> object:
    """Return the JSON document in `body`, or None when it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def find(document: object, place: str) -> Iterator[tuple[str, object]]:
    """Yield (where, what) for all that lies at `place`, in the document itself and then under its `data`."""
    for value in at(document, place):
        yield place, value
    for value in at(document, f"data.{place}"):
        yield f"data.{place}", value


def at(document: object, place: str) -> Iterator[object]:
    """Yield all that lies at `place`, in the document itself alone."""
    return _walk(document, place.split("."))


def readings(document: object, places: Iterable[str], read: Callable[[object], _T | None]) -> Iterator[tuple[str, _T]]:
    """Yield (where, what) for all that lies at one of `places` and that `read` understands, in order of preference."""
    for place in places:
        for where, value in find(document, place):
            understood = read(value)
            if understood is not None:
                yield where, understood


def first(document: object, places: Iterable[str], read: Callable[[object], _T | None]) -> tuple[str, _T | None]:
    """Return the first of the readings, or ("", None)."""
    return next(readings(document, places, read), ("", None))


def filled(value: object) -> str | None:
    """Read a text that is not empty."""
    return value if isinstance(value, str) and value else None


def text(value: object) -> str | None:
    """Read a text that is not empty and can be encoded: JSON can spell half a surrogate pair."""
    found = filled(value)
    return None if found is None or _SURROGATE.search(found) else found


def name(value: object) -> str | None:
    """Read what names something, as text: a text, or a finite number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return text(str(value))


def visible(value: object) -> str | None:
    """Read a name made of visible ASCII alone, which can stand in a field or a path."""
    found = name(value)
    return found if found is not None and is_visible(found) else None


def is_visible(value: str) -> bool:
    """Tell whether the text is not empty and visible ASCII throughout."""
    return _VISIBLE.fullmatch(value) is not None


def number(value: object) -> float | None:
    """Read a finite number, also from a text of digits; a bool is none."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared as it is: an int can be too large for a float.
    return float(value) if -_LARGEST < value < _LARGEST and not math.isnan(value) else None


def _walk(value: object, parts: list[str]) -> Iterator[object]:
    if not parts:
        yield value
        return
    key = parts[0].removesuffix("[]")
    if not isinstance(value, dict) or key not in value:
        return
    child = value[key]
    if key == parts[0]:
        yield from _walk(child, parts[1:])
    elif isinstance(child, list):
        for element in child:
            yield from _walk(element, parts[1:])
