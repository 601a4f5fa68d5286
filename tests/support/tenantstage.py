"""Several FinHubs in threads of this process, and one sidecar for all of them as a process of its own."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from staging import FinHub, SidecarProcess, Stage
from tenanted import WAYS, configuration, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass
class TenantStage(Stage):
    """`finhub` is the first tenant's, `finhubs` are all by name, and `config` is the file that names them."""

    finhubs: dict[str, FinHub] = field(default_factory=dict)
    config: Path | None = None

    def run(self, **environ: str) -> SidecarProcess:
        """Start one more sidecar for all tenants."""
        return self.run_with(["run", "--config", str(self.config)], **environ)


@contextlib.contextmanager
def tenants_staged(folder: Path, ways: Mapping[str, str] = WAYS, **settings: Any) -> Iterator[TenantStage]:
    """Put up a FinHub for each tenant; at the end no secret of any may stand in what the sidecars wrote."""
    with contextlib.ExitStack() as stack:
        running = dict[str, FinHub]()
        for name in ways:
            (folder / name).mkdir()
            running[name] = stack.enter_context(FinHub(folder / name, **settings_of(name, **settings)))
        config = folder / "sidecar.toml"
        config.write_text(configuration(ways, {name: one.emulator.url for name, one in running.items()}))
        stage = TenantStage(next(iter(running.values())), finhubs=running, config=config)
        try:
            yield stage
            for one in running.values():
                stage.secrets |= one.secrets
            stage.end()
        finally:
            for process in stage.processes:
                process.end(signal.SIGKILL)
