"""`finhub-sidecar run`: the sidecar itself, until a signal or `/-/quit` ends it. FinHub never does."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Final

from sidecar.cli.exits import DONE

if TYPE_CHECKING:
    import argparse

    from sidecar.app.sidecar import Sidecar
    from sidecar.config.model import Config
    from sidecar.observe.log import Log
    from sidecar.server import Listeners


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
    """Run until the end; ConfigError, SecretError, IdentityError or ListenError when it cannot start.

    Whatever an operator can have got wrong is found before anybody can connect. Then the listeners open, and what
    carries requests is loaded while callers wait.
    """
    from sidecar.cli import process  # noqa: PLC0415  # `--help` and other commands need not wait for it

    cautions = list(process.harden())
    process.give_memory_back()
    gc.disable()  # all that is made from here on to the first request stays: nothing to find
    environ = dict(os.environ)  # a reload reads secrets again; nobody else shall find them

    from sidecar.app import material  # noqa: PLC0415  # as above
    from sidecar.app.choices import ready  # noqa: PLC0415  # as above
    from sidecar.config.load import load  # noqa: PLC0415  # as above
    from sidecar.observe.log import Log  # noqa: PLC0415  # as above
    from sidecar.server import listening  # noqa: PLC0415  # as above

    def read() -> Config:
        return load(options.config, environ)

    config = read()
    log = Log(config.log.format, config.log.level)
    log.adopt_stdlib()
    found = ready(config, environ)
    material.forget_secrets(config, os.environ)
    for caution in (*cautions, *process.make_room(config)):
        log(caution)
    with listening(config) as listeners:
        from sidecar.wire.quick import load_aiohttp  # noqa: PLC0415  # callers can connect already, and wait for it

        load_aiohttp()

        from sidecar.app.sidecar import Sidecar  # noqa: PLC0415  # as above

        sidecar = Sidecar(config, environ, log, reread=read, ready=found)

        def use(changed: Config) -> None:
            log.set_level(changed.log.level)
            material.forget_secrets(changed, os.environ)

        sidecar.on_config = use
        _serve(sidecar, log, listeners)
    return DONE


def _serve(sidecar: Sidecar, log: Log, listeners: Listeners) -> None:
    """Serve until the end, and write all that was told by then."""
    from sidecar.cli import loop  # noqa: PLC0415  # what carries requests is loaded late; see `run`
    from sidecar.server import serve  # noqa: PLC0415  # as above

    gc.freeze()
    gc.set_threshold(_GARBAGE)
    gc.enable()
    try:
        loop.run(serve(sidecar, log, listeners))
    finally:
        log.flush()  # requests that are cut at the very end are told, too
