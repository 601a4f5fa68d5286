"""One of `[[tenants]]`: how it is called, how a request is found to be its, and what is its own at FinHub.

Pure. A tenant's tables are those of the top level with its own keys in them (`inherit.py`), whole and checked, so that
whoever holds a `Tenant` need not look anywhere else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sidecar.config import fieldrules, values
from sidecar.config.finhub_side import Check, Credentials, FieldRule, Identity, Limits, Session, Upstream
from sidecar.config.kinds import FLAG, LISTEN_ADDRESS, Kind, by_field, list_of, maybe, optional, table
from sidecar.config.problems import Unfit
from sidecar.config.section import Section, Type, key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.config.addresses import Address

SECTIONS: Final = ("upstream", "identity", "credentials", "session", "fields", "check", "limits")
"""The tables that a tenant may have of its own."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
# No escape, no parameter, no empty or dot segment: a prefix has one spelling.
_PREFIX: Final = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~!$&'()*+,=:@-]+)+", re.ASCII)


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Unfit("1 to 64 letters, digits, dots, dashes and underscores, the first a letter or digit")
    return value


def _prefix(value: object) -> str:
    if not isinstance(value, str) or not _PREFIX.fullmatch(value):
        raise Unfit('a path such as "/acme": whole segments, no escapes, no slash at the end')
    return value


NAME: Final = Type(_name, Kind.TEXT, {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"})
PREFIX: Final = Type(_prefix, Kind.TEXT, {"type": "string", "pattern": "^(/[^/%;?#\\\\]+)+$"})
FIELD_NAME: Final = Type(fieldrules.field_name, Kind.TEXT, {"type": "string"})
VALUES: Final = list_of(values.visible, minLength=1)


class ByField(Section):
    """A header field by which callers name the tenant, and the values that are its."""

    name: str = key(FIELD_NAME, "The field's name, in any case. It never goes to FinHub as the caller sent it.")
    values: tuple[str, ...] = key(VALUES, "The values that name this tenant, exactly as they are sent.")

    def verify(self) -> None:
        """Raise Unfit where no value is listed."""
        if not self.values:
            raise Unfit("at least one value", found="an empty list")


class Tenant(Section):
    """One tenant of several, found by a listener of its own, a path prefix or a field; one may have none of them."""

    name: str = key(NAME, "How logs, metrics and the status call it.", example="acme")
    listen: Address | None = key(
        maybe(LISTEN_ADDRESS),
        "A listener of its own, under the rules of [listen]: whoever connects there is this tenant's.",
        default=None,
        example="127.0.0.1:8081",
    )
    path_prefix: str | None = key(
        maybe(PREFIX),
        "Requests under this path are its; of several prefixes the longest.",
        default=None,
        example="/acme",
    )
    strip_prefix: bool = key(FLAG, "Whether FinHub gets the path without the prefix.", default=True)
    field: ByField | None = key(
        optional(ByField),
        "Requests with one of these values in this field are its.",
        default=None,
        example={"name": "X-Tenant", "values": ["acme"]},
    )
    upstream: Upstream = key(table(Upstream), "In place of [upstream], key by key.")
    identity: Identity = key(table(Identity), "In place of [identity]; the certificate's keys only together.")
    credentials: Credentials = key(table(Credentials), "In place of [credentials]; a name only with its secret.")
    session: Session = key(table(Session), "In place of [session], key by key.")
    fields: Mapping[str, FieldRule] = key(by_field(FieldRule), "In place of [fields], field by field.")
    check: Check = key(table(Check), "In place of [check].")
    limits: Limits = key(table(Limits), "In place of [limits]: each tenant has turns of its own.")

    @property
    def is_default(self) -> bool:
        """Whether it gets the requests that are nobody else's."""
        return self.listen is None and self.path_prefix is None and self.field is None
