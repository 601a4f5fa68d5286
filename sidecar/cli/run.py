"""`finhub-sidecar run`: the sidecar itself, until a signal or `/-/quit` ends it. FinHub never does."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from sidecar.cli.exits import DONE

if TYPE_CHECKING:
    import argparse

    from sidecar.config.model import Config


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    command: argparse.ArgumentParser = commands.add_parser(
        "run", help="run the sidecar", description="Run the sidecar until SIGTERM, Ctrl-C or POST /-/quit."
    )
    command.add_argument(
        "--config", metavar="FILE", help="the TOML file; without it the environment must say everything (FINHUB_…__…)"
    )
    command.set_defaults(run=run, interrupted=DONE)


def run(options: argparse.Namespace) -> int:
    """Run until the end; ConfigError, SecretError, IdentityError or ListenError when it cannot start."""
    from sidecar.cli import process  # noqa: PLC0415  # `--help` and other commands need not wait for it

    cautions = list(process.harden())
    environ = dict(os.environ)  # a reload reads secrets again; nobody else shall find them

    from sidecar.app import material  # noqa: PLC0415  # as above
    from sidecar.app.sidecar import Sidecar  # noqa: PLC0415  # as above
    from sidecar.config.load import load  # noqa: PLC0415  # as above
    from sidecar.observe.log import Log  # noqa: PLC0415  # as above
    from sidecar.server import serve  # noqa: PLC0415  # as above

    def read() -> Config:
        return load(options.config, environ)

    config = read()
    log = Log(config.log.format, config.log.level)
    log.adopt_stdlib()
    sidecar = Sidecar(config, environ, log, reread=read)
    material.forget_secrets(config, os.environ)
    for caution in (*cautions, *process.make_room(config)):
        log(caution)

    def use(changed: Config) -> None:
        log.set_level(changed.log.level)
        material.forget_secrets(changed, os.environ)

    sidecar.on_config = use
    asyncio.run(serve(sidecar, log))
    return DONE
