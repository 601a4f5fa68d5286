"""The field table: what `[fields]` and the environment say, read once and made ready to be filled per request.

Pure. Source: CONTRACT §2, SECURITY.md invariant 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sidecar.errors import ConfigError
from sidecar.gateway import connection
from sidecar.gateway.template import Template, is_legal

if TYPE_CHECKING:
    from collections.abc import Mapping

# Ours to set, or for us alone: nothing of the kind comes from the caller, nor from [fields].
NEVER_PASSES: Final = connection.OF_REQUESTS | {b"authorization", b"host", b"x-sidecar-key"}
FRAMING: Final = b"content-length"

# CONTRACT.md §2 [S]: FinHub requires these on the token request, so a `remove` for callers does not take them from us.
_REQUIRED: Final = {
    "Content-Type": "application/json",
    "sec-ch-ua-platform": "{platform}",
    "X-Forwarded-For": "{client_ip}",
    "User-Agent": "Mozilla/5.0 (compatible; finhub-sidecar/{version})",
    "X-Tenant-ID": "{tenant_id}",
}
# Ours are JSON, FinHub may bind the session to the address of the login, and no session exists before there is one.
_FIXED_IN_OWN_CALLS: Final = frozenset({b"content-type", b"x-forwarded-for", b"x-session-id"})

# CGI and WSGI turn `-` into `_`, so both spellings are one variable there; some servers do so with every mark.
_ONE_DASH: Final = bytes(code if chr(code).isalnum() else ord("-") for code in range(256))
_PER_REQUEST: Final = frozenset({"uuid", "caller.ip", "session.id"})
_ANY_UUID: Final = "00000000-0000-4000-8000-000000000000"


class FieldRule(Protocol):
    """One line of [fields]: a value and when to set it (`absent`, `always`, `append`), or `remove`."""

    @property
    def value(self) -> str | None:
        """What to set: a text, or a template."""
        ...

    @property
    def when(self) -> str:
        """When to set it."""
        ...

    @property
    def remove(self) -> bool:
        """Whether callers' fields of this name are taken out."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """One field to set; `constant` is its value where no request changes it."""

    name: bytes
    key: bytes
    when: str
    template: Template
    constant: bytes | None

    @classmethod
    def build(cls, name: str, value: str, when: str, known: Mapping[str, str | None]) -> Setting:
        """Return the setting with everything filled in that is known at start; raise ConfigError if it can never be."""
        template = Template.parse(value)
        for variable in template.variables:
            if variable not in _PER_REQUEST and known.get(variable) is None:
                remedy = f"Set what {{{variable}}} stands for (such as credentials.tenant_id), or use another value."
                raise ConfigError(f"fields.{name}: nothing is known for {{{variable}}}.", remedy=remedy)
        text = template.fill(known)
        constant = None if text is None else _legal(name, text)
        return cls(name.encode(), name.lower().encode(), when, template, constant)

    def render(self, values: Mapping[str, str | None]) -> bytes | None:
        """Return the value for this request, or None when something in it is unknown now."""
        if self.constant is not None:
            return self.constant
        text = self.template.fill(values)
        return None if text is None else _legal(self.name.decode(), text)

    def around_uuid(self, values: Mapping[str, str | None]) -> tuple[bytes, ...] | None:
        """Return the bytes between which a request's UUID stands: one piece where it does not, None as for `render`."""
        if self.constant is not None:
            return (self.constant,)
        pieces = self.template.around("uuid", values)
        if pieces is None:
            return None
        _legal(self.name.decode(), _ANY_UUID.join(pieces))
        return tuple(piece.encode() for piece in pieces)


def fold(key: bytes) -> bytes:
    """Return what a lower-case name is to servers that read `_`, and some all punctuation, as `-` (CVE-2025-64484)."""
    return key.translate(_ONE_DASH)


def _legal(name: str, text: str) -> bytes:
    """Return the value's bytes; raise ConfigError when it is no legal field value, without showing it."""
    if not is_legal(text):
        detail = f"fields.{name}: the filled value holds control characters, or spaces at an end."
        raise ConfigError(detail, remedy=f"Change the value of fields.{name}, or what its variables stand for.")
    return text.encode()


def require_allowed(rules: Mapping[str, FieldRule]) -> None:
    """Raise ConfigError for a rule over a field that is not the operator's to set, or one that says nothing."""
    for name, rule in rules.items():
        if fold(name.lower().encode()) in NEVER_PASSES | {FRAMING}:
            raise ConfigError(f"fields.{name}: this field is the sidecar's own.", remedy="Leave it out of [fields].")
        if rule.value is None and not rule.remove:
            raise ConfigError(f"fields.{name}: there is no value.", remedy="Give it a value, or remove = true.")


def settings(rules: Mapping[str, FieldRule], known: Mapping[str, str | None]) -> tuple[Setting, ...]:
    """Return what the table sets in callers' requests, in its order."""
    return tuple(
        Setting.build(name, rule.value, rule.when, known)
        for name, rule in rules.items()
        if rule.value is not None and not rule.remove
    )


def own_settings(rules: Mapping[str, FieldRule], known: Mapping[str, str | None]) -> tuple[Setting, ...]:
    """Return what our own calls send: the required fields, and over them whatever the table gives a value."""
    table = {
        name.lower().encode(): Setting.build(name, value, "always", known)
        for name, value in _REQUIRED.items()
        if Template.parse(value).fill(known) is not None
    }
    for setting in settings(rules, known):
        if setting.key not in _FIXED_IN_OWN_CALLS:
            table[setting.key] = setting
    return tuple(table.values())
