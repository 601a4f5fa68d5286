"""Links between our pages lead to what is there, and docs/README.md leads to every page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import house
import pages
import pytest

if TYPE_CHECKING:
    from pathlib import Path

_FENCED: Final = re.compile(r"^( *)(`{3,})[^`]*?^ *\2$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\]\((?!https?:)([^)\s]+)\)")


def prose(page: str) -> str:
    """Return a page without its blocks."""
    return _FENCED.sub("", pages.read(page))


def anchors(page: str) -> set[str]:
    """Return what a link to a heading of the page may end in."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: str) -> list[str]:
    """Return the links of a page that lead nowhere."""
    found = []
    for link in _LINK.findall(prose(page)):
        name, _, anchor = link.partition("#")
        target = (house.ROOT / page).parent.joinpath(name).resolve() if name else house.ROOT / page
        if (name and not target.exists()) or (anchor and anchor not in _anchors_of(target)):
            found.append(link)
    return found


def _anchors_of(target: Path) -> set[str]:
    return anchors(target.relative_to(house.ROOT).as_posix()) if target.suffix == ".md" else set()


@pytest.mark.parametrize("page", pages.names())
def test_every_link_leads_somewhere(page: str) -> None:
    assert broken(page) == []


def test_a_link_to_a_heading_that_is_not_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# One\n[a](#one) [b](#two) [c](gone.md) [d](SECURITY.md#invariants-do-not-weaken) [e](SECURITY.md#gone)"
    read = pages.read
    monkeypatch.setattr(pages, "read", lambda page: text if page == "made-up.md" else read(page))
    assert broken("made-up.md") == ["#two", "gone.md", "SECURITY.md#gone"]


def test_the_index_leads_to_every_page() -> None:
    links = {name.partition("#")[0] for name in _LINK.findall(prose("docs/README.md"))}
    there = {page.removeprefix("docs/") for page in pages.names() if page.startswith("docs/")} - {"README.md"}
    assert there - links == set()
