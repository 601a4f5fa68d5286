"""Everybody for whom the sidecar works: a configuration for each tenant, as if it were the only one.

Pure. Whatever serves a tenant is built from such a configuration, and knows nothing of the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from sidecar.config.finhub_side import FieldRule
from sidecar.config.tenants import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.config.model import Config
    from sidecar.config.tenants import Tenant


@dataclass(frozen=True, slots=True)
class Resident:
    """One tenant: its name, its configuration, and its table; None where there are no tables, and it is the only one.

    The name of the only one is `credentials.tenant_id`, which may be "".
    """

    name: str
    config: Config
    tenant: Tenant | None = None

    @property
    def under(self) -> str:
        """Return the path that callers put before FinHub's own and that FinHub does not get; "" as a rule."""
        return self.tenant.path_prefix or "" if self.tenant is not None and self.tenant.strip_prefix else ""


def residents(config: Config) -> tuple[Resident, ...]:
    """Return every tenant in the order of the file: at least one."""
    if not config.tenants:
        return (Resident(config.credentials.tenant_id or "", config),)
    names = {tenant.field.name.lower() for tenant in config.tenants if tenant.field is not None}
    return tuple(Resident(tenant.name, _own(config, tenant, names), tenant) for tenant in config.tenants)


def _own(config: Config, tenant: Tenant, names: set[str]) -> Config:
    own: dict[str, object] = {section: getattr(tenant, section) for section in SECTIONS}
    own["fields"] = _without_callers(tenant.fields, names)
    if tenant.listen is not None:
        own["listen"] = config.listen.replaced({"address": tenant.listen})
    return config.replaced({**own, "tenants": ()})


def _without_callers(rules: Mapping[str, FieldRule], names: set[str]) -> Mapping[str, FieldRule]:
    """Return rules by which no field that names a tenant goes to FinHub as a caller sent it."""
    kept = {name: _ours_alone(rule) if name.lower() in names else rule for name, rule in rules.items()}
    known = {name.lower() for name in rules}
    return MappingProxyType(kept | {name: FieldRule(remove=True) for name in sorted(names - known)})


def _ours_alone(rule: FieldRule) -> FieldRule:
    return rule if rule.remove else FieldRule(value=rule.value, when="always")
