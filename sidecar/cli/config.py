"""`finhub-sidecar config init | show | schema`: a file to start with, what is in effect, what each key takes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.cli import new_files
from sidecar.config.load import load
from sidecar.config.model import DEFAULT_ENVIRONMENT, ENVIRONMENTS
from sidecar.config.render import sample, schema, show
from sidecar.session.dialect_schema import schema as dialect_schema

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the three commands of `config`; the chosen one is called as `args.run(args)`."""
    parser.set_defaults(run=run)
    commands = parser.add_subparsers(dest="config_command", required=True, metavar="init | show | schema")
    init = commands.add_parser("init", help="a commented file to start with")
    init.add_argument("--environment", choices=ENVIRONMENTS, default=DEFAULT_ENVIRONMENT, help="default: %(default)s")
    init.add_argument("--output", metavar="FILE", help="a file that does not exist yet; default: standard output")
    shown = commands.add_parser("show", help="the effective configuration, without secrets")
    shown.add_argument("--config", metavar="FILE", help="default: environment variables alone")
    described = commands.add_parser("schema", help="the JSON Schema of the file")
    described.add_argument(
        "--dialect", action="store_true", help="of a dialect file instead, which session.dialect names"
    )


def run(args: argparse.Namespace) -> int:
    """Do what `config …` asks; 0 when done. Raises ConfigError."""
    return {"init": _init, "show": _show, "schema": _schema}[args.config_command](args)


def _init(args: argparse.Namespace) -> int:
    text = sample(args.environment)
    if args.output is None:
        sys.stdout.write(text)
    else:
        new_files.write({Path(args.output): text.encode()})
        print(f"{args.output} is written: fill in its first part, then run `finhub-sidecar check --config` on it.")
    return 0


def _show(args: argparse.Namespace) -> int:
    sys.stdout.write(show(load(args.config, os.environ)))
    return 0


def _schema(args: argparse.Namespace) -> int:
    sys.stdout.write(dialect_schema() if args.dialect else schema())
    return 0
