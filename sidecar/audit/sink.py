"""Where the lines go: a file that is only ever added to, with the ended ones beside it; `stream.py` is the other one.

Thin, and blocking. Nothing that was written is changed, and nothing is renamed over: a file that is full gets the next
free number (`names.py`), and the chain goes on in a new one. A lock beside it keeps a second writer out.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from sidecar.audit.chain import LONGEST, End, read
from sidecar.audit.names import numbered, numbers
from sidecar.errors import AuditError

if TYPE_CHECKING:
    from typing import Self

_TAIL: Final = 2**20
"""Bytes at a file's end in which its last whole line must be."""

_APPENDING: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Torn:
    """Bytes behind the last whole line, without their newlines: a process was ended while it wrote them."""

    size: int
    digest: str

    @classmethod
    def of(cls, text: bytes) -> Self:
        """Return what is told of these bytes."""
        return cls(len(text), hashlib.sha256(text).hexdigest())


class Sink(Protocol):
    """What takes lines.

    Attributes:
        name: what it is called.
        end: the last line that was there at first; `End()` where there was none.
        torn: what stood behind that, None where nothing did.
        size: bytes that it holds; 0 where it has no bound.
    """

    name: str
    end: End
    torn: Torn | None
    size: int

    def write(self, data: bytes) -> int:
        """Take `data` or a part of it, and return how many bytes; OSError where none can be taken."""
        ...

    def sync(self, *, hard: bool) -> None:
        """Hand on all that was taken; `hard`: as far as the disk."""
        ...

    def rotate(self) -> str:
        """Begin another file, and return the name of the one that was ended; OSError where that cannot be."""
        ...

    def surplus(self, keep: int) -> tuple[list[str], End]:
        """Return the oldest files when there are more than `keep`, and the line that the others begin after."""
        ...

    def remove(self, names: list[str]) -> None:
        """Delete these files."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class FileSink:
    """A file, which nobody else writes to while this is open.

    Raises:
        AuditError: it cannot be opened, somebody else has it, or its last line was changed.
    """

    def __init__(self, path: str) -> None:
        self.name = os.path.realpath(path)
        self._folder, self._base = os.path.split(self.name)
        try:
            self._lock = _locked(f"{self.name}.lock")
            with contextlib.ExitStack() as undo:
                undo.callback(os.close, self._lock)
                self._fd = os.open(self.name, _APPENDING, 0o600)
                undo.callback(os.close, self._fd)
                self._is_regular()
                self.size = os.fstat(self._fd).st_size
                self.end, self.torn = self._find_end()
                undo.pop_all()
        except OSError as error:
            raise AuditError(f"{self.name} cannot be opened: {error.strerror}") from error
        self._newline = b"\n" if self.size and os.pread(self._fd, 1, self.size - 1) != b"\n" else b""

    def write(self, data: bytes) -> int:
        """Add `data` or a part of it; see `Sink`, here and below."""
        self._come_back()
        if self._newline:  # what was torn gets an end, so that what follows is a line of its own
            os.write(self._fd, self._newline)
            self.size, self._newline = self.size + 1, b""
        taken = os.write(self._fd, data)
        self.size += taken
        return taken

    def sync(self, *, hard: bool) -> None:
        """Force what was written to the disk, if it is to be `hard`."""
        if hard:
            _sync(self._fd)

    def rotate(self) -> str:
        """Give the file its number and begin another."""
        ended = numbered(self.name, max(self._numbers(), default=0) + 1)
        if Path(self.name).exists():
            # The name is taken before it is used: no file of anybody else's can be renamed over.
            os.close(os.open(ended, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            os.rename(self.name, ended)  # noqa: PTH104  # beside the other calls of os
        self._open_another()
        return ended

    def surplus(self, keep: int) -> tuple[list[str], End]:
        """Return the files to be deleted, and none while it cannot be told what the others begin after."""
        there = self._numbers()
        doomed = there[: max(0, len(there) - keep)]
        kept = [numbered(self.name, number) for number in there[len(doomed) :]]
        begin = next((found for name in (*kept, self.name) if (found := _begin_of(name))), None)
        if not doomed or begin is None:
            return [], End()
        return [numbered(self.name, number) for number in doomed], begin

    def remove(self, names: list[str]) -> None:
        """Delete these files, as far as they are there."""
        for name in names:
            Path(name).unlink(missing_ok=True)
        self._sync_folder()

    def close(self) -> None:
        """Let another process write here."""
        os.close(self._fd)
        os.close(self._lock)

    def _numbers(self) -> list[int]:
        return numbers(self._base, os.listdir(self._folder))  # noqa: PTH208  # names alone are asked for

    def _is_regular(self) -> None:
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            raise AuditError(f"{self.name} is no ordinary file", remedy='Name a file in audit.file, or "-" for stdout.')

    def _come_back(self) -> None:
        """Begin another file where somebody took this one away, and learn its size where somebody cut it."""
        try:
            there = os.stat(self.name)  # noqa: PTH116  # beside the other calls of os
        except FileNotFoundError:
            self._open_another()
            return
        here = os.fstat(self._fd)
        if (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino):
            self._open_another()
        else:
            self.size = there.st_size

    def _open_another(self) -> None:
        fd = os.open(self.name, _APPENDING, 0o600)
        os.close(self._fd)
        self._fd, self._newline = fd, b""
        self.size = os.fstat(fd).st_size
        self._sync_folder()

    def _sync_folder(self) -> None:
        fd = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):  # not every file system can
                os.fsync(fd)
        finally:
            os.close(fd)

    def _find_end(self) -> tuple[End, Torn | None]:
        """Return the last whole line, in this file or in an older one, and what stands behind it."""
        strange: list[bytes] = []
        for name in (self.name, *(numbered(self.name, number) for number in reversed(self._numbers()))):
            end, behind = _tail(name)
            strange = behind + strange
            if end is not None:
                break
        else:
            end = End()
        return end, Torn.of(b"".join(strange)) if strange else None


def _locked(path: str) -> int:
    """Return the descriptor of a lock that is ours until it is closed; the file stays."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise AuditError(
            f"{path.removesuffix('.lock')} is being written by another process",
            remedy="Give each sidecar an audit.file of its own, or stop the other one.",
        ) from None
    except OSError:
        os.close(fd)
        raise
    return fd


def _sync(fd: int) -> None:
    (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(fd)


def _tail(name: str) -> tuple[End | None, list[bytes]]:
    """Return a file's last whole line, None where there is none, and the pieces behind it that are no lines."""
    with open(name, "rb") as file:  # noqa: PTH123  # beside the other calls of os
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        pieces = file.read().split(b"\n")
    pieces = pieces if size <= _TAIL else pieces[1:]  # the first one may be a part
    strange: list[bytes] = []
    while pieces:
        piece = pieces.pop()
        link = read(piece)
        if link is not None and link.intact:
            return End(link.seq, link.hash), strange
        if link is not None:
            raise AuditError(
                f"{name}: its last line (number {link.seq}) is not what was written",
                remedy="Somebody changed it. Keep these files for whoever looks into it, and name another audit.file.",
            )
        strange = [piece, *strange] if piece else strange
    if size > _TAIL:
        raise AuditError(f"{name} is no audit trail", remedy="Name a file of the sidecar's own in audit.file.")
    return None, strange


def _begin_of(name: str) -> End | None:
    """Return the line after which a file begins, None where that cannot be told."""
    try:
        with open(name, "rb") as file:  # noqa: PTH123  # as above
            link = read(file.readline(LONGEST).removesuffix(b"\n"))
    except FileNotFoundError:
        return None
    return None if link is None else End(link.seq - 1, link.prev)
