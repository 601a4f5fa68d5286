"""What a process that holds keys and tokens does about itself before it reads them.

Thin: system calls, each of which may be missing or forbidden. What could not be done is returned in words.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
from typing import TYPE_CHECKING, Final

from sidecar.config.residents import residents
from sidecar.events import Caution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.config.model import Config

_PR_SET_DUMPABLE: Final = 4  # linux/prctl.h
_M_TRIM_THRESHOLD: Final = -1  # malloc.h
_M_MMAP_THRESHOLD: Final = -3
_LARGE: Final = 256 * 2**10
"""What an event loop takes for one TLS connection, and the most that it reads at once."""

_AT_THE_END: Final = 2 * 2**20
"""Free memory that is kept for what comes next: taking it anew costs more than all the rest of a large message."""

_BESIDES: Final = 160
"""Descriptors for everything but callers and FinHub: the operator's and those turned away (32 each), files …."""


def harden() -> Iterator[Caution]:
    """Leave no core dump with keys in it, let nobody look into this process, and make files for their owner alone.

    Yields what this system would not do. Not dumpable, the process hides its memory and its start-up environment in
    /proc from other processes of its user, too.
    """
    os.umask(0o077)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        yield Caution(
            detail="core dumps could not be turned off, and would hold keys",
            remedy="Set `ulimit -c 0` for the sidecar.",
        )
    if sys.platform == "linux" and not hide_memory():
        yield Caution(
            detail="other processes of this user can read this one's memory",
            remedy="Run the sidecar as a user of its own.",
        )


def hide_memory() -> bool:
    """Let no other process of this user look into this one; return whether that worked. An `exec` undoes it."""
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
    return False


def give_memory_back() -> None:
    """Have the C library give large blocks back to the system when they are freed, where it is one that can be told.

    By itself glibc soon keeps what is as large as the first block that was freed, and touches all of it: a quarter of
    a MiB for each TLS connection, of which a few KiB are ever used.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _AT_THE_END)


def make_room(config: Config) -> Iterator[Caution]:
    """Raise the limit of open files to what `config` may need; yield a caution where the system allows fewer."""
    listeners = 1 + sum(tenant.listen is not None for tenant in config.tenants)
    to_finhub = sum(resident.config.upstream.max_connections for resident in residents(config))
    need = listeners * config.listen.max_connections + to_finhub + _BESIDES
    allowed = _raise_open_files(need)
    if allowed < need:
        yield Caution(
            detail=f"this process may open {allowed} files, and listen.max_connections asks for {need}",
            remedy="Raise the limit (`ulimit -Hn`, LimitNOFILE=), or lower listen.max_connections.",
        )


def _raise_open_files(need: int) -> int:
    """Raise the soft limit towards `need`, never lower it; return `need`, or the fewer files that are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = need if hard == resource.RLIM_INFINITY else min(need, hard)
    if soft == resource.RLIM_INFINITY or soft >= allowed:
        return allowed
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # a kernel's own ceiling may lie below the hard limit
        return soft
    return allowed
