"""Runs a program confined as a systemd unit says, as far as that can be had without systemd and in its own words.

As a program: `python confined.py UNIT COMMAND…`. Needs libseccomp. As root it also takes away all capabilities, makes
the file system read-only and shows nothing but processes in /proc; anybody else has no capabilities to begin with.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Unit = dict[str, list[str]]

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EQUAL, _MASKED = 4, 7
_NO_NEW_PRIVS, _DROP_BOUND, _LAST_CAPABILITY = 38, 24, 63
_NEW_MOUNTS, _REMOUNT_READ_ONLY, _PRIVATE = 0x00020000, 0x1 | 0x20 | 0x1000, 0x4000 | 0x40000
_WRITE, _EXEC = 2, 4
_FAMILIES: Final = 64


class _Compare(ctypes.Structure):
    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def settings(text: str) -> Unit:
    """Return a unit's settings by name, each with its values in order; sections do not matter here."""
    found: Unit = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def system_calls(names: list[str]) -> set[str]:
    """Return the system calls behind names and @groups, as this machine's systemd knows them."""
    found: set[str] = set()
    for name in names:
        if name.startswith("@"):
            shown = subprocess.run(
                ["systemd-analyze", "syscall-filter", name, "--no-pager"], capture_output=True, text=True, check=True
            )
            lines = [line.strip() for line in shown.stdout.splitlines()[1:]]
            found |= system_calls([line for line in lines if line and not line.startswith("#")])
        else:
            found.add(name)
    return found


def allowed(unit: Unit) -> set[str]:
    """Return the system calls that the unit's filter lets through."""
    calls: set[str] = set()
    for value in unit["SystemCallFilter"]:
        if value.startswith("~"):
            calls -= system_calls(value[1:].split())
        else:
            calls |= system_calls(value.split())
    return calls


class _Filter:
    """One seccomp filter; what no rule names has the `default` action."""

    def __init__(self, default: int) -> None:
        self._lib = ctypes.CDLL("libseccomp.so.2")
        self._lib.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._lib.seccomp_init(default))

    def rule(self, action: int, call: str, *conditions: tuple[int, int, int, int]) -> None:
        """Add a rule; what this machine does not have needs none."""
        number = self._lib.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            return
        given = (_Compare * max(1, len(conditions)))(*(_Compare(*one) for one in conditions))
        added = self._lib.seccomp_rule_add_array(self._context, ctypes.c_uint32(action), number, len(conditions), given)
        assert added == 0, f"no rule for {call}: {os.strerror(-added)}"

    def load(self) -> None:
        """Confine this process, and all that come from it."""
        loaded = self._lib.seccomp_load(self._context)
        assert loaded == 0, f"the filter cannot be loaded: {os.strerror(-loaded)}"


def _filters(unit: Unit) -> Iterator[_Filter]:
    """Yield the filters as systemd makes them; the list of what is allowed comes last, since it forbids others."""
    if unit.get("MemoryDenyWriteExecute") == ["yes"]:
        memory = _Filter(_ALLOW)
        memory.rule(_ERRNO | errno.EPERM, "mmap", (2, _MASKED, _WRITE | _EXEC, _WRITE | _EXEC))
        for call in ("mprotect", "pkey_mprotect"):
            memory.rule(_ERRNO | errno.EPERM, call, (2, _MASKED, _EXEC, _EXEC))
        yield memory
    if unit.get("RestrictNamespaces") == ["yes"]:
        spaces = _Filter(_ALLOW)
        spaces.rule(_ERRNO | errno.ENOSYS, "clone3")
        spaces.rule(_ERRNO | errno.EPERM, "unshare")
        yield spaces
    families = {int(getattr(socket, name)) for name in unit["RestrictAddressFamilies"][0].split()}
    sockets = _Filter(_ALLOW)
    for family in set(range(_FAMILIES)) - families:
        sockets.rule(_ERRNO | errno.EAFNOSUPPORT, "socket", (0, _EQUAL, family, 0))
    yield sockets
    calls = _Filter(_ERRNO | errno.EPERM)
    for name in allowed(unit):
        calls.rule(_ALLOW, name)
    yield calls


def _show_less() -> None:
    """Make everything read-only, and /proc one of processes alone."""
    libc = ctypes.CDLL(None, use_errno=True)

    def must(done: int) -> None:
        assert done == 0, os.strerror(ctypes.get_errno())

    must(libc.unshare(_NEW_MOUNTS))
    must(libc.mount(b"none", b"/", None, _PRIVATE, None))
    must(libc.mount(b"proc", b"/proc", b"proc", 0, b"subset=pid,hidepid=invisible"))
    must(libc.mount(b"none", b"/", None, _REMOUNT_READ_ONLY, None))


def main(path: str, *command: str) -> None:
    """Become `command`, confined as the unit at `path` says."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  # nothing more needs pathlib
        unit = settings(file.read())
    filters: list[Any] = list(_filters(unit))
    libc = ctypes.CDLL(None)
    if os.geteuid() == 0:
        _show_less()
        for capability in range(_LAST_CAPABILITY):
            libc.prctl(_DROP_BOUND, capability, 0, 0, 0)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    for one in filters:
        one.load()
    os.execv(command[0], command)  # noqa: S606  # the caller gives a path, and its arguments are its own


if __name__ == "__main__":
    main(*sys.argv[1:])
