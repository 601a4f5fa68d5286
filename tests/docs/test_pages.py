"""The reader of pages, held up against made-up ones."""

from __future__ import annotations

import pages
import pytest


def test_a_block_keeps_its_line_language_margin_and_marks() -> None:
    text = (
        "1. a\n\n   <!-- run by: x -->\n   <!-- file: y z -->\n   ```sh\n   ls\n     -l\n   ```\n"
        "~~~toml\na = 1\n```\n~~~\n"
    )
    first, second = pages.blocks("p.md", text)
    assert (first.line, first.language, first.text) == (5, "sh", "ls\n  -l\n")
    assert first.marks == {"run by": "x", "file": "y z"}
    assert (second.line, second.language, second.text, second.marks) == (9, "toml", "a = 1\n```\n", {})


def test_a_comment_that_something_stands_after_belongs_to_no_block() -> None:
    (block,) = pages.blocks("p.md", "<!-- not run: for this reason -->\nwords\n```sh\nls\n```\n")
    assert block.is_run_here


def test_a_block_without_an_end_is_told_by_its_place() -> None:
    with pytest.raises(ValueError, match=r"p\.md:2: the block has no end"):
        pages.blocks("p.md", "\n```sh\nls\n")


def test_a_console_is_its_commands_and_what_stands_under_each() -> None:
    (block,) = pages.blocks("p.md", "```console\n$ a \\\n> b\n> c\n\nd\n$ e\n```\n")
    assert pages.typed(block) == [pages.Typed("a \\\nb", "> c\n\nd\n"), pages.Typed("e", None)]
    (other,) = pages.blocks("p.md", "```console\nd\n```\n")
    with pytest.raises(ValueError, match="begins with a command"):
        pages.typed(other)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\n", "a\n", True),
        ("a\n", "a", True),
        ("a\n", "a  \n", True),
        ("a\n", "b\n", False),
        ("a\n", "a\nb\n", False),
        ("a…c\n", "abc\n", True),
        ("a…c\n", "a\nc\n", False),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nd\n", True),
        ("…\nd\n", "c\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_output_is_as_shown_where_an_ellipsis_is_anything(shown: str, printed: str, *, same: bool) -> None:
    assert pages.is_as_shown(shown, printed) is same


def test_every_page_is_found_and_nothing_that_is_not_ours() -> None:
    names = pages.names()
    assert {"README.md", "certs/README.md", "docs/README.md", "deploy/helm/finhub-sidecar/README.md"} <= set(names)
    assert not [name for name in names if name.startswith((".", "build"))]
