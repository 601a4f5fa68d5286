"""The trail in a stream, such as stdout: a sink that has no bound and no past."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from sidecar.audit.chain import End

if TYPE_CHECKING:
    from typing import BinaryIO

    from sidecar.audit.sink import Torn


class StreamSink:
    """A stream that others write to as well, each whole lines; it has no bound and no past.

    Its lines are shorter than its buffer: one that is taken is not lost when the stream cannot be written to, but
    stays in the buffer and is written before all that follows.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.name = "-"
        self.end = End()
        self.torn: Torn | None = None
        self.size = 0
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Put whole lines into the stream's buffer; see `Sink`, here and below."""
        taken = 0
        for line in data.splitlines(keepends=True):
            try:
                self._stream.write(line)
            except (OSError, ValueError) as error:  # ValueError: it was closed
                if not taken:
                    raise _closed(error) from error
                break
            taken += len(line)
        return taken

    def sync(self, *, hard: bool) -> None:  # noqa: ARG002  # there is no disk to reach
        """Write what the buffer holds."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise _closed(error) from error

    def rotate(self) -> str:
        """Fail: nobody asks for this, since a stream has no size."""
        raise OSError(errno.EINVAL, "a stream has no other file")

    def surplus(self, keep: int) -> tuple[list[str], End]:  # noqa: ARG002  # there is no file
        """Return nothing."""
        return [], End()

    def remove(self, names: list[str]) -> None:
        """Nothing is there to be deleted."""

    def close(self) -> None:
        """The stream is not ours to close."""


def _closed(error: OSError | ValueError) -> OSError:
    return error if isinstance(error, OSError) else OSError(errno.EBADF, "the stream is closed")
