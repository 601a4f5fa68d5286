"""The accepted differences as a page: `python tests/proof/differential/page.py --write` renews it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

import differences
from steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from differences import Fields, Refused

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "differential.md"

_HEAD: Final = """# Where the sidecar is not like nginx

Made from `tests/proof/differential/differences.py`; do not edit. To renew it:
`python tests/proof/differential/page.py --write`.

Generated requests go through the real sidecar and through a plain nginx (`tests/support/nginx.py`), both before one
server that records bytes; method, target, fields and body that arrive, and status, fields and body that come back, must
be the same but for this list. 1,000 requests in every run, always the same ones; `PROOF_SCALE=10` makes them 10,000.
Every entry has an example by which a test sees that it is still needed. Replies of 401 are left out: what the sidecar
does with those is what it is for. nginx waits for the whole of a body, and so announces the length of a chunked one;
the sidecar begins to send after 64 KiB, so that an upload that breaks off behind them reaches FinHub as it is: cut.
No part of a request is ever taken for a whole one, on either side.
"""


def page() -> str:
    """Return the page."""
    return "".join(
        (
            _HEAD,
            _table("Requests that we refuse", differences.REFUSED_BY_US),
            _table("Requests that nginx refuses, as we do or not", differences.REFUSED_BY_NGINX),
            _table("Fields that we set", differences.SET_BY_US),
            _table("Fields that we take out", differences.TAKEN_OUT_BY_US),
            _table("Fields of replies", differences.IN_REPLIES),
        )
    )


def _table(title: str, accepted: Iterable[Refused | Fields]) -> str:
    rows = "".join(f"| {one.title} | {one.reason} | `{_shown(one.example)}` |\n" for one in accepted)
    return f"\n## {title}\n\n| what | why | example |\n|---|---|---|\n{rows}"


def _shown(step: Step) -> str:
    """Return what is special about an example: its request line, its fields, its reply's fields."""
    parts = [b"%s %s" % (step.method, step.target)]
    if step.host != Step().host:
        parts.append(b"Host: " + step.host)
    parts += [name + b":" + value for name, value in step.fields]
    parts += [b"reply: %s: %s" % field for field in step.answer.fields]
    return " ¦ ".join(repr(part)[2:-1] for part in parts).replace("|", "\\|")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
