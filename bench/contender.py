"""A proxy while it runs: its port, and what it has used."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import kernel, site
from bench.certificates import CLIENT
from bench.client import ASKED, exchange, first_answer, request
from bench.errors import BenchError
from bench.process import running
from bench.transport import connected, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.site import Site
    from bench.subject import Subject


@dataclass(frozen=True, slots=True)
class Contender:
    """A proxy that has served its first request, `started_in` seconds after it was started."""

    subject: Subject
    port: int
    pid: int
    started_in: float

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used so far."""
        return kernel.cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        """Return the memory that it holds."""
        return kernel.resident_bytes(self.pid)


@contextlib.contextmanager
def contender(subject: Subject, place: Site, folder: Path, core: int) -> Iterator[Contender]:
    """Run a proxy on one core until the block ends; BenchError when it does not serve."""
    folder.mkdir(parents=True)
    port = free_port()
    recipe = subject.prepare(place, folder, port)
    began = time.perf_counter()
    with running(recipe.command, folder, core, recipe.environ) as process:
        try:
            served = first_answer(port, process, ASKED)
        except BenchError as error:
            said = (folder / "stderr").read_text(encoding="utf-8", errors="replace")
            raise BenchError(f"{subject.title}: {error}\n{said[-2000:]}") from error
        yield Contender(subject, port, process.pid, served - began)


def check_fields(port: int) -> None:
    """See that the upstream gets every field, the token and the certificate; BenchError names what is missing."""
    with connected(port) as connection:
        reply = exchange(connection, request("GET", site.SEEN))
    missing = lacking(reply.body.decode("latin-1"))
    if missing:
        raise BenchError(f"the upstream was not given what it must have: {', '.join(missing)}")


def lacking(told: str) -> list[str]:
    """Return what is missing or wrong in the upstream's list of what it was given: lines of a name and a value."""
    given = {name: value for name, _, value in (line.partition(": ") for line in told.splitlines())}
    missing = [name for name in site.FIELDS if not given.get(name)]
    if given.get("Authorization", "") not in {"", site.FIXED["Authorization"]}:
        missing.append("the right token")
    if CLIENT not in given.get("certificate", ""):
        missing.append("the client certificate")
    return missing
