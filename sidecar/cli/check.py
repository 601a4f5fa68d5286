"""`finhub-sidecar check`: everything that a first start can trip over, in order, each with its remedy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sidecar.cli.exits import DONE, code_of
from sidecar.errors import SidecarError
from sidecar.observe.plain import plain, plain_lines
from sidecar.redact import redact

if TYPE_CHECKING:
    import argparse

    from sidecar.app.checkup import Finding
    from sidecar.config.model import Config


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the command takes to its parser."""
    command.description = "Try, in order: configuration, secrets, identity, DNS, TCP, TLS, one login, and check.path."
    command.add_argument("--config", metavar="FILE", help="the TOML file; without it the environment says everything")
    command.add_argument("--offline", action="store_true", help="stop before the network")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print each step's finding; return 0, or the exit code of the one that failed."""
    from sidecar.cli import process  # noqa: PLC0415  # `--help` and other commands need not wait for it

    for caution in process.harden():
        print(f"! {caution.detail}\n  → {caution.remedy}")

    from sidecar.app import checkup  # noqa: PLC0415  # as above
    from sidecar.config.load import load  # noqa: PLC0415  # as above

    source = options.config or "the environment"
    try:
        config = load(options.config, os.environ)
    except SidecarError as error:
        return _show(checkup.Finding(step="configuration", detail=error.detail, error=error))
    _show(checkup.Finding(step="configuration", detail=f"{source}, for {config.environment}"))
    for finding in checkup.local(config, os.environ):
        code = _show(finding)
        if code != DONE:
            return code
    if options.offline:
        return DONE

    from sidecar.cli import loop  # noqa: PLC0415  # as above

    return loop.run(_remote(config))  # the loop of `run`: what it meets is what is checked


async def _remote(config: Config) -> int:
    from sidecar.app import checkup  # noqa: PLC0415  # as above

    code = DONE
    async for finding in checkup.remote(config, os.environ):
        code = _show(finding)
    return code


def _show(finding: Finding) -> int:
    """Print a finding and return the exit code that it means."""
    mark = "✓" if finding.error is None else "✗"
    print(redact(plain_lines(f"{mark} {finding.step}: {finding.detail}").replace("\n", "\n  ")))
    for note in finding.notes:
        print(redact(plain(f"  ! {note}")))
    if finding.error is None:
        return DONE
    print(redact(plain(f"  → {finding.error.remedy}")), flush=True)
    return code_of(finding.error)
