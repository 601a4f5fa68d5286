"""`finhub-sidecar quit`: a running sidecar finishes what runs, and ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sidecar.cli.exits import DONE
from sidecar.cli.operator import add_address, address_of, ask, watched
from sidecar.cli.wait import seconds
from sidecar.errors import ControlRefused

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from sidecar.config.addresses import Address

_BOUND: Final = 30.0
_TICK: Final = 0.1

_CODES: Final = """\
Exit code: 0 it is going down (with --wait: it has ended, nobody listens at its admin address any more); 5 nobody
answered in the first place; 1 it refuses, or is still there when the time is up; 2 usage.
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the command takes to its parser."""
    command.description = "Have a running sidecar end as after SIGTERM: what runs is finished, then it exits with 0."
    command.epilog = _CODES
    add_address(command)
    command.add_argument("--wait", action="store_true", help="return only once it has ended")
    command.add_argument(
        "--timeout", type=seconds, default=_BOUND, metavar="SECONDS", help="wait no longer than this (%(default)g)"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Say so to the sidecar, and return 0; ControlRefused or SidecarUnreachable where it does not work."""
    where = address_of(options)
    with watched(where) as still_there:
        ask(where, "POST", "/-/quit").json()
        if options.wait:
            _await_end(where, still_there, options.timeout)
    print(f"the sidecar at {where} {'has ended' if options.wait else 'is going down'}")
    return DONE


def _await_end(where: Address, still_there: Callable[[], bool], timeout: float) -> None:
    """Return when nobody listens any more: the admin listener is the last to close."""
    deadline = time.monotonic() + timeout
    while still_there():
        if time.monotonic() >= deadline:
            raise ControlRefused(
                f"{where}: still there after {timeout:g} s",
                remedy="Wait longer with --timeout: what runs may take drain.min and drain.max seconds to finish.",
            )
        time.sleep(_TICK)
