"""Plays every client and writes what was seen as a page: `clienttable.py --write` beside this renews it."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if __name__ == "__main__":
    sys.path[1:1] = [str(Path(__file__).parents[2] / "support"), str(Path(__file__).parents[3])]

from behaviours import BEHAVIOURS
from callers import CLIENTS, Missing
from clientplay import theatre

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientplay import Cell

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "clients.md"

_HEAD: Final = """# Which clients were seen to work

Made by a test run (`tests/proof/clients/`), which checks each cell at both ends; do not edit. To renew it:
`python tests/proof/clients/clienttable.py --write`.

Each client is a small program around an unmodified HTTP library, or a program as it is installed, which knows nothing
but the sidecar's `http://127.0.0.1` address. The sidecar speaks mutual TLS with the emulator in its production
environment. For every cell the client tells what it saw (statuses, bodies, fields), the bytes on its connection are
read, and FinHub's record is compared: every request once, with the same method, target and bytes of body, the client
certificate, one token and the tenant. Nobody logs in but for a token that was revoked.

"""

_MEANINGS: Final = """
## What the columns say

- **GET**: a reply of 100,000 bytes, and the version of HTTP that the client speaks. **reply without a length**: the
  same in chunks; who speaks HTTP/1.0, which has none, gets it up to the end of the connection.
- **JSON POST**, **12 MB form** (multipart, two files): how the client says where its body ends.
- **chunked upload**: the length is told to nobody, and FinHub gets chunks. **100-continue**: whether the client waits
  with its body for `100 Continue`; who speaks HTTP/1.0 is sent none.
- **keep-alive**: three requests on one connection. **close**: `Connection: close`, or HTTP/1.0, and a connection for
  each.
- **HEAD**: the length and no body. **gzip**: the coded reply goes through as it is, and the library unpacks it or
  leaves that to the program. **204**: and the request after it is not out of step.
- **token revoked**: all tokens were revoked before a POST. FinHub answers 401 and then 200 to the same bytes, there is
  one new token, and the client sees one 200.
- **20 at once**: twenty connections wait until all have sent their request; each gets the reply to its own. A client
  that can do one thing at a time does it with twenty processes.
- **redirect**: the client is told not to follow, and sees `Location` as FinHub wrote it.
- **no**: the library has no such thing, see below.

## What a library does not have

"""


def page(rows: Mapping[str, str]) -> str:
    """Return the page for these rows, name of the client → line of the table."""
    titles = ["client", *(behaviour.title for behaviour in BEHAVIOURS.values())]
    table = [f"| {' | '.join(titles)} |\n", f"|{'---|' * len(titles)}\n", *(rows[name] for name in CLIENTS)]
    return "".join([_HEAD, *table, _MEANINGS, *_lacking()])


def row(name: str, cells: Mapping[str, Cell]) -> str:
    """Return a client's line of the table."""
    words = [cells[behaviour].word.partition(":")[0] for behaviour in BEHAVIOURS]
    return f"| {' | '.join([CLIENTS[name].title, *words])} |\n"


def _lacking() -> list[str]:
    return [
        f"- {client.title}, {BEHAVIOURS[behaviour].title}: {reason}.\n"
        for client in CLIENTS.values()
        for behaviour, reason in client.lacks.items()
    ]


def main(names: list[str]) -> int:
    """Play these clients, all unless some are named; write the page if asked to. Return 1 if a cell is red."""
    faults, rows = [], {}
    with tempfile.TemporaryDirectory() as folder, theatre(Path(folder)) as stage:
        for name in names or CLIENTS:
            cells = stage.play(CLIENTS[name])
            rows[name] = row(name, cells)
            sys.stdout.write(rows[name])
            faults += [f"{name}, {which}: {fault}\n" for which, cell in cells.items() for fault in cell.faults]
    sys.stdout.writelines(faults)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(rows), encoding="utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    with contextlib.suppress(Missing):
        sys.exit(main([name for name in sys.argv[1:] if name != "--write"]))
    sys.exit("a program is missing: the page can be renewed only where all are installed")
