"""Keeps what the doors use up to date: identity, trust and secrets, compared by content.

What is good is swapped in as a whole; when the new is broken, what is in use stays.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from sidecar import events
from sidecar.app import material
from sidecar.errors import SidecarError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sidecar.app.material import Standing
    from sidecar.config.model import Config
    from sidecar.events import Emit


class Keeper:
    """The one place that knows what stands now. `on_change` is told what changed, after it has been swapped."""

    def __init__(self, config: Config, environ: Mapping[str, str], standing: Standing, emit: Emit) -> None:
        self.standing = standing
        self.on_change: Callable[[tuple[str, ...]], None] = _nobody
        self._config = config
        self._environ = environ
        self._emit = emit
        self._complaint = ""
        self._one_at_a_time = asyncio.Lock()

    async def look(self) -> tuple[str, ...]:
        """Read everything again and use what changed; return its names.

        Raises:
            SidecarError: something new cannot be used; nothing was swapped, and the log tells it once.
        """
        async with self._one_at_a_time:
            try:
                changes = await self._swap()
            except SidecarError as error:
                self._complain(error)
                raise
            self._complaint = ""
        if changes:
            self._emit(events.Reloaded(what=changes))
            self.on_change(changes)
        return changes

    async def watch(self) -> None:
        """Look every `identity.reload_interval` seconds until cancelled."""
        while True:
            await asyncio.sleep(self._config.identity.reload_interval)
            with contextlib.suppress(SidecarError):
                await self.look()

    async def _swap(self) -> tuple[str, ...]:
        found = await asyncio.to_thread(material.read, self._config, self._environ)
        changes = found.changes(self.standing.material)
        if changes:
            self.standing = await asyncio.to_thread(material.stand, self._config, found)
        if "identity" in changes:
            self.announce_identity()
        return changes

    def announce_identity(self) -> None:
        """Tell which identity stands, if any."""
        identity = self.standing.identity
        if identity is not None:
            self._emit(material.loaded(identity))

    def _complain(self, error: SidecarError) -> None:
        if error.detail != self._complaint:
            self._complaint = error.detail
            self._emit(events.ReloadFailed(what=type(error).__name__, detail=error.detail, remedy=error.remedy))


def _nobody(_: tuple[str, ...]) -> None:
    """Stand in until the assembly says who wants to know."""
