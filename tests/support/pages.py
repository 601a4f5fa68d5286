"""Every page of the project in Markdown, and the fenced blocks of each with the comments that stand before them.

A comment right before a block says what becomes of it: `<!-- not run: REASON -->`, `<!-- run by: FILE -->` (the test
that does it instead), `<!-- file: NAME -->` (the reader saves it under that name), `<!-- output -->` (what the block
before it prints). Other comments belong to other tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import house

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHELL: Final = frozenset({"sh", "bash", "console"})

_ELSEWHERE: Final = frozenset({"build", "dist", "node_modules"})
_FENCE: Final = re.compile(r"^(?P<margin> *)(?P<fence>`{3,}|~{3,})(?P<language>[^`]*)$")
_MARK: Final = re.compile(r"^ *<!-- (?P<name>[a-z ]+?)(?:: (?P<value>.*))? -->$")
_PROMPT, _MORE = "$ ", "> "


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block, its margin taken away; `line` is that of its opening fence."""

    page: str
    line: int
    language: str
    text: str
    marks: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_run_here(self) -> bool:
        """Whether it is a shell's, and neither left out nor run by a test of its own."""
        return self.language in SHELL and not self.marks.keys() & {"not run", "run by"}


@dataclass(frozen=True, slots=True)
class Typed:
    """A command, and what the page shows of its output; None where it shows nothing."""

    command: str
    shown: str | None


def names() -> list[str]:
    """Return every page, by its path."""
    found = (path.relative_to(house.ROOT) for path in house.ROOT.rglob("*.md"))
    return sorted(
        path.as_posix()
        for path in found
        if not any(part in _ELSEWHERE or part.startswith(".") for part in path.parts[:-1])
    )


def read(page: str) -> str:
    """Return the text of a page."""
    return (house.ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, text: str | None = None) -> list[Block]:
    """Return the blocks of a page in order. Raises ValueError where one has no end."""
    return list(_blocks(page, (read(page) if text is None else text).splitlines()))


def _blocks(page: str, lines: list[str]) -> Iterator[Block]:
    number = 0
    while number < len(lines):
        opened = _FENCE.match(lines[number])
        if opened is None:
            number += 1
            continue
        end = _end(page, lines, number, opened["fence"])
        margin = len(opened["margin"])
        body = "".join(f"{line[margin:]}\n" for line in lines[number + 1 : end])
        yield Block(page, number + 1, opened["language"].strip(), body, _marks(lines, number))
        number = end + 1


def _end(page: str, lines: list[str], start: int, fence: str) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].strip() == fence:
            return number
    raise ValueError(f"{page}:{start + 1}: the block has no end")


def _marks(lines: list[str], fence: int) -> dict[str, str]:
    """Return the comments right before a fence; blank lines may stand between."""
    found: dict[str, str] = {}
    for line in reversed(lines[:fence]):
        mark = _MARK.match(line)
        if mark is None and line.strip():
            break
        if mark is not None:
            found[mark["name"]] = mark["value"] or ""
    return found


def typed(block: Block) -> list[Typed]:
    """Return the commands of a `console` block, each with the output under it; raises ValueError for one without."""
    found: list[Typed] = []
    for line in block.text.splitlines():
        if line.startswith(_PROMPT):
            found.append(Typed(line.removeprefix(_PROMPT), None))
        elif not found:
            raise ValueError(f"{block}: a console block begins with a command, after `$ `")
        elif line.startswith(_MORE) and found[-1].shown is None and found[-1].command.endswith("\\"):
            found[-1] = Typed(f"{found[-1].command}\n{line.removeprefix(_MORE)}", None)
        else:
            found[-1] = Typed(found[-1].command, f"{found[-1].shown or ''}{line}\n")
    return found


def is_as_shown(shown: str, printed: str) -> bool:
    """Tell whether output is what a page shows, where `…` is anything within a line, and any lines on its own."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else "[^\n]*".join(map(re.escape, line.rstrip().split("…"))) + " *\n"
        for line in shown.splitlines()
    )
    whole = printed if printed.endswith("\n") or not printed else f"{printed}\n"
    return re.fullmatch(pattern, whole) is not None
