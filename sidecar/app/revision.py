"""A configuration that has been read again: what of it can be used at once, and what only a restart brings.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from sidecar.config.checks import problems
from sidecar.config.live import is_live
from sidecar.config.model import Config, Section
from sidecar.config.problems import config_error

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

AnySection = TypeVar("AnySection", bound=Section)

WHOSE: Final = ("username", "customer_id", "tenant_id", "organization_id", "user_id", "tenant_key", "individual_id")
"""The keys of `[credentials]` that say whose a session is."""

_ANOTHER_SESSION: Final = frozenset(f"credentials.{key}" for key in WHOSE)
# Secrets and files are compared by what is in them, so that their keys are not here.
_ANOTHER_LOGIN: Final = _ANOTHER_SESSION | {
    "credentials.account_type",
    "credentials.grant_type",
    "credentials.send_client_credentials",
    "fields",
    "session.client_ip",
    "upstream.pins",
    "upstream.proxy",
    "identity",
    "CA",
    "CRL",
    "proxy credentials",
    "secrets",
}


@dataclass(frozen=True, slots=True)
class Revision:
    """`config` is the one in use with the live changes in it; `live` and `restart` are the keys that changed."""

    config: Config
    live: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


def revise(current: Config, fresh: Config) -> Revision:
    """Return what `fresh` makes of the configuration in use.

    Another environment brings other defaults for everything, so that all of it waits for a restart.

    Raises:
        ConfigError: what can change at once does not go with what cannot; nothing may be used.
    """
    changed = tuple(_differences(current, fresh))
    if fresh.environment != current.environment:
        return Revision(current, restart=changed)
    config = _merged(current, fresh)
    found = list(problems(config, frozenset()))
    if found:
        raise config_error(found, remedy="Restart the sidecar: these keys can only change together with its listeners.")
    return Revision(config, tuple(filter(is_live, changed)), tuple(key for key in changed if not is_live(key)))


def wants_login(what: Collection[str]) -> bool:
    """Tell whether a change of `what` (keys, or "secrets", "identity" …) may make FinHub answer a login otherwise."""
    return not _ANOTHER_LOGIN.isdisjoint(what)


def keeps_token(what: Collection[str]) -> bool:
    """Tell whether the token is still the right one after a change of `what`: same user, same tenant."""
    return _ANOTHER_SESSION.isdisjoint(what)


def _differences(current: Section, fresh: Section, above: str = "") -> Iterator[str]:
    """Yield the dotted keys whose values differ; `fields` as a whole."""
    for name in current.members:
        old, new = getattr(current, name), getattr(fresh, name)
        if isinstance(old, Section):
            yield from _differences(old, new, f"{above}{name}.")
        elif old != new:
            yield above + name


def _merged(current: AnySection, fresh: AnySection, above: str = "") -> AnySection:
    """Return `current` with the live keys of `fresh`."""
    taken: dict[str, object] = {}
    for name in current.members:
        old, new = getattr(current, name), getattr(fresh, name)
        if is_live(above + name):
            taken[name] = new
        elif isinstance(old, Section):
            taken[name] = _merged(old, new, f"{above}{name}.")
    return current.replaced(taken)
