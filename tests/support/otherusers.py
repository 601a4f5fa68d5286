"""Other users of this machine, for what one user may do to another: only root can act as somebody else."""

from __future__ import annotations

import contextlib
import ctypes
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
def ordinary_programs() -> Iterator[None]:
    """Let what is started meanwhile be an ordinary user's: root's programs get no capability, others have none anyway.

    Linux only, see capabilities(7): with this bit the kernel gives a program nothing for its user being number 0.
    """
    get_securebits, set_securebits, no_root = 27, 28, 1  # linux/prctl.h, linux/securebits.h
    prctl = ctypes.CDLL(None).prctl
    before = prctl(get_securebits, 0, 0, 0, 0)
    if os.geteuid() == 0:
        assert prctl(set_securebits, before | no_root, 0, 0, 0) == 0
    try:
        yield
    finally:
        if os.geteuid() == 0:
            assert prctl(set_securebits, before, 0, 0, 0) == 0


@contextlib.contextmanager
def common_folder() -> Iterator[Path]:
    """Make a folder in which every user may make files, with a short name: a socket's path has 107 bytes at most."""
    folder = Path(tempfile.mkdtemp(prefix="s-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
