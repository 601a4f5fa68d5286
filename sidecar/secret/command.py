"""A secret that a program writes, such as the command line of a vault. No shell; its own session; bounded in all.

What it wrote is used again for `cache` seconds, so that a vault is not asked at every look at the files.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
from typing import IO, TYPE_CHECKING, Final, cast

from sidecar.errors import SecretError
from sidecar.redact import Secret, is_secret_key, redact
from sidecar.secret.text import LONGEST, less_one_newline, secret
from sidecar.wire.clock import steady

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sidecar.config.refs import CommandRef

_MOST_OUT: Final = LONGEST + 2  # and its newline
_MOST_TOLD: Final = 200  # characters of what went wrong
_CHUNK: Final = 65536
_OURS: Final = "FINHUB_"


class Cache:
    """What commands wrote, each for its `cache` seconds; one command runs at a time."""

    def __init__(self, now: Callable[[], float] = steady) -> None:
        self._now = now
        self._kept: dict[CommandRef, tuple[float, Secret]] = {}
        self._lock = threading.Lock()

    def read(self, ref: CommandRef, environ: Mapping[str, str]) -> Secret:
        """Return what the command writes, or wrote lately, less one trailing newline. Blocks, `ref.timeout` at most.

        The command gets `environ` without any FINHUB_ variable. Raises SecretError if it cannot be started, fails,
        takes too long or does not write a secret's text; a failure is not kept.
        """
        with self._lock:
            now = self._now()
            self._kept = {one: kept for one, kept in self._kept.items() if now < kept[0]}
            if ref in self._kept:
                return self._kept[ref][1]
            found = _run(ref, environ)
            if ref.cache:
                self._kept[ref] = (self._now() + ref.cache, found)
            return found

    def forget(self) -> None:
        """Let every command be run again when it is needed next."""
        with self._lock:
            self._kept.clear()


def _run(ref: CommandRef, environ: Mapping[str, str]) -> Secret:
    where = f"the command {os.path.basename(ref.words[0])}"  # noqa: PTH119  # a name, maybe of no path
    inherited = {name: text for name, text in environ.items() if not name.startswith(_OURS)}
    with _started(ref, inherited, where) as process:
        out, told = _heard(process, steady() + ref.timeout, ref, where)
    if process.returncode:
        raise _failed(where, process.returncode, told, out, inherited)
    return secret(less_one_newline(out), f"what {where} writes")


@contextlib.contextmanager
def _started(ref: CommandRef, environ: Mapping[str, str], where: str) -> Iterator[subprocess.Popen[bytes]]:
    """Give the running command. Unless it has ended by itself, it and all that it started is ended; it is awaited."""
    try:
        # A session of its own: no terminal to ask on, and a Ctrl-C that is meant for us does not end it.
        process = subprocess.Popen(  # noqa: S603  # the operator's own words, and no shell
            ref.words,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "a word of it cannot be passed on"
        raise SecretError(
            f"{where} cannot be started: {reason}",
            remedy="Name a program that is in PATH, or its path, as the first word of the command.",
        ) from None
    with process:
        try:
            yield process
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _heard(process: subprocess.Popen[bytes], deadline: float, ref: CommandRef, where: str) -> tuple[bytes, bytes]:
    """Return what the command writes to stdout, and the beginning of what it writes to stderr, once it has ended."""
    heard: dict[str, bytes] = {"out": b"", "told": b""}
    with selectors.DefaultSelector() as selector:
        selector.register(cast("IO[bytes]", process.stdout), selectors.EVENT_READ, "out")
        selector.register(cast("IO[bytes]", process.stderr), selectors.EVENT_READ, "told")
        while selector.get_map():
            for ready, _ in selector.select(max(0.0, deadline - steady())):
                chunk = os.read(ready.fd, _CHUNK)
                if not chunk:
                    selector.unregister(ready.fileobj)
                heard[ready.data] = (heard[ready.data] + chunk)[: _MOST_OUT + 1]
            if steady() >= deadline:
                raise _late(where, ref)
            if len(heard["out"]) > _MOST_OUT:
                raise SecretError(f"{where} writes more than 64 KiB", remedy="Let it write the secret alone.")
    try:
        process.wait(max(0.0, deadline - steady()))
    except subprocess.TimeoutExpired:
        raise _late(where, ref) from None
    return heard["out"], heard["told"]


def _late(where: str, ref: CommandRef) -> SecretError:
    return SecretError(
        f"{where} took more than {ref.timeout:g} s, and was ended",
        remedy="Run it by hand as the sidecar's user: it must not ask anything. If it needs longer, set its timeout.",
    )


def _failed(where: str, status: int, told: bytes, out: bytes, environ: Mapping[str, str]) -> SecretError:
    how = f"exit status {status}" if status > 0 else f"signal {-status}"
    line = _first_line(told, out, environ)
    return SecretError(
        f"{where} failed: {how}{': ' if line else ''}{line}",
        remedy="Run it by hand as the sidecar's user, with the sidecar's environment less its FINHUB_ variables.",
    )


def _first_line(told: bytes, out: bytes, environ: Mapping[str, str]) -> str:
    """Return the first line of a complaint, without what was written as a secret or is one in the environment."""
    hidden = [Secret(text) for name, text in environ.items() if is_secret_key(name)]
    hidden += [Secret(line.decode(errors="replace").strip()) for line in out.splitlines() if line.strip()]
    lines = told.decode(errors="replace").strip().splitlines()
    line = redact(lines[0]) if lines else ""
    del hidden  # `redact` knows them for as long as they live
    return "".join(mark if mark.isprintable() else " " for mark in line)[:_MOST_TOLD]
