"""`docs/configuration.md`: every key in a table, written from the model so that it cannot be wrong.

Reads the environments' data files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar.config import later, toml
from sidecar.config.catalogue import Key, keys, section, tenant_keys
from sidecar.config.defaults import defaults
from sidecar.config.fieldrules import VARIABLES
from sidecar.config.kinds import Kind
from sidecar.config.live import is_live
from sidecar.config.model import ENVIRONMENTS, Tenant
from sidecar.config.tenants import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD: Final = """\
# Configuration

Generated from the model in `sidecar/config/` by `python -m sidecar.config.generate`; do not edit.

The file is TOML. What is laid over what: the environment's defaults, then the file, then environment variables.
All problems are reported at once, one line each, and end the program with exit code 2.

- **Paths**: a relative one counts from the folder of the file that holds it; in a variable, from the working directory.
- **Durations** are seconds, **sizes** bytes or a text such as `"1MiB"`.
- **Secrets** are never written into the file, only where they are: `{ env = "NAME" }`; `{ file = "PATH" }`, less one
  trailing newline; `{ credential = "NAME" }`, which systemd passes in; `{ keyring = "SERVICE/USER" }`; or
  `{ command = ["PROGRAM", "WORD"], timeout = 10, cache = 300 }`, what a program writes ([secrets](secrets.md)).
- **Variables**: each key is also `FINHUB_<SECTION>__<KEY>`, for example `FINHUB_LISTEN__ADDRESS` or
  `FINHUB_SESSION__REFRESH__MARGIN`. Lists, tables and `FINHUB_FIELDS` take JSON. A `FINHUB_…__…` that names no key is
  an error; other `FINHUB_*` are not looked at. The variable of a secret holds the secret itself
  (`FINHUB_CREDENTIALS__PASSWORD`), or with `_FILE`, `_CREDENTIAL`, `_KEYRING` or `_COMMAND` (JSON) at its end where it
  is (`FINHUB_CREDENTIALS__PASSWORD_FILE`).
- **Changes** are taken over by a reload: SIGHUP, or `POST /-/reload` on the admin listener. *live* is in use from the
  next request or connection on; *restart* is named in the answer and in the log, and waits for one, as everything does
  where `environment` changes. A file that cannot be used changes nothing, and is answered 422 with all its problems.
  Certificates, CAs and secrets are read again by themselves as well, every `identity.reload_interval` seconds.

`finhub-sidecar config init --environment production` prints a commented file, `config show --config FILE` what is in
effect, `config schema` the JSON Schema.
"""
_A_FIELD: Final = 'table `{ name = "X-Tenant", values = ["acme"] }`'
_TABLE: Final = ("", "| key | takes | default | change | meaning |", "|---|---|---|---|---|")


def reference() -> str:
    """Return the configuration reference as Markdown."""
    more = (*_environments(), *_fields(), *_tenants(), *_later())
    return "\n".join([_HEAD, "## Top level", *_TABLE, *_keys(), "", *more]) + "\n"


def _keys() -> Iterator[str]:
    heading: tuple[str, ...] = ()
    for key in keys():
        if key.kind in {Kind.TABLE, Kind.FIELDS, Kind.TENANTS}:
            continue
        if key.parts[:-1] != heading:
            heading = key.parts[:-1]
            yield from ("", f"## [{'.'.join(heading)}]", "", section(heading).__doc__ or "", *_TABLE)
        yield _row(f"`{key.parts[-1]}`", _takes(key), _default(key), _change(key), key.description)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _takes(key: Key) -> str:
    return ", ".join(f'`"{choice}"`' for choice in key.choices) or key.kind.value


def _change(key: Key) -> str:
    return "live" if is_live(key.name) else "restart"


def _default(key: Key) -> str:
    return "" if key.default is None else f"`{toml.inline(toml.plain(key.default, key.kind))}`"


def _environments() -> Iterator[str]:
    yield from ("## What an environment brings", "", _row("key", *ENVIRONMENTS), "|---|---|---|---|")
    brought = [defaults(environment) for environment in ENVIRONMENTS]
    for table, name in (("upstream", "url"), ("session", "dialect"), ("session", "lifetime")):
        yield _row(f"`{table}.{name}`", *(f"`{toml.inline(each[table][name])}`" for each in brought))
    yield _row("client certificate", "none", "optional", "mandatory")
    yield _row("`http://`", "to loopback and `playground.finhub.cloud`", "refused", "refused")


def _fields() -> Iterator[str]:
    yield from ("", "## [fields]", "", f"A key is a field's name and takes a {Kind.FIELDS.value}; changes are live.")
    yield "The environment brings the rules below; a rule of the same name, in any case, replaces one."
    yield f"Variables: {', '.join(f'`{variable}`' for variable in VARIABLES)}."
    yield "`Authorization`, `Host` and what frames a message or belongs to the connection cannot be configured."
    for environment in ENVIRONMENTS:
        yield from ("", f"### {environment}", "", "```toml", "[fields]")
        yield from (toml.line(toml.quoted(name), rule) for name, rule in defaults(environment)["fields"].items())
        yield "```"


def _tenants() -> Iterator[str]:
    yield from ("", "## [[tenants]]", "", Tenant.__doc__ or "")
    yield "In a variable the list is JSON (`FINHUB_TENANTS`). Which tenants there are, and how each is found, waits for"
    yield "a restart; everything else changes as at the top level, each tenant for itself ([tenants](tenants.md))."
    yield from _TABLE
    for key in tenant_keys():
        takes = _A_FIELD if key.kind is Kind.TABLE else _takes(key)
        yield _row(f"`{key.parts[-1]}`", takes, _default(key), "restart", key.description)
    for name in SECTIONS:
        yield _row(f"`{name}`", "table", f"`[{name}]`", "as there", Tenant.members[name].description)


def _later() -> Iterator[str]:
    yield from ("", "## Not available in this version", "", "These are refused, not ignored.", "")
    yield from (f"- `{key}`" for key in sorted(later.KEYS))
    yield from (f"- `{key}` other than {expected.partition(';')[0]}" for key, expected in later.VALUES.items())
