"""FieldPolicy: the fields that go to the upstream, and those that come back to the caller.

Pure. Built once per lane; per request one pass over the caller's fields. The order is the safety: what is
connection-specific or the caller's credential goes first, then ours are set, and Authorization comes last and once.
Content-Length passes as the caller sent it, Transfer-Encoding never does: framing belongs to the handler.
Source: CONTRACT.md §2, RFC 9110 §7.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sidecar.gateway import connection
from sidecar.gateway.field_table import (
    FRAMING,
    NEVER_PASSES,
    FieldRule,
    Setting,
    fold,
    own_settings,
    require_allowed,
    settings,
)
from sidecar.guard.carriable import require_carriable_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.rawfields import RawFields

__all__ = ["Facts", "FieldPolicy", "FieldRule", "to_caller"]


@dataclass(frozen=True, slots=True)
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
    """The field table of one lane, in the form in which it is applied."""

    settings: tuple[Setting, ...]
    own_settings: tuple[Setting, ...]
    known: Mapping[str, str | None]
    dropped: frozenset[bytes]  # lower-case names that never pass
    exact: frozenset[bytes]  # lower-case names that pass unless dropped, while their twins (`_` for `-`) never do
    guarded: frozenset[bytes]  # both, folded

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
        return cls(
            settings=settings(rules, known),
            own_settings=own_settings(rules, known),
            known=known,
            dropped=dropped,
            exact=exact,
            guarded=frozenset(fold(key) for key in dropped | exact),
        )

    def to_upstream(self, caller: RawFields, facts: Facts, authorization: bytes) -> RawFields:
        """Return the fields to send for a caller's: Host first, what passes of theirs untouched, then ours.

        Raises ConfigError (502) when a filled template is no legal field value.
        """
        fields = self._passing(caller)
        present = {name.lower() for name, _ in fields}
        values = {"uuid": facts.uuid, "caller.ip": facts.caller_ip, "session.id": facts.session_id, **self.known}
        for setting in self.settings:
            is_present = setting.key in present
            if is_present and setting.when == "absent":
                continue
            value = setting.render(values)
            if value is None:
                continue
            if is_present:
                _append(fields, setting.key, value)
            else:
                fields.append((setting.name, value))
        return ((b"Host", facts.host), *fields, (b"Authorization", authorization))

    def own_call(self, uuid: str) -> RawFields:
        """Return the fields of a call of our own to the token endpoint: neither Host, Authorization nor X-Session-ID.

        The required ones are always there, X-Forwarded-For with the configured client IP: we are the caller.
        """
        values = {"uuid": uuid, "caller.ip": self.known["client_ip"], **self.known}
        rendered = ((setting.name, setting.render(values)) for setting in self.own_settings)
        return tuple((name, value) for name, value in rendered if value is not None)

    def _passing(self, caller: RawFields) -> list[tuple[bytes, bytes]]:
        """Return the caller's fields that pass: neither connection-specific, nor ours, nor a twin of ours."""
        keys = [name.lower() for name, _ in caller]
        gone = self.dropped | connection.options(keys, caller)
        return [
            field
            for key, field in zip(keys, caller, strict=True)
            if key not in gone and (key in self.exact or fold(key) not in self.guarded)
        ]


def to_caller(upstream: RawFields) -> RawFields:
    """Return the fields to deliver for a reply's: all but the connection-specific ones, untouched and in order.

    Raises MalformedReply (502) when one cannot be delivered as it is.
    """
    require_carriable_reply(upstream)
    keys = [name.lower() for name, _ in upstream]
    gone = connection.OF_REPLIES | connection.options(keys, upstream)
    return tuple(field for key, field in zip(keys, upstream, strict=True) if key not in gone)


def _append(fields: list[tuple[bytes, bytes]], key: bytes, value: bytes) -> None:
    """Add a member to the last field of this lower-case name, which is there (RFC 9110 §5.6.1)."""
    index = max(index for index, (name, _) in enumerate(fields) if name.lower() == key)
    name, present = fields[index]
    fields[index] = (name, present + b", " + value if present.strip() else value)
