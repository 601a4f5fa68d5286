"""What a run has found so far: readings, and what could not be read."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Record:
    """Readings and troubles."""

    readings: Readings = field(default_factory=Readings)
    troubles: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Do something that may fail: then it is noted, and the run goes on."""
        try:
            yield
        except (BenchError, OSError) as error:
            self.troubles.append(f"{what}: {error}")
            say(f"  {self.troubles[-1]}")


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
