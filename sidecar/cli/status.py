"""`finhub-sidecar status`: the status page in a terminal, once or for as long as somebody watches."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from sidecar.cli import in_words, panel
from sidecar.cli.exits import DONE
from sidecar.cli.judging import code_of_status
from sidecar.cli.look import Look
from sidecar.cli.operator import add_address, address_of, ask
from sidecar.errors import ControlRefused, SidecarError

if TYPE_CHECKING:
    import argparse

    from sidecar.config.addresses import Address

_EVERY: Final = 2.0
_CLEARED: Final = "\x1b[H\x1b[2J"

_CODES: Final = """\
Exit code: 0 callers are served; 3 they are not, for the client certificate is out of date; 4 FinHub rejected the
credentials, even where the last token still lives; 5 nobody answers at the address, FinHub has not granted a session,
or the proxy on the way to it rejected the credentials for it; 1 the sidecar is starting, is going down or refuses to
tell; 2 usage. With --watch it is 0 after Ctrl-C.
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the command takes to its parser."""
    command.description = "Tell how a running sidecar is: its session and until when, what is wrong, and what to do."
    command.epilog = _CODES
    add_address(command)
    how = command.add_mutually_exclusive_group()
    how.add_argument("--watch", action="store_true", help=f"tell again every {_EVERY:g} s, until Ctrl-C")
    how.add_argument("--json", action="store_true", help="print what /status answers, as it came")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the status; return the exit code that it means. SidecarUnreachable where nobody answers."""
    where = address_of(options)
    if options.json:
        return _print_as_it_came(where)
    if options.watch:
        options.interrupted = DONE
        _watch(where)
    return _print(_told(where))


def _print_as_it_came(where: Address) -> int:
    readiness, reply = ask(where, "GET", "/readyz"), ask(where, "GET", "/status")
    status = reply.json()
    print(reply.text)
    return code_of_status(status, ready=readiness.good, reason=readiness.text.strip())


def _watch(where: Address) -> None:
    """Print the status again and again: in the place of the last one on a terminal, below it elsewhere."""
    before, after = (_CLEARED, "") if sys.stdout.isatty() else ("", "\n")
    while True:
        try:
            told = _told(where)
        except SidecarError as error:
            print(before + in_words(error), end=after, flush=True)
        else:
            sys.stdout.write(before)
            _print(told)
            print(end=after, flush=True)
        time.sleep(_EVERY)


def _told(where: Address) -> panel.Told:
    """Return what the sidecar tells; one that knows nothing of the last hour tells the rest."""
    readiness, status = ask(where, "GET", "/readyz"), ask(where, "GET", "/status").json()
    history: dict[str, Any] = {}
    with contextlib.suppress(ControlRefused):
        history = ask(where, "GET", "/history").json()
    return panel.Told(ready=readiness.good, reason=readiness.text.strip(), status=status, history=history)


def _print(told: panel.Told) -> int:
    """Print the whole picture in one piece; return the exit code that it means."""
    look = Look.of(
        columns=shutil.get_terminal_size().columns,
        terminal=sys.stdout.isatty(),
        environ=os.environ,
        encoding=sys.stdout.encoding,
    )
    print("\n".join(panel.lines(told, look, time.time())))
    return code_of_status(told.status, ready=told.ready, reason=told.reason)
