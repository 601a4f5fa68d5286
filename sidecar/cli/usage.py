"""What was probably meant by a command line that argparse does not understand.

Pure.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TOO_MUCH: Final = "unrecognized arguments: "
"""How argparse begins of what is left over. It says so of the command, whose parser knows better what was meant."""

_NO_COMMAND: Final = re.compile(r"argument COMMAND: invalid choice: '(.*?)' \(choose from (.*)\)")
_FILE: Final = ".toml"


def told(message: str, options: Iterable[str], program: str) -> str:
    """Return argparse's `message` for a person, with a line about what was probably meant where that can be guessed."""
    found = _NO_COMMAND.match(message)
    wrong = f"there is no command {found[1]!r}" if found is not None else message
    meant = _meant(message, list(options), program)
    return f"{program}: error: {wrong}\n" + (f"  → {meant}\n" if meant else "")


def _meant(message: str, options: Sequence[str], program: str) -> str:
    if message.startswith(TOO_MUCH):
        return _left_over(message.removeprefix(TOO_MUCH).split(), options, program)
    found = _NO_COMMAND.match(message)
    if found is not None:
        return _alike(found[1], re.findall(r"[a-z]+", found[2])) or f"`{program} --help` lists the commands."
    if message.endswith("required: COMMAND"):
        return f"`{program} --help` lists the commands. New here? Try `{program} demo`."
    return ""


def _left_over(words: Sequence[str], options: Sequence[str], program: str) -> str:
    first = words[0]
    if first.startswith("-"):
        return _alike(first.partition("=")[0], options)
    if first.endswith(_FILE) and "--config" in options:
        return f"A file is named with --config: {program} --config {first}"
    return ""


def _alike(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {near[0]}?" if near else ""
