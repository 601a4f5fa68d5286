"""The command line: arguments, one module per command, and the exit codes in one table."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, Final, NoReturn

from sidecar import __version__, events
from sidecar.cli.exits import FAILED, USAGE, code_of
from sidecar.errors import SidecarError
from sidecar.observe.plain import plain, plain_lines
from sidecar.redact import redact

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

_COMMANDS: Final = {
    "demo": "a FinHub and a sidecar on this machine, nothing to configure",
    "run": "run the sidecar",
    "emulator": "FinHub on this machine alone: real TLS, the real rules, faults on demand",
    "check": "try everything that a first start can trip over",
    "config": "write, show or describe a configuration",
    "login": "put a secret into this machine's keyring",
    "certs": "judge a client certificate, ask for one, or make some for the emulator",
    "audit": "tell whether an audit trail is whole",
    "status": "tell how a running sidecar is, what is wrong and what to do",
    "wait": "wait until a running sidecar is ready",
    "quit": "have a running sidecar finish what runs, and end",
    "exec": "run a command with a sidecar that lives as long as it does",
    "completion": "let a shell complete this command line",
}


class Parser(argparse.ArgumentParser):
    """As argparse's, but that it says what was probably meant; `below` is the parser of the command that was named."""

    below: argparse.ArgumentParser | None = None

    def error(self, message: str) -> NoReturn:
        """Write how the command is used and what is wrong; exit with 2."""
        from sidecar.cli import usage  # noqa: PLC0415  # only who mistypes waits for it

        judge = self.below if self.below is not None and message.startswith(usage.TOO_MUCH) else self
        judge.print_usage(sys.stderr)
        options = judge._option_string_actions  # noqa: SLF001  # argparse lists them nowhere else
        self.exit(USAGE, usage.told(message, options, judge.prog))


def parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of all commands; of the one that `arguments` name, its module adds what it takes.

    The others' modules are not loaded. A command sets `run`. One that stays up until it is told to end also sets
    `interrupted`: the exit code of that.
    """
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    return _parser({chosen})


def whole_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands with all that they take; every module is loaded."""
    return _parser(_COMMANDS)


def _parser(loaded: Container[str | None]) -> argparse.ArgumentParser:
    top = Parser(
        prog="finhub-sidecar",
        description="A local authenticating reverse proxy for FinHub. New here? Try `finhub-sidecar demo`.",
    )
    top.add_argument("--version", action="version", version=f"finhub-sidecar {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name, what in _COMMANDS.items():
        command = commands.add_parser(name, help=what)
        if name in loaded:
            importlib.import_module(f"sidecar.cli.{name}").add_arguments(command)
            top.below = command
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what went wrong is told on stderr with its remedy."""
    _print_anything()
    given = sys.argv[1:] if arguments is None else arguments
    options = parser(given).parse_args(given)
    if hasattr(options, "interrupted"):
        _heed_early_signals()
    code = outcome(options)
    _let_go_of_readers_that_left()
    return code


def outcome(options: argparse.Namespace) -> int:
    """Return the exit code of the command in `options`, whatever happens to it; see `main`."""
    try:
        return int(options.run(options))
    except SidecarError as error:
        tell(error)
        return code_of(error)
    except KeyboardInterrupt:
        return int(getattr(options, "interrupted", FAILED))
    except BrokenPipeError:
        return FAILED
    except Exception as error:  # noqa: BLE001  # a traceback would print the exception's text, which may be a secret
        bug = events.bug(error)
        print(f"finhub-sidecar: unexpected {bug.kind}\n  {bug.where}\n  → Report these lines.", file=sys.stderr)
        return FAILED


def tell(error: SidecarError) -> None:
    """Write `error` for a person."""
    print(in_words(error), file=sys.stderr)


def in_words(error: SidecarError) -> str:
    """Return `error` for a person: what is wrong, a line each, and what to do about it."""
    detail = plain_lines(error.detail).replace("\n", "\n  ")
    return redact(f"finhub-sidecar: {error.title}\n  {detail}\n  → {plain(error.remedy)}")


# ── the process around a command ────────────────────────────────────────────────────────────────────────────────


def _print_anything() -> None:
    """Let no character end the program, on a terminal that has no ✓ in its encoding."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _heed_early_signals() -> None:
    """Let SIGTERM end the command as well as Ctrl-C does, before its own handlers stand; SIGHUP has nothing to reload.

    The first process of a container, unlike others, would not even die of a SIGTERM that it does not handle.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _let_go_of_readers_that_left() -> None:
    """Throw away what a reader that has gone will not read: at exit Python would call that a failure (120)."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # `>&-` leaves none
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
