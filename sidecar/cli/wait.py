"""`finhub-sidecar wait`: until a running sidecar serves callers, or cannot by itself."""

from __future__ import annotations

import argparse
import contextlib
import math
import time
from typing import TYPE_CHECKING, Any, Final

from sidecar.cli.exits import DONE
from sidecar.cli.judging import HOPELESS, why_not
from sidecar.cli.operator import PATIENCE, add_address, address_of, ask
from sidecar.errors import ControlRefused, SidecarError

if TYPE_CHECKING:
    from sidecar.config.addresses import Address

BOUND: Final = 60.0
_TICK: Final = 0.2
_LEAST: Final = 1.0
"""Seconds that a question may take, however little of the time is left."""

_CODES: Final = """\
Exit code: 0 it is ready; at once, since waiting does not mend that, 4 FinHub rejected the credentials, 5 the proxy on
the way to it rejected its own; when the time is up 3 the client certificate is out of date, 5 nobody answers at the
address, or FinHub has not granted a session, 1 the sidecar is still starting or going down; 2 usage.
"""


def seconds(text: str) -> float:
    """Return a time-out of the command line: seconds, 0 for one look."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the command takes to its parser."""
    command.description = "Wait until a running sidecar is ready to serve callers. It may be started later."
    command.epilog = _CODES
    add_address(command)
    command.add_argument("--ready", action="store_true", help="wait for /readyz, which is what happens without it, too")
    command.add_argument(
        "--timeout", type=seconds, default=BOUND, metavar="SECONDS", help="wait no longer than this (%(default)g)"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Wait; print what it is ready for and return 0. Raises what keeps it from being ready, told by its exit code."""
    where, deadline = address_of(options), time.monotonic() + options.timeout
    while True:
        left = deadline - time.monotonic()
        try:
            print(_readiness(where, min(PATIENCE, max(_LEAST, left))))
        except HOPELESS:
            raise
        except SidecarError:
            if left <= 0:
                raise
        else:
            return DONE
        time.sleep(min(_TICK, max(0.0, deadline - time.monotonic())))


def _readiness(where: Address, within: float) -> str:
    """Return the words of a sidecar that is ready; raise why it is not."""
    reply = ask(where, "GET", "/readyz", within=within)
    if reply.good:
        return reply.text.strip()
    status: dict[str, Any] = {}
    with contextlib.suppress(ControlRefused):  # from another machine readiness is all that is told
        status = ask(where, "GET", "/status", within=within).json()
    raise why_not(status, reply.text.strip())
