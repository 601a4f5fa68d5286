"""TOML as we write it (https://toml.io/en/v1.0.0); the standard library only reads.

Pure.
"""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Final

from sidecar.config.addresses import Address
from sidecar.config.kinds import Kind
from sidecar.config.refs import SecretRef, table
from sidecar.config.values import format_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.config.finhub_side import FieldRule
    from sidecar.config.section import Section

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def line(name: str, value: object) -> str:
    """Return `name = value`."""
    return f"{name} = {inline(value)}"


def quoted(text: str) -> str:
    """Return a TOML basic string; JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def inline(value: object) -> str:
    """Return a value on one line: a text, a flag, a number, or a list or table of such.

    Raises TypeError for anything else; a secret is something else.
    """
    match value:
        case str():
            return quoted(value)
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case tuple() | list():
            return f"[{', '.join(map(inline, value))}]"
        case dict():
            return _table(value)
    raise TypeError(f"no TOML for {type(value).__name__}")


def _table(table: Mapping[str, object]) -> str:
    pairs = (line(name if _BARE.fullmatch(name) else quoted(name), value) for name, value in table.items())
    return f"{{ {', '.join(pairs)} }}" if table else "{}"


def plain(value: object, kind: Kind) -> object:
    """Return a value of the model as the texts, numbers, lists and tables that TOML has for it."""
    if kind is Kind.SIZE and isinstance(value, int):
        return format_size(value)
    if isinstance(value, SecretRef):
        return table(value)
    match value:
        case Address() | IPv4Network() | IPv6Network():
            return str(value)
        case tuple():
            return [plain(item, Kind.TEXT) for item in value]
    return value


def members(value: Section) -> dict[str, object]:
    """Return a small table of the model as its inline table."""
    return {name: plain(getattr(value, name), Kind.TEXT) for name in value.members}


def rule(value: FieldRule) -> dict[str, object]:
    """Return a field's rule as its inline table."""
    return {"remove": True} if value.remove else {"value": value.value, "when": value.when}
