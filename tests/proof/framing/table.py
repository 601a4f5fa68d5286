"""Plays every row and writes what was seen as a page: `python tests/proof/framing/table.py --write` renews it."""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

import replies
import requests_callers
import requests_framing
import requests_head
import trustme
from play import Director, Played, Stage
from realsidecar import running
from recorder import Recorder
from rows import ReplyRow, RequestRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from messages import Reply, Request

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "refusals.md"

GROUPS: Final[dict[str, tuple[RequestRow | ReplyRow, ...]]] = {
    "Where a request ends: Content-Length": requests_framing.LENGTHS,
    "Where a request ends: Transfer-Encoding": requests_framing.CODINGS,
    "Where a request ends: chunks": requests_framing.CHUNKS,
    "Trailers": requests_framing.TRAILERS,
    "One request after another": requests_framing.CONNECTIONS,
    "Request line": requests_head.LINES,
    "Method": requests_head.METHODS,
    "Target": requests_head.TARGETS,
    "Host": requests_head.HOSTS,
    "Fields": requests_head.FIELDS,
    "Fields that are ours, or for one connection": requests_head.CREDENTIALS,
    "Who may not": requests_callers.STRANGERS,
    "Too slow, too large, too many": requests_callers.BOUNDS,
    "Expect": requests_head.EXPECT,
    "Upgrade": requests_head.UPGRADES,
    "From FinHub: head of the reply": replies.HEADS,
    "From FinHub: where a reply ends": replies.FRAMING,
    "From FinHub: replies without a body": replies.BODILESS,
    "From FinHub: more than the reply": replies.SURPLUS,
    "From FinHub: interim replies": replies.INTERIM,
    "From FinHub: when": replies.TIMING,
    "From FinHub: fields": replies.CONNECTION,
}
ROWS: Final = {f"{group}: {row.name}": row for group, rows in GROUPS.items() for row in rows}

_HEAD: Final = """# What is refused, and what becomes of the rest

Made by a test run (`tests/proof/framing/`), which checks each line; do not edit. To renew it:
`python tests/proof/framing/table.py --write`.

Bytes are shown as in Python; `(x){N}` stands for N times x, `¦` for a pause between two writes. A refusal of ours is
`application/problem+json`, shown with the error of its `Proxy-Status`. "ends" says that the sidecar then closes the
connection. What arrives is shown without the fields that the sidecar always sets. FinHub is a recording server that
takes and sends exact bytes.
"""

# What every request of ours has; a row that is about one of them shows it by its expectation.
_ALWAYS: Final = frozenset(
    (
        *("host", "authorization", "x-tenant-id", "content-type", "sec-ch-ua-platform", "x-forwarded-for"),
        *("user-agent", "x-request-id", "x-correlation-id", "x-activity-id"),
    )
)
_REPEATED: Final = re.compile(r"(.{1,40}?)\1{19,}", re.DOTALL)
_LONGEST: Final = 160


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Start a sidecar and a recording upstream in `folder`, and end them."""
    authority, director = trustme.CA(), Director()
    with Recorder(authority, director.choose) as upstream, contextlib.ExitStack() as stack:
        sidecars = {}
        for under, listen in requests_callers.LISTENS.items():
            place = folder / (under or "usual")
            place.mkdir()
            sidecars[under] = stack.enter_context(running(place, authority, upstream, listen=listen))
        yield Stage(sidecars, upstream, director)


def page(played: dict[str, Played]) -> str:
    """Return the page for all rows, which have been played."""
    parts = [_HEAD]
    for group, rows in GROUPS.items():
        title = "what FinHub sends" if isinstance(rows[0], ReplyRow) else "what the caller sends"
        parts.append(f"\n## {group}\n\n| case | {title} | the caller sees | FinHub sees |\n|---|---|---|---|\n")
        parts += [_line(played[f"{group}: {row.name}"]) for row in rows]
    return "".join(parts)


def _line(played: Played) -> str:
    row = played.row
    sent = _sent(row)
    cells = (row.name, f"`{sent}`" if sent else "", _seen(played), _arrived(played))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _sent(row: RequestRow | ReplyRow) -> str:
    ending = {"half-close": "end", "abort": "reset", "finish": "end", "cut": "end without close_notify"}
    text = " ¦ ".join(_shown(piece) for piece in row.sends if piece)
    if isinstance(row, RequestRow) and row.beside:
        text = f"{text} ¦ beside {len(row.beside)} times {_shown(row.beside[0]) or 'an idle connection'}"
    return f"{text} ¦ {ending.get(row.then, row.then)}".removeprefix(" ¦ ") if row.then else text


def _shown(piece: bytes) -> str:
    """Return bytes for a table: escaped, repetition folded, cut where it is still too long."""
    text = repr(piece)[2:-1].replace("`", "\\x60")
    text = _REPEATED.sub(lambda match: f"({match[1]}){{{len(match[0]) // len(match[1])}}}", text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _seen(played: Played) -> str:
    parts = [_reply(reply) for reply in played.replies]
    if isinstance(played.row, ReplyRow) and not played.replies:
        parts.append(f"a cut reply{f' after `{_shown(played.row.body)}`' if played.row.body else ''}")
    if isinstance(played.row, RequestRow) and played.row.ends:
        parts.append("ends" if played.ended else "goes on")
    return ", ".join(parts) or "nothing"


def _reply(reply: Reply) -> str:
    interim = "".join(f"{status}, " for status in reply.interim)
    error = b"".join(reply.values("proxy-status")).decode().partition("error=")[2]
    body = f" `{_shown(reply.body)}`" if reply.body and not error else ""
    return f"{interim}{reply.status}{f' {error}' if error else body}"


def _arrived(played: Played) -> str:
    if isinstance(played.row, ReplyRow):
        times = {0: "nothing", 1: "1 request"}.get(len(played.arrivals), f"{len(played.arrivals)} requests")
        return f"{times}; connection {'used again' if played.used_again else 'dropped'}"
    return "; ".join(f"`{_request(arrival.request)}`" for arrival in played.arrivals) or "nothing"


def _request(request: Request) -> str:
    own = [f"{_shown(name)}: {_shown(value)}" for name, value in request.fields if name.decode().lower() not in _ALWAYS]
    body = [_shown(request.body)] if request.body else []
    return " ¦ ".join([f"{request.method.decode()} {_shown(request.target)}", *own, *body])


def main() -> int:
    """Play all rows; write the page if asked to. Return 1 if a row does not hold."""
    with tempfile.TemporaryDirectory() as folder, staged(Path(folder)) as stage:
        played = {name: stage.play(row) for name, row in ROWS.items()}
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(played), encoding="utf-8")
    faults = [f"{name}: {fault}" for name, one in played.items() for fault in one.faults]
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    sys.stdout.write(f"{len(played)} rows, {len({fault.split(': ')[1] for fault in faults})} with faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
