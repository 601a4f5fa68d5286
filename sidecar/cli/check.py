"""`finhub-sidecar check`: everything that a first start can trip over, in order, each with its remedy."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from sidecar.cli.exits import DONE, FAILED, REJECTED, code_of
from sidecar.redact import redact

if TYPE_CHECKING:
    import argparse

    from sidecar.app.checkup import Finding
    from sidecar.config.model import Config


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    command: argparse.ArgumentParser = commands.add_parser(
        "check",
        help="try everything that a first start can trip over",
        description="Try, in order: configuration, secrets, identity, DNS, TCP, TLS, one login, and check.path.",
    )
    command.add_argument("--config", metavar="FILE", help="the TOML file; without it the environment says everything")
    command.add_argument("--offline", action="store_true", help="stop before the network")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print each step's finding; return 0, or the exit code of the first that failed."""
    from sidecar.app import checkup  # noqa: PLC0415  # `config` and `--help` need not wait for its imports
    from sidecar.config.load import load  # noqa: PLC0415  # as above

    config = load(options.config, os.environ)
    _show(checkup.Finding(step="configuration", detail=f"{options.config or 'environment'}: {config.environment}"))
    for finding in checkup.local(config, os.environ):
        _show(finding)
        if finding.error is not None:
            return _exit_of(finding)
    return DONE if options.offline else asyncio.run(_remote(config))


async def _remote(config: Config) -> int:
    from sidecar.app import checkup  # noqa: PLC0415  # as above

    async for finding in checkup.remote(config, os.environ):
        _show(finding)
        if finding.error is not None:
            return _exit_of(finding)
    return DONE


def _exit_of(finding: Finding) -> int:
    from sidecar.app.checkup import Rejected  # noqa: PLC0415  # as above

    if finding.error is None:
        return FAILED
    return REJECTED if isinstance(finding.error, Rejected) else code_of(finding.error)


def _show(finding: Finding) -> None:
    mark = "✓" if finding.error is None else "✗"
    print(redact(f"{mark} {finding.step}: {finding.detail}".replace("\n", "\n  ")))
    for note in finding.notes:
        print(redact(f"  ! {note}"))
    if finding.error is not None:
        print(redact(f"  → {finding.error.remedy}"))
