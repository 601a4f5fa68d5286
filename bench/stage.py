"""Where a run takes place: the upstream on one core, the contenders on another, all in a folder that is removed."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import kernel, machine
from bench.certificates import write_certificates
from bench.contender import check_fields, contender
from bench.upstream import upstream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.contender import Contender
    from bench.record import Record
    from bench.site import Site
    from bench.subject import Subject

_ON_DISK: Final = "/var/tmp"  # noqa: S108  # a folder of our own is made in it; /tmp may be memory, and logs must cost


@dataclass(slots=True)
class Stage:
    """The upstream as it runs, and the two cores: that of a contender, and that of all else."""

    site: Site
    folder: Path
    subject_core: int
    other_core: int
    _upstream: int
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextlib.contextmanager
    def contender(self, subject: Subject) -> Iterator[Contender]:
        """Run a contender until the block ends; BenchError when it does not serve."""
        folder = self.folder / f"{subject.name}-{next(self._numbers)}"
        with contender(subject, self.site, folder, self.subject_core) as running:
            yield running

    @contextlib.contextmanager
    def contenders(self, subjects: Sequence[Subject], record: Record) -> Iterator[list[Contender]]:
        """Run those that serve, and that give the upstream all it must have; the others are noted."""
        with contextlib.ExitStack() as stack:
            serving = []
            for subject in subjects:
                with record.attempt(subject.title):
                    running = stack.enter_context(self.contender(subject))
                    check_fields(running.port)
                    serving.append(running)
            yield serving

    @contextlib.contextmanager
    def on_one_core(self) -> Iterator[None]:
        """Keep the upstream and this thread on the contenders' core until the block ends."""
        self._move_upstream(self.subject_core)
        try:
            with machine.on_core(self.subject_core):
                yield
        finally:
            self._move_upstream(self.other_core)

    def _move_upstream(self, core: int) -> None:
        for pid in kernel.family(self._upstream):
            os.sched_setaffinity(pid, {core})


@contextlib.contextmanager
def stage(subject_core: int, other_core: int) -> Iterator[Stage]:
    """Set everything up that the contenders share, and take it down again; BenchError says what is missing."""
    with (
        tempfile.TemporaryDirectory(prefix="sidecar-bench-", dir=_ON_DISK) as name,
        machine.on_core(other_core),
    ):
        folder = Path(name)
        for room in ("certificates", "upstream"):
            (folder / room).mkdir()
        write_certificates(folder / "certificates")
        with upstream(folder / "upstream", folder / "certificates", other_core) as (site, process):
            yield Stage(site, folder, subject_core, other_core, process.pid)
