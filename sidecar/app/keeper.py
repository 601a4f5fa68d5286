"""Keeps what the doors use up to date: identity, trust and secrets, by content; and the configuration, when asked.

What is good is swapped in as a whole; when anything new is broken, all that is in use stays.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sidecar import events, secret
from sidecar.app import material
from sidecar.app.revision import revise
from sidecar.errors import ConfigError, SidecarError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sidecar.app.material import Material, Standing
    from sidecar.config.model import Config
    from sidecar.events import Emit

    Take = Callable[[Collection[str]], None]

MAKES_TLS: Final = frozenset({"identity", "CA", "CRL", "upstream.pins"})
"""What changes TLS with FinHub, and so opens new connections."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is in use now and was not before, and the keys that wait for a restart."""

    what: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


class Keeper:
    """The one place that knows what stands now: for the only tenant, or for that of several which is `tenant`.

    Attributes:
        config, standing: what is in use.
        prepare: makes of a configuration and a standing what takes them into use, called with what changed once both
            are stored; or raises, and nothing has changed.
    """

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        standing: Standing,
        emit: Emit,
        reread: Callable[[], Config] | None = None,
        *,
        tenant: str = "",
    ) -> None:
        self.config = config
        self.standing = standing
        self.prepare: Callable[[Config, Standing], Take] = lambda _, __: lambda _: None
        self._environ = environ
        self._emit = emit
        self._reread = reread
        self._tenant = tenant
        self._complaint = ""
        self._broken: dict[bool, SidecarError] = {}  # by whether the configuration was read again, too
        self._one_at_a_time = asyncio.Lock()

    @property
    def broken(self) -> SidecarError | None:
        """Return what of the files cannot be used, as far as was looked; None where all of it can."""
        return next(iter(self._broken.values()), None)

    async def look(self) -> Changes:
        """Read identity, trust and secrets again and use what changed.

        Raises:
            SidecarError: something new cannot be used; nothing was swapped, and the log tells it once.
        """
        return await self._renew(None)

    async def reload(self) -> Changes:
        """Read everything again, the configuration too, and use what changed; see `look`.

        Commands that tell secrets are run again, whatever they wrote lately.
        """
        return await self._renew(self._reread)

    async def watch(self) -> None:
        """Look every `identity.reload_interval` seconds until cancelled, whatever happens."""
        while True:
            await asyncio.sleep(self.config.identity.reload_interval)
            try:
                with contextlib.suppress(SidecarError):  # told already
                    await self.look()
            except Exception as error:  # noqa: BLE001  # a bug in one look must not end all of them
                self._emit(events.bug(error))

    def announce_identity(self) -> None:
        """Tell which identity stands, if any."""
        identity = self.standing.identity
        if identity is not None:
            self._emit(replace(material.loaded(identity), tenant=self._tenant))

    async def _renew(self, reread: Callable[[], Config] | None) -> Changes:
        async with self._one_at_a_time:
            if reread is not None:
                await asyncio.to_thread(secret.forget)  # it waits while a command runs
            try:
                changes = await self._swap(self.config if reread is None else await asyncio.to_thread(reread))
            except SidecarError as error:
                self._broken[reread is not None] = error
                self._complain(error)
                raise
            self._complaint = ""
            self._mended(everything=reread is not None)
        if changes != Changes():
            self._emit(events.Reloaded(what=changes.what, restart=changes.restart, tenant=self._tenant))
        return changes

    async def _swap(self, fresh: Config) -> Changes:
        revision = revise(self.config, fresh)
        found = await asyncio.to_thread(material.read, revision.config, self._environ)
        what = (*revision.live, *found.changes(self.standing.material))
        if what:
            standing = await self._stand(revision.config, found, what)
            take = await asyncio.to_thread(self.prepare, revision.config, standing)  # users are looked up by name
            self.config, self.standing = revision.config, standing
            take(what)
        if "identity" in what:
            self.announce_identity()
        return Changes(what, revision.restart)

    async def _stand(self, config: Config, found: Material, what: Collection[str]) -> Standing:
        """Return what stands on `found`; the same TLS where nothing of it changed, since another drops connections."""
        if MAKES_TLS.isdisjoint(what):
            return replace(self.standing, material=found)
        return await asyncio.to_thread(material.stand, config, found)

    def _mended(self, *, everything: bool) -> None:
        """Forget what was broken; without reading the configuration again nobody knows about that."""
        for of, error in list(self._broken.items()):
            if everything or not (of and isinstance(error, ConfigError)):
                del self._broken[of]

    def _complain(self, error: SidecarError) -> None:
        if error.detail != self._complaint:
            self._complaint = error.detail
            self._emit(
                events.ReloadFailed(
                    what=type(error).__name__, detail=error.detail, remedy=error.remedy, tenant=self._tenant
                )
            )
