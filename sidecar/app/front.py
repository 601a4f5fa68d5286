"""What stands at listen.address where there are several tenants: a switch, and nobody's refusals behind it.

Loaded only where there are `[[tenants]]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.app.ids import new_id
from sidecar.gateway.handler import Tools, Traffic
from sidecar.gateway.nobody import Nobody
from sidecar.gateway.switch import Switch
from sidecar.guard.choosing import Chooser, Place
from sidecar.wire.clock import steady

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sidecar.app.tenancy import Tenancy
    from sidecar.config.tenants import Tenant
    from sidecar.events import Emit


class Front:
    """The tenants that are found at listen.address; `emit` tells of what is nobody's.

    Attributes:
        traffic: of what is nobody's.
    """

    def __init__(self, tenancies: Sequence[Tenancy], emit: Emit) -> None:
        self._here = {tenancy.name: tenancy for tenancy in tenancies if not tenancy.listen}
        self._chooser = Chooser.build(_place(tenancy.resident.tenant) for tenancy in self._here.values())
        self._emit = emit
        self.traffic = Traffic()

    def switch(self) -> Switch:
        """Return what carries requests with the gateways of now, by the policy of the first."""
        gateways = {name: tenancy.gateway for name, tenancy in self._here.items()}
        first = next(iter(gateways.values()))
        tools = Tools(clock=steady, new_id=new_id, emit=self._emit)
        nobody = Nobody(first.policy, first.allowed.taking, self.traffic, tools)
        return Switch(self._chooser, gateways, nobody)


def _place(tenant: Tenant | None) -> Place:
    assert tenant is not None  # noqa: S101  # of several each has a table
    named, values = (None, ()) if tenant.field is None else (tenant.field.name, tenant.field.values)
    return Place(tenant.name, tenant.path_prefix, strips=tenant.strip_prefix, name=named, values=values)
