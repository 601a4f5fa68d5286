"""`finhub-sidecar run`: the sidecar itself, until a signal or `/-/quit` ends it. FinHub never does."""

from __future__ import annotations

import asyncio
import os
import sys
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
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until the end; ConfigError, SecretError, IdentityError or ListenError when it cannot start."""
    from sidecar.config.load import load  # noqa: PLC0415  # other commands need not wait for its imports

    config = load(options.config, os.environ)
    asyncio.run(_serve(config))
    return DONE


async def _serve(config: Config) -> None:
    from sidecar.app.sidecar import Sidecar  # noqa: PLC0415  # as above
    from sidecar.observe.log import Log  # noqa: PLC0415  # as above
    from sidecar.server import serve  # noqa: PLC0415  # as above

    form = config.log.format or ("console" if sys.stderr.isatty() else "json")
    log = Log(form, config.log.level)
    log.adopt_stdlib()
    await serve(Sidecar(config, os.environ, log), log)
