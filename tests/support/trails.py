"""Audit trails made by hand: lines that follow each other, and what becomes of them when somebody meddles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.audit.chain import GENESIS, End, seal
from sidecar.audit.members import note
from sidecar.audit.verify import Report, Verifier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sidecar.audit.sink import Torn

NOON = 1_780_000_000.0


class Memory:
    """A sink whose bounds a test sets, and which notes what is asked of it."""

    def __init__(self) -> None:
        self.name, self.end, self.size = "memory", End(), 0
        self.torn: Torn | None = None
        self.room = 10**9
        self.files = [b""]
        self.asked: list[str] = []
        self.doomed: list[str] = []

    def write(self, data: bytes) -> int:
        """Take as much as there is room for."""
        if not self.room:
            raise OSError(28, "No space left on device")
        taken = data[: self.room]
        self.room -= len(taken)
        self.files[-1] += taken
        self.size += len(taken)
        self.asked.append("write")
        return len(taken)

    def sync(self, *, hard: bool) -> None:
        """Note it."""
        self.asked.append("sync" if hard else "hand on")

    def rotate(self) -> str:
        """Begin another file."""
        self.files.append(b"")
        self.size = 0
        self.asked.append("rotate")
        return "ended"

    def surplus(self, keep: int) -> tuple[list[str], End]:
        """Return what the test wants to be removed."""
        self.asked.append(f"keep {keep}")
        return list(self.doomed), End(1, GENESIS)

    def remove(self, names: list[str]) -> None:
        """Note it."""
        self.asked.append(f"remove {names}")
        self.doomed.clear()

    def close(self) -> None:
        """Note it."""
        self.asked.append("close")

    def lines(self) -> list[bytes]:
        """Return what was written."""
        return b"".join(self.files).splitlines(keepends=True)


def chained(bodies: Iterable[str], after: End | None = None) -> list[bytes]:
    """Return a line with its newline for each of `bodies`."""
    end, lines = after or End(), []
    for body in bodies:
        line, head = seal(end.seq + 1, body, end.head)
        end = End(end.seq + 1, head)
        lines.append(f"{line}\n".encode("ascii"))
    return lines


def trail(length: int, after: End | None = None) -> list[bytes]:
    """Return a trail of so many ordinary lines."""
    return chained((note("request", NOON + number, {"status": 200 + number}) for number in range(length)), after)


def checked(lines: Iterable[bytes], after: str = "", head: str = "") -> Report:
    """Return what verification finds of these lines of one file."""
    verifier = Verifier(after=after, head=head)
    for number, line in enumerate(lines, 1):
        verifier.feed("a", number, line)
    return verifier.finish()


def text_of(lines: Iterable[bytes]) -> bytes:
    """Return the file that the lines make."""
    return b"".join(lines)


def found(report: Report) -> list[tuple[int, int, str]]:
    """Return where faults were found: the line in the file, the number in the trail, the kind."""
    return [(fault.line, fault.seq, fault.kind) for fault in report.faults]
