"""Text that can be written to a terminal or a log: what is not printable is spelt out, so that nobody forges a line.

Pure. A path, a peer or FinHub's own words may hold newlines, escape sequences and half characters.
"""

from __future__ import annotations


def plain(text: str) -> str:
    """Return `text` in one line of printable characters, the others in Python's own spelling of them."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _spelt(char) for char in text)


def plain_lines(text: str) -> str:
    """Return `text` as `plain` does, with its newlines kept: for details that have a line for each problem."""
    return "\n".join(plain(line) for line in text.split("\n"))


def _spelt(char: str) -> str:
    return char.encode("unicode_escape").decode()
