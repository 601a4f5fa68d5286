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
    from collections.abc import Mapping

    from sidecar.app.checkup import Finding
    from sidecar.config.residents import Resident


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the command takes to its parser."""
    command.description = "Try, in order: configuration, secrets, identity, DNS, TCP, TLS, one login, and check.path."
    command.add_argument("--config", metavar="FILE", help="the TOML file; without it the environment says everything")
    command.add_argument("--offline", action="store_true", help="stop before the network")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print each step's finding, tenant by tenant; return 0, or the exit code of the first one that failed."""
    from sidecar.cli import process  # noqa: PLC0415  # `--help` and other commands need not wait for it

    for caution in process.harden():
        print(f"! {caution.detail}\n  → {caution.remedy}")

    from sidecar.app import checkup, material  # noqa: PLC0415  # as above
    from sidecar.config.load import load  # noqa: PLC0415  # as above
    from sidecar.config.residents import residents  # noqa: PLC0415  # as above

    source = options.config or "the environment"
    try:
        config = load(options.config, os.environ)
    except SidecarError as error:
        return _show(checkup.Finding(step="configuration", detail=error.detail, error=error))
    _show(checkup.Finding(step="configuration", detail=f"{source}, for {config.environment}"))
    known = residents(config)
    codes = [_local(each, material.seen_by(each, known, os.environ)) for each in known]
    if not options.offline:
        from sidecar.cli import loop  # noqa: PLC0415  # as above

        for index in [index for index, code in enumerate(codes) if code == DONE]:  # one that fails stops no other
            remote = _remote(known[index], material.seen_by(known[index], known, os.environ))
            codes[index] = loop.run(remote)  # the loop of `run`: what it meets is what is checked
    return next((code for code in codes if code != DONE), DONE)


def _local(resident: Resident, environ: Mapping[str, str]) -> int:
    from sidecar.app import checkup  # noqa: PLC0415  # as above

    codes = (_show(finding, resident) for finding in checkup.local(resident.config, environ))
    return next((code for code in codes if code != DONE), DONE)


async def _remote(resident: Resident, environ: Mapping[str, str]) -> int:
    from sidecar.app import checkup  # noqa: PLC0415  # as above

    code = DONE
    async for finding in checkup.remote(resident.config, environ):
        code = _show(finding, resident)
    return code


def _show(finding: Finding, resident: Resident | None = None) -> int:
    """Print a finding, of several tenants with whose it is, and return the exit code that it means."""
    mark = "✓" if finding.error is None else "✗"
    whose = "" if resident is None or resident.tenant is None else f"{resident.name}: "
    print(redact(plain_lines(f"{mark} {whose}{finding.step}: {finding.detail}").replace("\n", "\n  ")))
    for note in finding.notes:
        print(redact(plain(f"  ! {note}")))
    if finding.error is None:
        return DONE
    print(redact(plain(f"  → {finding.error.remedy}")), flush=True)
    return code_of(finding.error)
