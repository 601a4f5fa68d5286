"""The commented file that `config init` prints: what must be filled in on top, then every other key with its default.

An active line is `key = value`, a default `#key = value`, an explanation `# text`. Reads the environments' data files.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from sidecar.config import toml
from sidecar.config.catalogue import Key, keys, section, tenant_keys
from sidecar.config.defaults import defaults
from sidecar.config.kinds import Kind
from sidecar.config.tenants import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WIDTH: Final = 118
_FIRST: Final = ("credentials", "identity")

_CREDENTIALS: Final = {
    "credentials.username",
    "credentials.password",
    "credentials.customer_id",
    "credentials.customer_secret",
    "credentials.account_type",
    "credentials.grant_type",
    "credentials.tenant_id",
}
# What is filled in, and not a comment, in each environment's sample.
_ACTIVE: Final[Mapping[str, frozenset[str]]] = {
    "playground": frozenset(_CREDENTIALS),
    "integration": frozenset(_CREDENTIALS),
    "production": frozenset({*_CREDENTIALS, "identity.certificate_file", "identity.key_file"}),
}
_HEAD: Final = """\
# The FinHub sidecar, {environment} environment.
#
# Lines that start with a key are in use: fill them in. Lines that start with #key show the default, or an example
# where there is none; take the # away to change one. Durations are seconds. Sizes are bytes, or "64KiB", "1MiB",
# "2GiB". A relative path counts from the folder of this file. Every key is also FINHUB_<SECTION>__<KEY> in the
# environment, which wins. A secret is never written here, only where it is: {{ file = "PATH" }}, {{ env = "NAME" }},
# {{ credential = "NAME" }} (systemd's), {{ keyring = "SERVICE/USER" }} (`finhub-sidecar login` stores it there) or
# {{ command = ["PROGRAM", "WORD"] }} (what a vault's program writes).
"""


def sample(environment: str) -> str:
    """Return a configuration file for an environment that `load` accepts as it is."""
    brought = defaults(environment)
    lines = [_HEAD.format(environment=environment)]
    for key in sorted(keys(), key=_place):
        lines += _heading(key)
        if key.kind is Kind.TENANTS:
            lines += _tenants(key)
        else:
            lines += _fields(brought) if key.kind is Kind.FIELDS else _key(key, environment, brought)
    return "\n".join(lines) + "\n"


def _place(key: Key) -> int:
    """Sort what must be filled in to the front; the sort keeps the model's order otherwise."""
    if len(key.parts) == 1 and key.kind not in {Kind.FIELDS, Kind.TENANTS}:
        return -1
    if key.kind is Kind.TENANTS:  # whatever follows the header of a list of tables is in it
        return len(_FIRST) + 1
    return _FIRST.index(key.parts[0]) if key.parts[0] in _FIRST else len(_FIRST)


def _heading(key: Key) -> Iterator[str]:
    """Yield the header of a table before the first of its keys."""
    if key.kind is Kind.FIELDS:
        yield from ("", "[fields]", *_comment(key.description))
    elif len(key.parts) > 1 and key.parts[-1] == next(iter(section(key.parts[:-1]).members)):
        yield from ("", *_comment(section(key.parts[:-1]).__doc__ or ""), f"[{'.'.join(key.parts[:-1])}]")


def _key(key: Key, environment: str, brought: Mapping[str, object]) -> Iterator[str]:
    if key.kind is Kind.TABLE:
        return
    yield from _comment(_explained(key))
    mark = "" if key.name in _ACTIVE[environment] or key.name == "environment" else "#"
    yield mark + toml.line(key.parts[-1], toml.plain(_value(key, environment, brought), key.kind))


def _explained(key: Key) -> str:
    others = [f'"{choice}"' for choice in key.choices]
    return f"{key.description} One of {', '.join(others)}." if len(others) > 1 else key.description


def _value(key: Key, environment: str, brought: Mapping[str, object]) -> object:
    if key.name == "environment":
        return environment
    value = _brought(key, brought)
    return next(option for option in (value, key.default, key.example) if option is not None)


def _brought(key: Key, brought: Mapping[str, object]) -> object:
    parts = ("upstream", "url") if key.name == "session.url" else key.parts
    value: object = brought
    for part in parts:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _fields(brought: Mapping[str, dict[str, object]]) -> Iterator[str]:
    yield from _comment('when = "absent" (the caller sent none), "always" or "append"; or { remove = true }.')
    for name, rule in brought["fields"].items():
        yield "#" + toml.line(toml.quoted(name), rule)


def _tenants(key: Key) -> Iterator[str]:
    yield from ("", *_comment(key.description), "#[[tenants]]")
    for own in tenant_keys():
        yield from _comment(own.description)
        value = own.example if own.default is None else own.default
        yield "#" + toml.line(own.parts[-1], value)
    tables = ", ".join(f"[tenants.{name}]" for name in SECTIONS)
    yield from _comment(f"Its own tables, in place of the top level's: {tables}. For example:")
    yield from ("#[tenants.credentials]", '#tenant_id = "7654321"')


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
