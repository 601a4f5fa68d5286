"""`finhub-sidecar exec`: a command, and a sidecar for it that lives as long as it does."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidecar.cli.wait import BOUND, seconds

if TYPE_CHECKING:
    from sidecar.cli.child import Child
    from sidecar.cli.forwarding import Signals

_HELP: Final = """\
CMD is started as soon as there is a FinHub session (with session.login = "lazy": at once), and finds the sidecar at
FINHUB_BASE_URL: http://127.0.0.1:PORT, or http+unix://%2Fpath for a Unix socket. Where listen.caller_key is set, CMD
finds the key that it must send as X-Sidecar-Key in FINHUB_CALLER_KEY. Nothing else of the sidecar's is in its
environment: neither the variables of the configuration (FINHUB_...__...), nor those that it names as { env = "NAME" }.
CMD has this program's standard streams and no other descriptor; the sidecar itself writes to stderr only.

Signals (HUP, INT, QUIT, TERM, USR1, USR2) are passed on to CMD; what a terminal sends to both is not sent twice. The
sidecar serves until CMD has ended, finishes what runs (drain.min, drain.max), and exits with CMD's status. Processes
that CMD leaves behind are not waited for. POST /-/quit ends the sidecar as always, and CMD is told by SIGTERM.

Exit code: CMD's own, 128+N if signal N killed it; 126 if it cannot be started and 127 if there is no such command.
Without CMD having been started: 4 FinHub rejected the credentials; 5 no session within --timeout, the proxy rejected
the credentials for it, or an address is in use; 2 configuration or usage; 3 identity or secret.
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the command takes to its parser."""
    command.description = "Run CMD with a sidecar that lives as long as it does."
    command.epilog = _HELP
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.usage = "finhub-sidecar exec [-h] [--config FILE] [--timeout SECONDS] -- CMD ..."
    command.add_argument(
        "--config", metavar="FILE", help="the TOML file; without it the environment must say everything (FINHUB_…__…)"
    )
    command.add_argument(
        "--timeout",
        type=seconds,
        default=BOUND,
        metavar="SECONDS",
        help="how long FinHub may take to grant the first session, however often it is asked (%(default)g)",
    )
    command.add_argument("command", nargs="+", metavar="CMD", help="the command and its arguments, after --")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; return its exit status. Raises what kept it from being started; it has not been, then."""
    from sidecar.cli.child import held_back  # noqa: PLC0415  # `--help` need not wait for it
    from sidecar.cli.forwarding import Signals  # noqa: PLC0415  # as above

    signals = Signals()
    child = held_back(options.command, signals.before)
    signals.listen()
    try:
        return _with_sidecar(child, signals, options)
    finally:
        child.dismiss()


def _with_sidecar(child: Child, signals: Signals, options: argparse.Namespace) -> int:
    from sidecar.cli.run import carry, standing  # noqa: PLC0415  # `--help` need not wait for it

    out = sys.stderr or Path(os.devnull).open("w", encoding="ascii")  # noqa: SIM115  # for as long as the process lives
    with standing(options.config, out) as running:
        from sidecar.app import material  # noqa: PLC0415  # as above
        from sidecar.cli.escort import Escort  # noqa: PLC0415  # what carries requests is loaded late

        key = material.read_secrets(running.sidecar.config, running.environ)["listen.caller_key"]
        return carry(Escort(running, child, signals, caller_key=key, patience=options.timeout).run(), running.log)
