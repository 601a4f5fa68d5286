"""The command line: arguments, one module per command, and the exit codes in one table."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING, Final

from sidecar import __version__
from sidecar.cli.exits import code_of
from sidecar.errors import SidecarError
from sidecar.redact import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS: Final = ("demo", "run", "emulator", "check", "config")


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each command's module adds its own."""
    top = argparse.ArgumentParser(
        prog="finhub-sidecar",
        description="A local authenticating reverse proxy for FinHub. New here? Try `finhub-sidecar demo`.",
    )
    top.add_argument("--version", action="version", version=f"finhub-sidecar {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name in _COMMANDS:
        importlib.import_module(f"sidecar.cli.{name}").add_parser(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what went wrong is told on stderr with its remedy."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except SidecarError as error:
        tell(error)
        return code_of(error)
    except KeyboardInterrupt:
        return 0


def tell(error: SidecarError) -> None:
    """Write `error` for a person: what is wrong, a line each, and what to do about it."""
    print(redact(f"finhub-sidecar: {error.title}\n  " + error.detail.replace("\n", "\n  ")), file=sys.stderr)
    print(redact(f"  → {error.remedy}"), file=sys.stderr)
