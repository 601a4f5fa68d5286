"""Every command and option that a page names, in its blocks or its sentences, is one; docs/commands.md names all."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Final

import pages
import pytest

from sidecar import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE: Final = cli.whole_parser()
_GROUPS: Final = frozenset({"config", "audit", "certs"})
# Where a command can begin: a line, after another command, a path, a variable's value, or what runs it.
_BEFORE: Final = r"(?:^\s*|[;&|/(]\s*|\$ |=\S+ |exec )"
_COMMAND: Final = re.compile(_BEFORE + r"finhub-sidecar ([a-z]+)\b(?!-)([^`\n#|]*)", re.MULTILINE)


def below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of a parser's commands."""
    for action in parser._actions:  # noqa: SLF001  # argparse shows them nowhere else
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # as above
            return dict(action.choices)
    return {}


COMMANDS: Final = below(WHOLE)


def shown(page: str) -> Iterator[tuple[str, str]]:
    """Yield each command that the page names, and what follows it."""
    code = "\n".join([*re.findall(r"`([^`\n]+)`", pages.read(page)), *(block.text for block in pages.blocks(page))])
    yield from _COMMAND.findall(code.replace("\\|", " "))


def unknown(name: str, rest: str) -> list[str]:
    """Return what of a command line is not there."""
    if name not in COMMANDS:
        return [name]
    parser, words = COMMANDS[name], rest.partition(" -- ")[0].split()
    if name in _GROUPS and words[:1] and words[0].isalpha():
        if words[0] not in below(parser):
            return [f"{name} {words[0]}"]
        parser = below(parser)[words[0]]
    known = parser._option_string_actions  # noqa: SLF001  # as above
    return [
        f"{name} {option}" for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", " ".join(words)) if option not in known
    ]


@pytest.mark.parametrize("page", pages.names())
def test_every_command_that_the_page_names_exists(page: str) -> None:
    assert [fault for name, rest in shown(page) for fault in unknown(name, rest)] == []


def test_one_that_does_not_exist_is_found() -> None:
    assert unknown("fly", "") == ["fly"]
    assert unknown("run", " --fly --config x") == ["run --fly"]
    assert unknown("certs", " fly") == ["certs fly"]
    assert unknown("exec", " --config x -- curl --silent") == []


def test_a_name_that_is_no_command_is_not_taken_for_one() -> None:
    assert _COMMAND.findall("redis-cli SETUSER finhub-sidecar on\ncd x && finhub-sidecar run --a") == [("run", " --a")]
    assert _COMMAND.findall("$ A=b finhub-sidecar fly\n/opt/bin/finhub-sidecar fry") == [("fly", ""), ("fry", "")]


def test_the_page_of_commands_names_all_of_them() -> None:
    table = "\n".join(line for line in pages.read("docs/commands.md").splitlines() if line.startswith("| `"))
    named = {words.split()[0] for words in re.findall(r"`([a-z][^`]*)`", table)}
    assert set(COMMANDS) <= named
    for group in _GROUPS:
        assert [name for name in below(COMMANDS[group]) if f"`{group} {name}" not in table] == []
