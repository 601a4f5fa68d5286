"""A trail's lines from its files, oldest first, while a sidecar may be writing them.

Thin. A piece is a line, or of one that is too long to be ours so much as is read at once.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from sidecar.audit.chain import LONGEST
from sidecar.audit.names import numbered, numbers
from sidecar.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

Piece = tuple[str, int, bytes]
"""File, number of the line in it, bytes."""


def pieces(paths: Sequence[str]) -> Iterator[Piece]:
    """Yield the pieces of all lines: of one file and its ended ones, or of these files in this order.

    Raises:
        AuditError: a file cannot be read.
    """
    try:
        if len(paths) > 1:
            for path in paths:
                with open(path, "rb") as file:  # noqa: PTH123  # a path is a text here
                    yield from _pieces(path, file)
        else:
            yield from _whole(os.path.realpath(paths[0]))
    except OSError as error:
        name = error.filename or paths[0]
        remedy = "Name the file that audit.file names: its ended ones are found beside it."
        raise AuditError(f"{name} cannot be read: {error.strerror}", remedy=remedy) from error


def _whole(path: str) -> Iterator[Piece]:
    """Yield the pieces of a file and of those beside it that were ended; more may be ended meanwhile."""
    done = 0
    while True:
        for number in _after(path, done):
            name, done = numbered(path, number), number
            with open(name, "rb") as file:  # noqa: PTH123  # as above
                yield from _pieces(name, file)
        with contextlib.ExitStack() as stack:
            last = _opened(path, stack)
            if _after(path, done):
                continue
            if last is not None:
                yield from _pieces(path, last)
            elif not done:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            return


def _opened(path: str, stack: contextlib.ExitStack) -> BinaryIO | None:
    """Open the file that is written, None between two of them."""
    try:
        return stack.enter_context(open(path, "rb"))  # noqa: PTH123  # as above
    except FileNotFoundError:
        return None


def _after(path: str, done: int) -> list[int]:
    folder, base = os.path.split(path)
    return [number for number in numbers(base, os.listdir(folder)) if number > done]  # noqa: PTH208  # names alone


def _pieces(name: str, file: BinaryIO) -> Iterator[Piece]:
    number, ended = 0, True
    while piece := file.readline(LONGEST):
        number += ended
        ended = piece.endswith(b"\n")
        yield name, number, piece
