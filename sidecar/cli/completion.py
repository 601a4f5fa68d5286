"""`completion`: a script with which a shell completes this command line, made of the parsers themselves."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from sidecar import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHELLS: Final = ("bash", "zsh", "fish")

_INSTALL: Final = """\
bash:  finhub-sidecar completion bash > ~/.local/share/bash-completion/completions/finhub-sidecar
zsh:   finhub-sidecar completion zsh > FOLDER/_finhub-sidecar, where FOLDER is one of $fpath
fish:  finhub-sidecar completion fish > ~/.config/fish/completions/finhub-sidecar.fish
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what `completion` takes."""
    command.description = "Print the script that lets a shell complete commands, options and file names."
    command.epilog = _INSTALL
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument("shell", choices=_SHELLS, help="the shell that it is for")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    import shtab  # noqa: PLC0415  # nobody else needs it

    whole = cli.whole_parser()
    files = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}
    for action in _actions(whole):
        if action.metavar in files:
            action.complete = files[action.metavar]  # type: ignore[attr-defined]  # how shtab is told
    print(shtab.complete(whole, options.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield all options and arguments, those of the commands below included."""
    for action in parser._actions:  # noqa: SLF001  # argparse shows them nowhere else
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # as above
            for below in action.choices.values():
                yield from _actions(below)
