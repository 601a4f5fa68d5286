"""What can happen, as frozen values: the only way in which the rooms tell the outside anything.

Pure. A room is given an `Emit` and calls it; `observe/` listens. No event holds a secret or a body.
Durations are seconds, sizes bytes; instants are on the steady clock unless the name ends in `_utc`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from dataclasses import Field
    from types import CodeType


class Event:
    """The root of all events, each of them a dataclass."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Emit = Callable[[Event], None]


def to_all(*listeners: Emit) -> Emit:
    """Return what tells each of `listeners`, in this order."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell


# ── session ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted(Event):
    """A new token is in use."""

    tenant: str
    kind: str  # "login" | "refresh" | "unchanged"
    fingerprint: str
    expires_in: float
    renew_in: float
    duration: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshFailed(Event):
    """A refresh brought no token; the flight goes on with a login unless FinHub asked for patience."""

    tenant: str
    cause: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MintFailed(Event):
    """A flight ended without a token. `gate` is what follows: COOLING or BLOCKED, for `retry_in` seconds."""

    tenant: str
    kind: str  # "login" | "refresh": which call of FinHub it ended with
    gate: str
    cause: str
    detail: str
    remedy: str
    retry_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshUnavailable(Event):
    """FinHub has no refresh endpoint (404/405/501): remembered for the life of the process."""

    tenant: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRejected(Event):
    """FinHub said 401 to the current token. `braked`: the storm brake kept it, and the 401 was delivered."""

    tenant: str
    fingerprint: str
    braked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAdopted(Event):
    """What another pod's mint ended with is in use here: a token, a gate (COOLING, BLOCKED), or both."""

    tenant: str
    gate: str
    cause: str  # of a gate that is closed
    fingerprint: str  # "" where the token stays what it was, as are the next two None
    expires_in: float | None
    renew_in: float | None
    retry_in: float | None  # of a gate that is closed


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLost(Event):
    """The engine of `session.store` does not answer: everybody mints alone. It is tried again every few seconds."""

    tenant: str
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreBack(Event):
    """The engine answers again, after so many seconds."""

    tenant: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreIgnored(Event):
    """What the store holds for this tenant cannot be used, and is not; told once for each reason."""

    tenant: str
    why: str
    remedy: str


# ── gateway ─────────────────────────────────────────────────────────────────────────────────────────────────────

TOKEN_REFUSED: Final = "token refused"  # noqa: S105  # a reason, no password
DEAD_CONNECTION: Final = "dead connection"
REFUSED_AGAIN: Final = "refused on a fresh token"
NOT_EXPIRED: Final = "no expiry by session.expired_when"
NOT_REPEATABLE: Final = "body exceeds replay.max_body or replay.max_total"
STORM_BRAKE: Final = "storm brake"
"""What `Forwarded.replay` can say: the first two why a request was sent again, the others why a 401 led to nothing."""


@dataclass(slots=True, kw_only=True)
class Forwarded(Event):
    """One caller's request is over. `path` has no query.

    There is one for every request, and freezing it would cost as much as writing it down: its members are final only
    to the type checker.

    `status` is what the caller saw, 0 if it saw none; `upstream_status` what FinHub answered last, 0 if it did not. A
    payment whose caller left was executed if the latter says so.
    """

    request_id: Final[str]
    method: Final[str]
    path: Final[str]
    status: Final[int]
    upstream_status: Final[int]
    source: Final[str]  # "upstream" | "sidecar"
    reason: Final[str]  # RFC 9209 error name, "" when FinHub answered, or the caller did not wait for it
    rule: Final[str]  # the guard's rule that refused, "" when none did
    duration: Final[float]
    upstream_duration: Final[float]
    received: Final[int]  # body bytes from the caller
    sent: Final[int]  # body bytes to the caller
    attempts: Final[int]  # times the request went on the wire
    replay: Final[str]  # why it was sent again, or why a 401 was not: "" when the question did not arise
    outcome: Final[str]  # "complete" | "aborted" | "caller_left"
    session_wait: Final[float | None] = None  # seconds until there was a token; None where nobody waited for one
    # Who asked, and as whom FinHub was asked; for the audit trail.
    tenant: Final[str] = ""
    fingerprint: Final[str] = ""  # of the token, "" where none was sent
    peer: Final[str | None] = None  # the caller's address, "" on a Unix socket, None where nobody knows any more
    uid: Final[int | None] = None  # the user at the other end of a Unix socket


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped(Event):
    """A request had to wait its turn under `limits.requests_per_second`; `refused`: there was no place to wait in."""

    request_id: str
    seconds: float
    refused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug(Event):
    """Something happened that should not be possible; `where` holds no values, only places in the code."""

    request_id: str
    kind: str
    where: str


_DEEPEST: Final = 12
"""So many places are told of a bug, the innermost ones: a runaway recursion has a thousand."""


def bug(error: BaseException, request_id: str = "") -> Bug:
    """Return the event for an exception nobody expected; its text is left out, since it may quote a request."""
    # Not traceback.extract_tb, which reads the source files: this runs on the event loop.
    places = [_place(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    return Bug(request_id=request_id, kind=type(error).__name__, where=" < ".join(places[: -_DEEPEST - 1 : -1]))


def _place(code: CodeType, line: int) -> str:
    return f"{code.co_name} ({code.co_filename.rpartition('/')[2]}:{line})"


# ── identity, configuration, process ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityLoaded(Event):
    """A client certificate is in use, at start or after a reload."""

    subject: str
    not_after_utc: str
    days_left: int
    warnings: tuple[str, ...]
    tenant: str = ""  # of several, here and in the next two; "" where all are meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded(Event):
    """Something changed and is in use now: `what` names it (identity, CA, secrets, a key of the configuration).

    `restart` names the keys that changed too, and that only a restart puts into use.
    """

    what: tuple[str, ...]
    restart: tuple[str, ...] = ()
    tenant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadFailed(Event):
    """What is new cannot be used; what was in use stays."""

    what: str
    detail: str
    remedy: str
    tenant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controlled(Event):
    """Somebody pulled one of the operator's controls; `peer` and `uid` are those of `Forwarded`."""

    action: str  # "quit" | "reload" | "reauthenticate"
    peer: str | None
    uid: int | None
    status: int  # of the reply
    outcome: str  # "done" | "refused" (nothing was tried) | "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening(Event):
    """Both listeners are open."""

    listen: str
    admin: str
    environment: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution(Event):
    """Something here is weaker than it should be; the sidecar runs all the same."""

    detail: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining(Event):
    """The process is going down: unready from now on, and no longer than `limit` seconds."""

    why: str
    in_flight: int
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(Event):
    """The last event of a process. `cut` requests had to be ended before they were done."""

    cut: int


# ── the audit trail, which tells of itself ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailHead(Event):
    """How far the audit trail reaches: whoever keeps this elsewhere can prove later that no end was cut off."""

    why: str  # "opened" | "rotated" | "closed"
    file: str
    seq: int
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailFailed(Event):
    """The audit trail cannot be written; it is tried again every second. `stops`: requests are refused meanwhile."""

    detail: str
    remedy: str
    stops: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailResumed(Event):
    """The audit trail is written again. `lost` lines never will be, and `refused` requests are counted, not told."""

    lost: int
    refused: int
