"""A reload for several tenants: the file is read once, each takes its part, and one that is broken stops no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar.app.keeper import Changes
from sidecar.config.residents import residents
from sidecar.config.tenants import SECTIONS
from sidecar.errors import SidecarError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sidecar.app.tenancy import Tenancy
    from sidecar.config.model import Config
    from sidecar.config.residents import Resident
    from sidecar.config.tenants import Tenant

WHICH: Final = "tenants"
"""What waits for a restart: which tenants there are, and how each is found."""


class Rereading:
    """The configuration, read again once for all tenants; `began` is the one of the start."""

    def __init__(self, read: Callable[[], Config], began: Config) -> None:
        self._read = read
        self._ways = [_ways(tenant) for tenant in began.tenants]
        self._own: dict[str, Config] = {}
        self._due = False
        self.is_broken = False
        self.moved = False

    def begin(self) -> None:
        """Have the file read when it is asked for next."""
        self._due = True

    def of(self, resident: Resident) -> Callable[[], Config]:
        """Return what reads a tenant's configuration again: the last that there was, where the file names it no more.

        It raises ConfigError where nobody can use the file.
        """
        self._own[resident.name] = resident.config

        def read() -> Config:
            self._look()
            return self._own[resident.name]

        return read

    def _look(self) -> None:
        if not self._due:
            return
        self.is_broken = True
        fresh = self._read()
        self._own |= {resident.name: resident.config for resident in residents(fresh)}
        self.moved = [_ways(tenant) for tenant in fresh.tenants] != self._ways
        self._due = self.is_broken = False


def _ways(tenant: Tenant) -> tuple[object, ...]:
    return tuple(getattr(tenant, name) for name in tenant.members if name not in SECTIONS)


class Reloading:
    """One reload of all tenants; `rereading` is None where the configuration stays."""

    def __init__(self, tenancies: Sequence[Tenancy], rereading: Rereading | None) -> None:
        self._tenancies = tenancies
        self._rereading = rereading

    async def reload(self) -> Changes:
        """Have each tenant take over what changed; return all of it, each with its tenant where that is not all.

        Raises:
            SidecarError: the first of what could not be used, once the others have taken theirs; it names its tenant.
        """
        if self._rereading is not None:
            self._rereading.begin()
        changes, failure = await self._each()
        if failure is not None:
            raise failure
        restart = _told([(name, change.restart) for name, change in changes])
        moved = self._rereading is not None and self._rereading.moved
        return Changes(
            _told([(name, change.what) for name, change in changes]), (*restart, *([WHICH] if moved else ()))
        )

    async def _each(self) -> tuple[list[tuple[str, Changes]], SidecarError | None]:
        changes, failure = [], None
        for tenancy in self._tenancies:
            try:
                changes.append((tenancy.name, await tenancy.keeper.reload()))
            except SidecarError as error:
                if self._rereading is not None and self._rereading.is_broken:
                    return [], error  # as it would be for every other
                error.told_as(f"tenant {tenancy.name}: {error.detail}")
                failure = failure or error
        return changes, failure


def _told(each: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """Return what changed for all as it is, and what did for some with the tenant before it."""
    known = list(each)
    everywhere = [what for what in known[0][1] if all(what in others for _, others in known)]
    own = [f"{name}: {what}" for name, changed in known for what in changed if what not in everywhere]
    return (*everywhere, *own)
