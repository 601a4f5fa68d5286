"""The tables of `docs/troubleshooting.md` that the code decides; `python tests/support/troubles.py` writes them."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import house

from sidecar import errors
from sidecar.cli import exits

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = house.ROOT / "docs" / "troubleshooting.md"

_COMMANDS_ONLY: Final = (
    *(errors.ConfigError, errors.SecretError, errors.IdentityError, errors.AuditError, errors.ListenError),
    *(errors.SidecarUnreachable, errors.ControlRefused, errors.Rejected),
)
"""What ends a command, and never a caller's request."""

_BY_HAND: Final = {
    "proxy_internal_error": [
        ("500", "Something that should not be possible", "Report the log's line *unexpected failure* of this time."),
    ],
    "the last failure's": [],
}
_CODES: Final = {
    exits.DONE: "It did what it was asked.",
    exits.FAILED: "Anything else: not ready yet, refused by a running sidecar, a trail that is not whole, a bug.",
    exits.USAGE: "The command line or the configuration.",
    exits.IDENTITY: "The client certificate, its key, or a secret.",
    exits.REJECTED: "FinHub was reached, and said no.",
    exits.NETWORK: "The way to FinHub, or an address of this machine.",
}


def kinds() -> list[type[errors.SidecarError]]:
    """Return every kind of failure that the sidecar knows."""
    return [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.SidecarError) and kind is not errors.SidecarError
    ]


def replies() -> Iterator[str]:
    """Yield the table of what a caller reads: one row for each error of `Proxy-Status` and status."""
    rows = {name: list(found) for name, found in _BY_HAND.items()}
    for kind in kinds():
        if kind in _COMMANDS_ONLY or kind is errors.UpstreamError:
            continue
        name = "the last failure's" if kind is errors.TokenUnavailable else kind.proxy_error
        rows.setdefault(name, []).append((str(kind.status), kind.title, kind.default_remedy))
    yield from ("| `Proxy-Status` error | status | what it means | what to do |", "|---|---|---|---|")
    for name, found in sorted(rows.items(), key=lambda row: (not row[0].isidentifier(), row[0])):
        shown = f"`{name}`" if name.isidentifier() else name
        yield from (f"| {shown} | {status} | {title} | {remedy} |" for status, title, remedy in sorted(set(found)))


def codes() -> Iterator[str]:
    """Yield the table of exit codes, each with what a command says when it ends so."""
    said: defaultdict[int, list[str]] = defaultdict(list)
    for kind in kinds():
        if kind in _COMMANDS_ONLY and kind.title not in said[exits.code_of(kind(""))]:
            said[exits.code_of(kind(""))].append(kind.title)
    said[exits.NETWORK].append(errors.UpstreamError.title)
    yield from ("| exit code | what is wrong | what a command says then |", "|---|---|---|")
    for code, what in _CODES.items():
        yield f"| {code} | {what} | {' · '.join(said[code])} |"


def renewed(text: str) -> str:
    """Return the page with its tables as they must be."""
    for name, rows in (("replies", replies()), ("codes", codes())):
        table = "\n".join(rows)
        pattern = rf"(<!-- {name}: [^\n]+ -->\n).*?(\n<!-- end of {name} -->)"
        place = re.search(pattern, text, flags=re.DOTALL)
        assert place is not None, f"the page has no place for {name}"
        text = text.replace(place[0], f"{place[1]}\n{table}\n{place[2]}")
    return text


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
