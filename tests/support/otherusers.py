"""Other users of this machine, for what one user may do to another: only root can act as somebody else."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY: Final = 65534
STRANGER: Final = 54321
"""A user without an entry in any table, as a container's often is."""

ONLY_ROOT: Final = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@contextlib.contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """Be another user, and no root, as far as the kernel's permissions go; the whole process, for a moment."""
    before = os.geteuid()
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(before)


@contextlib.contextmanager
def common_folder() -> Iterator[Path]:
    """Make a folder in which every user may make files, with a short name: a socket's path has 107 bytes at most."""
    folder = Path(tempfile.mkdtemp(prefix="s-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
