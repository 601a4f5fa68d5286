"""Numbers, sizes and texts of the configuration: each function returns the value in our unit or raises `Unfit`.

Pure. Durations are float seconds, sizes int bytes.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from sidecar.config.problems import Unfit

LONGEST: Final = 2_678_400.0  # seconds, 31 days: beyond it a duration is a slip, and timers overflow
LARGEST: Final = 2**40  # bytes, 1 TiB
_UNITS: Final = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE: Final = re.compile(r"([0-9]{1,13}) ?(B|KiB|MiB|GiB)?", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_TARGET: Final = re.compile(r"/[!-\"$-~]*", re.ASCII)

SHARE: Final = "a number from 0 to 1"
POSITIVE_SECONDS: Final = f"a number of seconds, above 0 and at most {LONGEST:.0f}"
SECONDS: Final = f"a number of seconds, from 0 to {LONGEST:.0f}"
SIZE: Final = 'a size from 0 to "1024GiB": whole bytes, or a string with B, KiB, MiB or GiB, such as "1MiB"'
POSITIVE_SIZE: Final = SIZE.replace("from 0", "from 1")
PIN: Final = "the SHA-256 of a public key (SubjectPublicKeyInfo) in base64, 44 characters"
_PIN_BYTES: Final = 32
MODE: Final = 'an octal mode as text, such as "0660"; the owner must be able to write'
_MODE: Final = re.compile(r"0?[0-7]{3}", re.ASCII)
_OWNER_WRITES: Final = 0o200
_USER: Final = re.compile(r"[^\s:]+")
OWNER: Final = '"USER", "USER:GROUP" or ":GROUP", each a name or a number'
_OWNER: Final = re.compile(r"[^\s:]+(:[^\s:]+)?|:[^\s:]+")


def positive_seconds(value: object) -> float:
    """Return a duration in seconds that is longer than nothing."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LONGEST:
        raise Unfit(POSITIVE_SECONDS)
    return float(value)


def seconds(value: object) -> float:
    """Return a duration in seconds; 0 means "not at all"."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LONGEST:
        raise Unfit(SECONDS)
    return float(value)


def share(value: object) -> float:
    """Return a share of a whole: 0 is nothing of it, 1 all."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise Unfit(SHARE)
    return float(value)


def size(value: object) -> int:
    """Return a size in bytes, from an integer or a text such as "1MiB"; 0 means "nothing"."""
    count = _bytes(value)
    if count is None or not 0 <= count <= LARGEST:
        raise Unfit(SIZE)
    return count


def positive_size(value: object) -> int:
    """Return a size in bytes that is more than nothing."""
    count = _bytes(value)
    if count is None or not 0 < count <= LARGEST:
        raise Unfit(POSITIVE_SIZE)
    return count


def _bytes(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) * _UNITS[match[2] or ""] if match else None


def format_size(count: int) -> str:
    """Return the shortest text that `size` reads as `count` bytes: 1048576 → "1MiB"."""
    unit = next(unit for unit in ("GiB", "MiB", "KiB", "B") if count % _UNITS[unit] == 0)
    return f"{count // _UNITS[unit]}{unit}" if count else "0B"


def text(value: object) -> str:
    """Return a text of at least one character and without control characters."""
    if not isinstance(value, str) or not value:
        raise Unfit("a string of at least one character")
    if _CONTROL.search(value):
        raise Unfit("a string without control characters", found="a string with control characters")
    # Lone surrogates: bytes of the environment that are not UTF-8, or half an escape in JSON.
    if not value.isprintable() and any("\ud800" <= character <= "\udfff" for character in value):
        raise Unfit("a string of Unicode characters", found="a string that is not Unicode")
    return value


def visible(value: object) -> str:
    """Return a text that can stand in a field value as it is: printable ASCII, no blanks around it (RFC 9110 §5.5)."""
    checked = text(value)
    if not checked.isascii() or checked.strip() != checked:
        raise Unfit("printable ASCII without blanks around it", found="a string that cannot stand in a header field")
    return checked


def target(value: object) -> str:
    """Return a request target in origin form: "/" and visible ASCII, no fragment (RFC 9112 §3.2.1)."""
    if not isinstance(value, str) or not _TARGET.fullmatch(value):
        raise Unfit('a path that begins with "/", in visible ASCII and without "#"')
    return value


def pin(value: object) -> str:
    """Return the base64 of a SHA-256 digest; curl's "sha256//" in front of it is dropped."""
    if not isinstance(value, str):
        raise Unfit(PIN)
    text = value.removeprefix("sha256//").removeprefix("sha256/")
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unfit(PIN) from None
    if len(digest) != _PIN_BYTES:
        raise Unfit(PIN)
    return text


def mode(value: object) -> str:
    """Return a file mode as four octal digits: "660" → "0660"."""
    if not isinstance(value, str) or not _MODE.fullmatch(value) or not int(value, 8) & _OWNER_WRITES:
        raise Unfit(MODE)
    return f"{int(value, 8):04o}"


def user(value: object) -> str:
    """Return a user's name or number: a text without blanks and colons."""
    checked = text(value)
    if not _USER.fullmatch(checked):
        raise Unfit('the name or number of a user, such as "app" or "1000"')
    return checked


def owner(value: object) -> str:
    """Return the owner of a file, as chown(1) takes it: "USER", "USER:GROUP" or ":GROUP"."""
    checked = text(value)
    if not _OWNER.fullmatch(checked):
        raise Unfit(OWNER)
    return checked
