"""FieldPolicy: the fields that go to the upstream, and those that come back to the caller.

Pure. Built once per lane; what the names of a request's fields decide is worked out once and remembered
(`field_plan.py`). The order is the safety: what is connection-specific or the caller's credential goes first, then ours
are set, and Authorization comes last and once. Content-Length passes as the caller sent it, Transfer-Encoding never
does: framing belongs to the handler.
Source: CONTRACT.md §2, RFC 9110 §7.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sidecar.gateway import connection
from sidecar.gateway.field_plan import Table
from sidecar.gateway.field_table import (
    FRAMING,
    NEVER_PASSES,
    FieldRule,
    fold,
    own_settings,
    require_allowed,
    settings,
)
from sidecar.gateway.passing import keys_of, passing
from sidecar.guard.carriable import require_reply_names, require_reply_values
from sidecar.rawfields import MEMORABLE, names_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sidecar.gateway.field_plan import Plan
    from sidecar.gateway.field_table import Setting
    from sidecar.gateway.passing import Passing
    from sidecar.rawfields import RawFields

__all__ = ["Facts", "FieldPolicy", "FieldRule", "to_caller"]

_REMEMBERED: Final = 128
"""So many sets of names are remembered for each lane and for the replies, each of MEMORABLE bytes at most."""


@dataclass(slots=True)  # never changed; frozen, each would cost three times as much to make
class Facts:
    """What is known about one caller's request; the same value serves its replay.

    Attributes:
        caller_ip: the peer's address, None on a Unix socket.
        uuid: one version-4 UUID, the same in every field that shows it.
        session_id: what the login reply named, if it did.
        host: the upstream's authority.
    """

    caller_ip: str | None
    uuid: str
    session_id: str | None
    host: bytes


@dataclass(frozen=True, slots=True)
class FieldPolicy:
    """The field table of one lane, in the form in which it is applied; `remembered` are plans made of it."""

    own_settings: tuple[Setting, ...]
    known: Mapping[str, str | None]
    shows_address: bool
    table: Table
    remembered: Callable[..., Plan]

    @classmethod
    def build(
        cls,
        rules: Mapping[str, FieldRule],
        *,
        tenant_id: str | None,
        client_ip: str,
        platform: str,
        version: str,
    ) -> FieldPolicy:
        """Return the policy for the rules of [fields], the environment's included; raise ConfigError for a wrong one.

        A field that every request gets in the same form is rendered here and now.
        """
        known = {"tenant_id": tenant_id, "client_ip": client_ip, "platform": platform, "version": version}
        require_allowed(rules)
        keys = {name.lower().encode(): rule for name, rule in rules.items()}
        dropped = NEVER_PASSES | {key for key, rule in keys.items() if rule.remove or rule.when == "always"}
        exact = frozenset(keys) | {FRAMING}
        table = Table(
            settings=settings(rules, known),
            known=known,
            dropped=dropped,
            exact=exact,
            guarded=frozenset(fold(key) for key in dropped | exact),
        )
        return cls(
            own_settings=own_settings(rules, known),
            known=known,
            shows_address=any("caller.ip" in setting.template.variables for setting in table.settings),
            table=table,
            remembered=lru_cache(maxsize=_REMEMBERED)(table.plan),
        )

    def to_upstream(self, caller: RawFields, facts: Facts, authorization: bytes) -> RawFields:
        """Return the fields to send for a caller's: Host first, what passes of theirs untouched, then ours.

        `caller` has passed the guard. Raises ConfigError (502) when a filled template is no legal field value.
        """
        names, address = names_of(caller), facts.caller_ip if self.shows_address else None
        find = self.remembered if len(names) <= MEMORABLE else self.table.plan
        plan = find(names, len(caller), address, facts.session_id)
        if plan.passing.connection:
            named = connection.options(caller, plan.passing.connection)
            if not named.isdisjoint(plan.passing.keys):
                plan = self.table.plan(names, len(caller), address, facts.session_id, named)
        ours = plan.apply(caller, facts.uuid.encode())
        return ((b"Host", facts.host), *ours, (b"Authorization", authorization))

    def own_call(self, uuid: str) -> RawFields:
        """Return the fields of a call of our own to the token endpoint: neither Host, Authorization nor X-Session-ID.

        The required ones are always there, X-Forwarded-For with the configured client IP: we are the caller.
        """
        values = {"uuid": uuid, "caller.ip": self.known["client_ip"], **self.known}
        rendered = ((setting.name, setting.render(values)) for setting in self.own_settings)
        return tuple((name, value) for name, value in rendered if value is not None)


def to_caller(upstream: RawFields) -> RawFields:
    """Return the fields to deliver for a reply's: all but the connection-specific ones, untouched and in order.

    Raises MalformedReply (502) when one cannot be delivered as it is.
    """
    names, values = names_of(upstream), values_of(upstream)
    find = _remembered if len(names) <= MEMORABLE else _passing
    delivered = find(names, len(upstream))
    require_reply_values(upstream, values)
    if delivered.connection:
        named = connection.options(upstream, delivered.connection)
        if not named.isdisjoint(delivered.keys):
            delivered = _passing(names, len(upstream), named)
    return delivered.pick(upstream)


def _passing(names: bytes, number: int, named: Collection[bytes] = ()) -> Passing:
    """Return what is delivered of so many fields with these names (`names_of`)."""
    require_reply_names(names, number)
    return passing(keys_of(names, number), lambda key: key not in connection.OF_REPLIES, named)


_remembered = lru_cache(maxsize=_REMEMBERED)(_passing)
