"""What a line of the trail says of an event: its members, as JSON text.

Pure. A request's path is told with its ids folded, its session by the token's fingerprint; the chain adds number and
hashes. Whoever writes the lines takes the secrets out.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Any, Final

from sidecar import events
from sidecar.session.brake import template_of

if TYPE_CHECKING:
    from collections.abc import Mapping

BEGUN: Final = "trail begun"
CONTINUED: Final = "trail continued"
RESUMED: Final = "trail resumed"
REMOVED: Final = "files removed"
"""The events that the trail tells of itself."""

_NAMES: Final[Mapping[type[events.Event], str]] = {
    events.Forwarded: "request",
    events.Minted: "session minted",
    events.MintFailed: "session mint failed",
    events.SessionAdopted: "session adopted",
    events.RefreshFailed: "session refresh failed",
    events.TokenRejected: "token rejected",
    events.IdentityLoaded: "identity loaded",
    events.Reloaded: "configuration reloaded",
    events.ReloadFailed: "configuration reload failed",
    events.Controlled: "control",
    events.Listening: "started",
    events.Draining: "draining",
    events.Stopped: "stopped",
}

AUDITED: Final = frozenset(_NAMES)
"""The events that the trail holds; the others are the log's alone."""

_LONGEST: Final = 1024
"""Characters of a text that are told; a path or a list of problems may be longer than anybody reads."""

_OTHERWISE: Final = {"fingerprint": "session"}
"""Members that are called otherwise in an event."""


def body_of(event: events.Event, now: float) -> str:
    """Return the members of the line of one audited event that happened at `now`, by the wall clock."""
    if isinstance(event, events.Forwarded):
        return _request(event, now)
    if isinstance(event, events.Controlled):
        told = {"action": event.action, "who": who(event.peer, event.uid), "status": event.status}
        return note(_NAMES[type(event)], now, {**told, "outcome": event.outcome})
    members = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return note(_NAMES[type(event)], now, {_OTHERWISE.get(name, name): value for name, value in members.items()})


def note(event: str, now: float, members: Mapping[str, Any]) -> str:
    """Return the members of a line of another kind; what is empty is left out, seconds are told to the millisecond."""
    told = {name: _shown(value) for name, value in members.items() if value not in ("", (), None)}
    rest = json.dumps(told, separators=(",", ":"))[1:-1]
    return f'"time":"{_stamp(now)}","event":{quoted(event)}{"," if rest else ""}{rest}'.replace("\x7f", "\\u007f")


def who(peer: str | None, uid: int | None) -> str:
    """Return who asked: the user at the other end of a Unix socket, else an address."""
    return (peer or "unknown") if uid is None else f"uid:{uid}"


def _shown(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    return _short(value) if isinstance(value, str) else value


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _request(event: events.Forwarded, now: float) -> str:
    tenant = f',"tenant":{quoted(event.tenant)}' if event.tenant else ""
    session = f',"session":"{event.fingerprint}"' if event.fingerprint else ""
    method = f',"method":{quoted(_short(event.method))}' if event.method else ""
    path = f',"path":{quoted(_short(template_of(event.path)))}' if event.path else ""
    reason = f',"reason":{quoted(event.reason)}' if event.reason else ""
    rule = f',"rule":{quoted(event.rule)}' if event.rule else ""
    return (
        f'"time":"{_stamp(now)}","event":"request","request_id":"{event.request_id}"{tenant}{session}{method}{path}'
        f',"status":{event.status},"upstream_status":{event.upstream_status},"attempts":{event.attempts}'
        f',"who":{quoted(who(event.peer, event.uid))},"outcome":"{event.outcome}"{reason}{rule}'
    ).replace("\x7f", "\\u007f")


def _stamp(now: float) -> str:
    """Return an instant as RFC 3339 in UTC, to the microsecond."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds")[:-6] + "Z"
