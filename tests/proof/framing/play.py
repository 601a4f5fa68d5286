"""One row played between real ends: what the caller saw, what the upstream saw, and what of it is wrong."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from messages import Reply, Request, Unsound
from rawhttp import PATIENCE, Caller, ask
from realsidecar import TENANT, TOKEN
from recorder import OK, Recorder, answer
from rows import HOST, ReplyRow, RequestRow, get

if TYPE_CHECKING:
    from collections.abc import Mapping

    from realsidecar import Sidecar
    from recorder import Arrival, Exchange, Script

_SHORT: Final = 3.0
"""Seconds within which a connection that has no future is closed."""

_ARRIVED: Final = 0.3
"""Seconds in which what other callers have sent has surely been read."""

_FENCE: Final = b"the fence's own"
_FENCED: Final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(_FENCE), _FENCE)
_BODILESS_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

_SILENCE: Final = 4.0
"""Longer than the sidecar's bounds in the test configuration."""

_ONE_HOP: Final = frozenset({"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect"})


@dataclass(slots=True)
class Played:
    """What was seen. `faults` are sentences; none when the row holds."""

    row: RequestRow | ReplyRow
    replies: list[Reply] = field(default_factory=list)
    part: bytes = b""  # the bytes of a reply that is cut, from its first body byte on
    ended: bool = False  # the sidecar ended the connection by itself
    arrivals: list[Arrival] = field(default_factory=list)
    used_again: bool = False
    faults: list[str] = field(default_factory=list)

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Note a fault unless both are equal."""
        if found != wanted:
            self.faults.append(f"{what}: found {_short(found)}, expected {_short(wanted)}")


class Stage:
    """A sidecar and its upstream, on which rows are played one after the other."""

    def __init__(self, sidecars: Mapping[str, Sidecar], upstream: Recorder, director: Director) -> None:
        self.sidecars = sidecars
        self.sidecar = sidecars[""]
        self._upstream = upstream
        self._director = director

    def play(self, row: RequestRow | ReplyRow) -> Played:
        """Return what happened; never raises for what the sidecar does."""
        self._upstream.forget()
        before, bugs = len(self._upstream.faults()), len(self._bugs())
        played = Played(row)
        if isinstance(row, RequestRow):
            self._play_request(row, played)
            _judge_request(row, played, self._upstream.authority)
        else:
            self._play_reply(row, played)
            _judge_reply(row, played)
        played.faults += [f"the upstream got: {fault.fault}" for fault in self._cut(row, before)]
        played.faults += [f"the log says: {line}" for line in self._bugs()[bugs:]]
        return played

    def _bugs(self) -> list[dict[str, Any]]:
        return [line for sidecar in self.sidecars.values() for line in sidecar.bugs()]

    def _cut(self, row: RequestRow | ReplyRow, before: int) -> list[object]:
        """Return the connections on which half a request arrived; an early reply is allowed to cause one."""
        early = isinstance(row, ReplyRow) and row.early
        return [] if early else list(self._upstream.faults()[before:])

    def _fence(self, played: Played) -> None:
        """Send a good request on a connection of its own, so that whatever came before it has arrived."""
        try:
            reply = ask(self.sidecar.address, get(target=b"/fence"))
        except TimeoutError:
            played.faults.append(f"the next caller had no reply in {PATIENCE:g} s")
            return
        played.expect("the next caller's reply", reply.body, _FENCE)
        played.expect("the last arrival", self._upstream.arrivals[-1].request.target, b"/fence")

    # ── a caller's row ──────────────────────────────────────────────────────────────────────────────────────

    def _play_request(self, row: RequestRow, played: Played) -> None:
        self._director.answer = answer(_BODILESS_OK if row.method == b"HEAD" else OK)
        address = self.sidecars[row.under].address
        with contextlib.ExitStack() as stack:
            if row.beside:
                _crowd(row, address, stack)
            caller = stack.enter_context(Caller(address))
            caller.send(*row.sends)
            if row.then == "abort":
                caller.abort()
            else:
                _read(caller, row, played)
        if row.beside:
            time.sleep(_ARRIVED)  # so that the others' ends have been read, too
        self._fence(played)
        played.arrivals = self._upstream.arrivals[:-1]

    # ── an upstream's row ───────────────────────────────────────────────────────────────────────────────────

    def _play_reply(self, row: ReplyRow, played: Played) -> None:
        self._director.answer = answer(OK)
        self._fence(played)  # so that there is a pooled connection
        self._upstream.forget()
        self._director.answer = script_of(row)
        with Caller(self.sidecar.address) as caller:
            head = b"%s /row %s\r\n%s" % (row.method, row.version, HOST)
            caller.send(head + (row.request or b"\r\n"))
            try:
                played.replies.append(caller.reply(row.method))
            except Unsound:
                played.part = bytes(caller.wire.raw).partition(b"\r\n\r\n")[2]
            except TimeoutError:
                played.faults.append(f"no reply in {PATIENCE:g} s; what came: {_short(bytes(caller.wire.raw))}")
                return
        self._director.answer = answer(OK)
        if len(row.sends) > 1:
            time.sleep(3 * row.pause)  # what comes behind the reply has come
        self._fence(played)
        if not self._upstream.arrivals:
            return
        *played.arrivals, fence = self._upstream.arrivals
        played.used_again = fence.connection in [arrival.connection for arrival in played.arrivals]


class Director:
    """Says what the upstream answers to the row that is being played; the fence is always answered well."""

    def __init__(self) -> None:
        self.answer: Script = answer(OK)

    def choose(self, request: Request) -> Script:
        """Return the script for a request."""
        return answer(_FENCED) if request.target == b"/fence" else self.answer


def script_of(row: ReplyRow) -> Script:
    """Return what the upstream does in an upstream's row."""

    def script(exchange: Exchange) -> None:
        if not row.early:
            exchange.read_body()
        with contextlib.suppress(OSError):  # the sidecar has hung up: what we would say, it will not hear
            exchange.send(*row.sends, pause=row.pause)
        if row.then == "silence":
            time.sleep(_SILENCE)
        ending = {
            "finish": exchange.finish,
            "silence": exchange.finish,
            "linger": exchange.linger,
            "cut": exchange.cut,
            "reset": exchange.reset,
        }
        if row.then:
            ending[row.then]()

    return script


def _crowd(row: RequestRow, address: str, stack: contextlib.ExitStack) -> None:
    """Open the other callers' connections, when nobody else's is open any more."""
    time.sleep(_ARRIVED)
    for sent in row.beside:
        stack.enter_context(Caller(address)).send(sent)
    time.sleep(_ARRIVED)


def _read(caller: Caller, row: RequestRow, played: Played) -> None:
    """Read the replies that the row promises, then see that there is nothing more."""
    if row.then == "half-close":
        caller.half_close()
    try:
        for number in range(len(row.sees)):
            if caller.wire.is_over():
                break
            played.replies.append(caller.reply(row.method if number == 0 else b"GET"))
        played.ended = row.ends and caller.is_closed_within(_SHORT)
        caller.half_close()
        played.expect("bytes behind the last reply", caller.rest(), b"")
    except (Unsound, TimeoutError) as fault:
        played.faults.append(f"the caller got: {type(fault).__name__}: {fault}")


# ── judging ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _judge_request(row: RequestRow, played: Played, authority: str) -> None:
    played.expect("statuses", tuple(reply.status for reply in played.replies), row.sees)
    if played.replies:
        played.expect("interim", played.replies[0].interim, row.interim)
    for reply in played.replies:
        if reply.status >= 400:
            played.faults += problem_faults(reply)
    if row.ends:
        played.expect("the connection ends", played.ended, wanted=True)
    arrived = [arrival.request for arrival in played.arrivals]
    played.expect("arrived", [(r.method, r.target, r.body) for r in arrived], _wanted(row))
    for request, reached in zip(arrived, row.reaches, strict=False):
        played.faults += unsound(request, authority)
        for name, values in reached.fields.items():
            played.expect(name, tuple(request.values(name)), values)


def _wanted(row: RequestRow) -> list[tuple[bytes, bytes, bytes]]:
    return [(reached.method, reached.target, reached.body) for reached in row.reaches]


def _judge_reply(row: ReplyRow, played: Played) -> None:
    seen = played.replies[0] if played.replies else None
    played.expect("status", seen.status if seen else 0, row.sees)
    played.expect("sendings", len(played.arrivals), row.sendings)
    played.expect("connection used again", played.used_again, row.used_again)
    if seen is None:
        played.expect("part", _dechunked(played.part), row.body)
    elif row.sees >= 500:
        played.faults += problem_faults(seen) if row.method != b"HEAD" else []
    else:
        played.expect("body", seen.body, row.body)
        played.expect("interim", seen.interim, ())
        for name, values in row.fields.items():
            played.expect(name, tuple(seen.values(name)), values)


def problem_faults(reply: Reply) -> list[str]:
    """Return what is wrong with a refusal of ours: problem+json that names its error, and no echo (RFC 9457, 9209)."""
    try:
        problem: Mapping[str, object] = json.loads(reply.body)
    except ValueError:
        return [f"{reply.status} without a problem: {_short(reply.body)}"]
    kind = b"".join(reply.values("proxy-status")).decode().partition("finhub-sidecar; error=")[2]
    checks = {
        "its type": reply.values("content-type") == [b"application/problem+json"],
        "Proxy-Status": bool(kind) and problem.get("type") == f"urn:finhub-sidecar:problem:{kind}",
        "its status": problem.get("status") == reply.status,
        "a remedy": bool(problem.get("remedy")),
        "a request id": bool(problem.get("request_id")),
        "a short text": len(reply.body) < 1000,
    }
    return [f"the problem lacks {what}" for what, holds in checks.items() if not holds]


def unsound(request: Request, authority: str) -> list[str]:
    """Return what a request of ours must never be, whatever the caller sent (DESIGN's invariants 4 and 5)."""
    required = {
        "host": [authority.encode()],
        "authorization": [b"Bearer " + TOKEN.encode()],
        "x-tenant-id": [TENANT.encode()],
    }
    faults = [f"{name} is {request.values(name)}" for name, only in required.items() if request.values(name) != only]
    faults += [f"{name} was forwarded" for name in sorted(request.names & _ONE_HOP)]
    if request.trailers:
        faults.append(f"trailers were forwarded: {request.trailers}")
    return faults


def _dechunked(part: bytes) -> bytes:
    """Return the data in a part of a chunked body; a part that is not chunked is the data itself."""
    data, rest = b"", part
    while rest:
        size, found, behind = rest.partition(b"\r\n")
        if not found or not size or not all(byte in b"0123456789abcdefABCDEF" for byte in size):
            return data or part
        data += behind[: int(size, 16)]
        rest = behind[int(size, 16) + 2 :]
    return data


def _short(found: object) -> str:
    text = repr(found)
    return text if len(text) < 300 else f"{text[:300]}…"
