"""Bytes lent to OpenSSL under a file name, since `ssl` loads keys and revocation lists from files only.

In memory where the system can (Linux), else in a temporary file that only we may read and that is gone right after.
Whoever hands over a key encrypts it first, so that not even then a key lies on a disk in the clear.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Final

from sidecar.errors import ConfigError

HandOver = Callable[[bytes], AbstractContextManager[str]]

_DESCRIPTORS: Final = Path("/proc/self/fd")
_NAME: Final = "finhub-sidecar"


@contextlib.contextmanager
def in_memory(content: bytes) -> Iterator[str]:
    """Lend `content` under a name that exists in this process alone; nothing touches a disk.

    Raises:
        OSError: the system has no such files, or forbids them.
    """
    with os.fdopen(os.memfd_create(_NAME), "wb") as file:
        file.write(content)
        file.flush()
        yield str(_DESCRIPTORS / str(file.fileno()))


@contextlib.contextmanager
def on_disk(content: bytes) -> Iterator[str]:
    """Lend `content` as a temporary file of mode 0600, removed at the end.

    Raises:
        ConfigError: no temporary directory can be written to.
    """
    with _temporary_file() as file:
        file.write(content)
        file.flush()
        yield file.name


def _temporary_file() -> IO[bytes]:
    import tempfile  # noqa: PLC0415  # where memory will do, nobody waits for it

    try:
        return tempfile.NamedTemporaryFile(prefix=f"{_NAME}-")
    except OSError as error:
        raise ConfigError(
            f"no temporary file can be made to load the identity or the revocation list: {error.strerror}",
            remedy="Let TMPDIR name a directory that can be written to; a key lies there encrypted, for a moment.",
        ) from None


def in_memory_works() -> bool:
    """Tell whether `in_memory` can be used here: it takes Linux, /proc and a sandbox that allows memfd_create."""
    if not hasattr(os, "memfd_create"):
        return False
    try:
        with in_memory(b"") as name:
            return Path(name).exists()
    except OSError:
        return False


def best() -> HandOver:
    """Return the way that leaves least behind on this machine."""
    return in_memory if in_memory_works() else on_disk
