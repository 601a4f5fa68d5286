"""`finhub-sidecar audit verify`: whether an audit trail is whole, and which line is not what it was."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from typing import TYPE_CHECKING

from sidecar.cli.exits import DONE, FAILED
from sidecar.observe.plain import plain

if TYPE_CHECKING:
    from sidecar.audit.verify import Report


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the command takes to its parser."""
    command.set_defaults(run=run)
    commands = command.add_subparsers(dest="audit_command", required=True, metavar="verify")
    verify = commands.add_parser("verify", help="find lines that were changed, taken out, moved or put in")
    verify.description = (
        "Check every line of an audit trail. Exit code 0: it is whole; 1: it is not; 2: a file cannot be read. "
        "Lines that were cut off at the end are found with --head alone."
    )
    verify.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="what audit.file names: its ended files FILE.1, FILE.2 … are found beside it; or several files of one "
        "trail, in their order",
    )
    verify.add_argument("--head", type=_hash, metavar="HASH", help="a hash that the trail must hold")
    verify.add_argument("--after", type=_hash, metavar="HASH", help="the hash that the trail must begin after")
    verify.add_argument("--json", action="store_true", help="tell it as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Verify the trail and tell what was found; 0 where it is whole, else 1. AuditError where a file cannot be read."""
    from sidecar.audit.reading import pieces  # noqa: PLC0415  # `--help` and other commands need not wait for it
    from sidecar.audit.verify import Verifier  # noqa: PLC0415  # as above

    verifier = Verifier(after=options.after or "", head=options.head or "")
    for piece in pieces(options.files):
        verifier.feed(*piece)
    report = verifier.finish()
    if options.json:
        print(json.dumps({"whole": not report.count, **dataclasses.asdict(report)}))
    else:
        _tell(report)
    return FAILED if report.count else DONE


def _hash(text: str) -> str:
    if re.fullmatch("[0-9a-f]{64}", text) is None:
        raise argparse.ArgumentTypeError("a hash is 64 digits of 0-9 and a-f")
    return text


def _tell(report: Report) -> None:
    for fault in report.faults:
        print(plain(f"✗ {fault.file}:{fault.line}: {fault.words}"))
    if report.count > len(report.faults):
        print(f"✗ … and {report.count - len(report.faults)} more")
    for note in report.notes:
        print(plain(f"! {note}"))
    if report.count:
        print(f"✗ The trail is not whole: {report.count} {'fault' if report.count == 1 else 'faults'}")
        print("  → Keep these files as they are, and find out who could write to them.")
        return
    print(
        f"✓ {report.lines} lines, number {report.first} to {report.last}: none was changed, taken out, moved or put in"
    )
    print(f"  head {report.head}")
