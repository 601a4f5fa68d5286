"""A proxy that is measured: how it is called, where it comes from, and how it is configured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench.site import Site


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a process is started; it runs in the folder that its configuration was written into."""

    command: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """One of those that are compared.

    Attributes:
        name: as on the command line.
        title: as in the tables.
        prepare: writes the configuration for a port of loopback into a folder, and tells how to start.
        version: what is installed; None where it is missing.
        remedy: where it comes from.
    """

    name: str
    title: str
    prepare: Callable[[Site, Path, int], Recipe]
    version: Callable[[], str | None]
    remedy: str
