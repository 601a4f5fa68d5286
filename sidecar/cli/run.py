"""`finhub-sidecar run`: the sidecar itself, until a signal or `/-/quit` ends it. FinHub never does."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

from sidecar.cli.exits import DONE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Coroutine, Iterator, Mapping

    from sidecar.app.sidecar import Sidecar
    from sidecar.audit.trail import Trail
    from sidecar.config.model import Config
    from sidecar.observe.log import Log
    from sidecar.server import Listeners
    from sidecar.server.activation import Passed

T = TypeVar("T")

_GARBAGE: Final = 2_000
"""Objects in doubt before the collector looks at them: few cycles are left behind, but some hold connections."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the command takes to its parser."""
    command.description = "Run the sidecar until SIGTERM, Ctrl-C or POST /-/quit."
    command.add_argument(
        "--config", metavar="FILE", help="the TOML file; without it the environment must say everything (FINHUB_…__…)"
    )
    command.set_defaults(run=run, interrupted=DONE)


def run(options: argparse.Namespace) -> int:
    """Run until the end; raises what `standing` raises when it cannot start."""
    with standing(options.config, sys.stdout) as running:
        from sidecar.server import serve  # noqa: PLC0415  # what carries requests is loaded late; see `standing`

        carry(serve(running.sidecar, running.listeners), running.log)
    return DONE


@dataclass(frozen=True, slots=True)
class Running:
    """A sidecar that is about to serve, where it tells what happens, and the listeners that are open already.

    `environ` is the environment of the start, with the secrets that are in it.
    """

    environ: Mapping[str, str]
    sidecar: Sidecar
    log: Log
    listeners: Listeners


@contextlib.contextmanager
def standing(path: str | None, requests: TextIO | None) -> Iterator[Running]:
    """Make everything ready to serve what the file at `path` and the environment say; the listeners close at the end.

    Whatever an operator can have got wrong is found before anybody can connect. Then the listeners open, and what
    carries requests is loaded while callers wait. Lines about requests go to the stream `requests`.

    Raises:
        ConfigError, SecretError, IdentityError, AuditError, ListenError: it cannot start.
    """
    from sidecar.cli import process  # noqa: PLC0415  # `--help` and other commands need not wait for it

    cautions = list(process.harden())
    process.give_memory_back()
    gc.disable()  # all that is made from here on to the first request stays: nothing to find
    passed = _passed()
    environ = dict(os.environ)  # a reload reads secrets again; nobody else shall find them
    environ.update(passed.variables if passed else {})

    from sidecar.app import material  # noqa: PLC0415  # as above
    from sidecar.app.choices import ready  # noqa: PLC0415  # as above
    from sidecar.config.load import load  # noqa: PLC0415  # as above
    from sidecar.observe.log import Log  # noqa: PLC0415  # as above
    from sidecar.server import listening  # noqa: PLC0415  # as above

    def read() -> Config:
        return load(path, environ)

    config = read()
    log = Log(config.log.format, config.log.level, out=requests)
    log.adopt_stdlib()
    if config.tenants:
        log.tell_tenants()
    found = ready(config, environ)
    material.forget_secrets(config, os.environ)
    for caution in (*cautions, *process.make_room(config)):
        log(caution)
    with _trail(config, requests) as trail, listening(config, passed) as listeners:
        from sidecar.wire.quick import load_aiohttp  # noqa: PLC0415  # callers can connect already, and wait for it

        load_aiohttp()

        from sidecar.app.sidecar import Sidecar  # noqa: PLC0415  # as above

        sidecar = Sidecar(config, environ, log, reread=read, ready=found, trail=trail)
        if trail is not None:
            trail.tell = log
            trail.begin()

        sidecar.on_config = functools.partial(_follow, log)
        yield Running(environ, sidecar, log, listeners)


def _follow(log: Log, changed: Config) -> None:
    """Let the process be as a changed configuration says."""
    from sidecar.app import material  # noqa: PLC0415  # as above
    from sidecar.cli import process  # noqa: PLC0415  # as above

    log.set_level(changed.log.level)
    material.forget_secrets(changed, os.environ)
    for caution in process.make_room(changed):
        log(caution)


@contextlib.contextmanager
def _trail(config: Config, stream: TextIO | None) -> Iterator[Trail | None]:
    """Hold the audit trail open that the configuration asks for, and write the last of it; None where it asks for none.

    Raises:
        AuditError: it cannot be opened.
    """
    if config.audit.file is None:
        yield None
        return
    from sidecar.audit.trail import opened  # noqa: PLC0415  # for whom there is a trail

    trail = opened(config.audit.file, config.audit, stream)
    try:
        yield trail
    finally:
        trail.close()


def _passed() -> Passed | None:
    """Take over the listeners that a service manager opened for us; None where there is none."""
    if "LISTEN_FDS" not in os.environ:
        return None
    from sidecar.server.activation import take  # noqa: PLC0415  # for whom a service manager started

    return take(os.environ)


def carry(work: Coroutine[Any, Any, T], log: Log) -> T:
    """Return what `work` returns, which serves until the end; all that `log` was told by then is written."""
    from sidecar.cli import loop  # noqa: PLC0415  # what carries requests is loaded late; see `standing`

    gc.freeze()
    gc.set_threshold(_GARBAGE)
    gc.enable()
    try:
        return loop.run(work)
    finally:
        log.flush()  # requests that are cut at the very end are told, too
