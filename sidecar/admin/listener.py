"""The admin listener: probes and metrics for anybody, status and controls for the operator of this machine alone.

The answers alone: the server lends its connection, which adds nothing to a reply and echoes nothing of a request.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from sidecar import errors, events, problem
from sidecar.admin import health
from sidecar.admin.guard import admit_operator
from sidecar.answer import Answer
from sidecar.rawfields import first
from sidecar.redact import redact
from sidecar.wire.clock import steady

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sidecar.admin.health import Health, Vitals
    from sidecar.events import Emit
    from sidecar.rawfields import RawFields


class Asked(Protocol):
    """What of a request is looked at."""

    @property
    def method(self) -> str:
        """The method, as it was sent."""
        ...

    @property
    def target(self) -> str:
        """The request target."""
        ...

    @property
    def fields(self) -> RawFields:
        """The header fields."""
        ...

    @property
    def remote(self) -> str | None:
        """The peer's address, "" on a Unix socket, None where the connection was gone already."""
        ...

    @property
    def uid(self) -> int | None:
        """The user at the other end of a Unix socket."""
        ...


class Operated(Protocol):
    """What the operator can ask of a running sidecar."""

    def vitals(self) -> Vitals:
        """Return what the probes judge by."""
        ...

    def status(self) -> dict[str, Any]:
        """Return what `/status` shows."""
        ...

    async def scrape(self, accept: str) -> tuple[str, bytes]:
        """Return what `/metrics` shows, as far as it can as the Accept field wants: its content type, and the text."""
        ...

    def history(self) -> dict[str, Any]:
        """Return what `/history` shows."""
        ...

    async def reload(self) -> dict[str, list[str]]:
        """Read again what may change; return what did. SidecarError: something new is broken, the old stays."""
        ...

    async def reauthenticate(self, tenant: str = "") -> None:
        """Log in now: all tenants, or the one of that name. SidecarError: what a caller would get."""
        ...

    def stop(self, why: str) -> None:
        """Begin to go down."""
        ...


class NoSuchPath(errors.SidecarError):
    """Nothing is at this path of the admin listener."""

    status = 404
    proxy_error = "http_request_error"
    title = "There is nothing here"


class WrongMethod(errors.SidecarError):
    """The path is there, and takes another method (RFC 9110 §15.5.6)."""

    status = 405
    proxy_error = "http_request_error"
    title = "This path takes another method"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One path: its method, whether anybody may open it, and what answers."""

    method: str
    public: bool
    answer: Callable[[Operated, Asked], Awaitable[Answer]]


class Admin:
    """Answers the requests of the admin listener about `subject`. `handle` answers one request.

    `over_unix`: the listener is a Unix socket. It is told, not concluded from a peer without an address: a TCP
    connection that is gone already has none either.
    """

    def __init__(self, subject: Operated, emit: Emit, *, over_unix: bool, clock: Callable[[], float] = steady) -> None:
        self._subject = subject
        self._clock = clock
        self._refused_at = float("-inf")
        self._emit = emit
        self._over_unix = over_unix

    async def handle(self, request: Asked) -> Answer:
        """Return the reply, whatever happens; of a control it is told who pulled it."""
        action = _control(request)
        if not action:
            return await self._safely(request)
        status = 0
        try:
            answer = await self._safely(request)
            status = answer.status
            return answer
        finally:
            outcome = _outcome(status)
            if outcome != "refused" or self._may_tell_refusal():
                told = events.Controlled(
                    action=action, peer=request.remote, uid=request.uid, status=status, outcome=outcome
                )
                self._emit(told)

    def _may_tell_refusal(self) -> bool:
        """Tell whether a refusal is told: one a second, since whoever may do nothing must not fill a disk either."""
        now = self._clock()
        if now - self._refused_at < _REFUSALS:
            return False
        self._refused_at = now
        return True

    async def _safely(self, request: Asked) -> Answer:
        try:
            return await self._answer(request)
        except errors.SidecarError as error:
            return _problem(error)
        except Exception as error:  # noqa: BLE001  # a bug here must neither show a traceback nor end the listener
            self._emit(events.bug(error))
            return _problem(errors.SidecarError(f"unexpected {type(error).__name__}"))

    async def _answer(self, request: Asked) -> Answer:
        door = _DOORS.get(_path_of(request.target))
        if door is None:
            raise NoSuchPath("the admin listener has no such path", remedy=f"Ask for one of {', '.join(_DOORS)}.")
        if request.method != door.method and (request.method, door.method) != ("HEAD", "GET"):
            return _wrong_method(door)
        if not door.public:
            peer = None if self._over_unix else request.remote or ""
            admit_operator(method=request.method, fields=request.fields, peer=peer)
        return await door.answer(self._subject, request)


def _path_of(target: str) -> str:
    """Return the path of a request target, "" where it has none."""
    try:
        return urlsplit(target).path
    except ValueError:  # what stands for an authority is none
        return ""


def _control(request: Asked) -> str:
    """Return the name of the control that is pulled, "" where none is."""
    path = _path_of(request.target)
    return path.removeprefix("/-/") if path.startswith("/-/") and path in _DOORS and request.method == "POST" else ""


def _outcome(status: int) -> str:
    """Return what became of a control; 0: its caller left before it was known."""
    if status == _DONE:
        return "done"
    return "refused" if status in _NOT_TRIED else "failed"


# ── what each path answers ──────────────────────────────────────────────────────────────────────────────────────


async def _livez(_: Operated, __: Asked) -> Answer:
    return _text(health.Health(good=True, reason="alive"))


async def _startupz(subject: Operated, _: Asked) -> Answer:
    return _text(health.started(subject.vitals()))


async def _readyz(subject: Operated, _: Asked) -> Answer:
    return _text(health.ready(subject.vitals()))


async def _metrics(subject: Operated, request: Asked) -> Answer:
    kind, text = await subject.scrape((first(request.fields, b"accept") or b"").decode("latin-1"))
    return Answer(status=200, fields=(_FRESH, ("Content-Type", kind)), body=text)


async def _status(subject: Operated, _: Asked) -> Answer:
    return _json(subject.status())


async def _history(subject: Operated, _: Asked) -> Answer:
    return _json(subject.history())


async def _page(_: Operated, __: Asked) -> Answer:
    from sidecar.admin import page  # noqa: PLC0415  # who never looks at it need not have it in memory

    return await page.answer()


async def _reload(subject: Operated, _: Asked) -> Answer:
    return _json(await subject.reload())


async def _reauthenticate(subject: Operated, request: Asked) -> Answer:
    tenant = dict(parse_qsl(request.target.partition("?")[2])).get("tenant", "")
    await subject.reauthenticate(tenant)
    status = subject.status()
    return _json({part: status[part] for part in ("session", "sessions") if part in status})


async def _quit(subject: Operated, _: Asked) -> Answer:
    subject.stop("/-/quit")
    return _json({"draining": True})


_DOORS: Final = {
    "/livez": Door(method="GET", public=True, answer=_livez),
    "/startupz": Door(method="GET", public=True, answer=_startupz),
    "/readyz": Door(method="GET", public=True, answer=_readyz),
    "/metrics": Door(method="GET", public=True, answer=_metrics),
    "/": Door(method="GET", public=False, answer=_page),
    "/status": Door(method="GET", public=False, answer=_status),
    "/history": Door(method="GET", public=False, answer=_history),
    "/-/reload": Door(method="POST", public=False, answer=_reload),
    "/-/reauthenticate": Door(method="POST", public=False, answer=_reauthenticate),
    "/-/quit": Door(method="POST", public=False, answer=_quit),
}

# ── replies ─────────────────────────────────────────────────────────────────────────────────────────────────────

_FRESH: Final = ("Cache-Control", "no-store")
_UNPROCESSABLE: Final = 422
_REFUSALS: Final = 1.0
"""Seconds between two refusals that are told."""

_DONE: Final = 200
_NOT_TRIED: Final = (400, 403, 429)
_BROKEN: Final = (errors.ConfigError, errors.SecretError, errors.IdentityError)
"""What a reload finds: the operator's own words are wrong, not FinHub's answer."""


def _text(verdict: Health) -> Answer:
    kind = ("Content-Type", "text/plain; charset=utf-8")
    return Answer(status=200 if verdict.good else 503, fields=(_FRESH, kind), body=f"{verdict.reason}\n".encode())


def _json(value: object) -> Answer:
    kind = ("Content-Type", "application/json; charset=utf-8")
    return Answer(status=200, fields=(_FRESH, kind), body=redact(json.dumps(value)).encode())


def _problem(error: errors.SidecarError) -> Answer:
    return problem.answer(error, status=_UNPROCESSABLE if isinstance(error, _BROKEN) else error.status)


def _wrong_method(door: Door) -> Answer:
    told = _problem(WrongMethod(f"this path takes {door.method} only", remedy=f"Send {door.method}."))
    return dataclasses.replace(told, fields=(*told.fields, ("Allow", door.method)))
