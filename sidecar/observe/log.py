"""Events as log lines: one per request to stdout, everything else to stderr, JSON or for people, never a secret.

What another library logs goes the same way. A line passes two nets: values of secret-sounding keys are hidden, then
every living secret is taken out of the finished text. As JSON, lines about requests are collected in between
(`batch.py`).
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

from sidecar import events
from sidecar.observe.batch import Batch, SeveralTenants
from sidecar.observe.plain import plain
from sidecar.redact import HIDDEN, is_secret_key, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

_LEVELS: Final[Mapping[str, int]] = logging.getLevelNamesMapping()

_LONGEST: Final = 0.05
"""Seconds that a line about a request waits for others, so that all of them cost one write."""

_FULL: Final = 65536
"""Characters that may wait."""

_WORDS: Final[Mapping[type[events.Event], tuple[str, str]]] = {
    events.Minted: ("info", "session minted"),
    events.RefreshFailed: ("warning", "session refresh failed, logging in"),
    events.RefreshUnavailable: ("warning", "FinHub has no refresh here, logging in instead from now on"),
    events.MintFailed: ("error", "session could not be minted"),
    events.TokenRejected: ("warning", "token rejected by FinHub"),
    events.SessionAdopted: ("info", "session taken over from the store"),
    events.StoreLost: ("warning", "session store does not answer, logging in alone"),
    events.StoreBack: ("info", "session store answers again"),
    events.StoreIgnored: ("warning", "session store holds what cannot be used"),
    events.Forwarded: ("info", "request"),
    events.Shaped: ("debug", "request held up by limits.requests_per_second"),
    events.Bug: ("error", "unexpected failure"),
    events.IdentityLoaded: ("info", "identity loaded"),
    events.Reloaded: ("info", "reloaded"),
    events.ReloadFailed: ("error", "reload failed, what was in use stays"),
    events.Listening: ("info", "listening"),
    events.Caution: ("warning", "caution"),
    events.Draining: ("info", "draining"),
    events.Stopped: ("info", "stopped"),
    events.Controlled: ("info", "control"),
    events.TrailHead: ("info", "audit trail"),
    events.TrailFailed: ("error", "audit trail cannot be written"),
    events.TrailResumed: ("warning", "audit trail is written again"),
}
"""Each event's level and words; an event without an entry cannot be logged, and a test sees to it that each has one."""

_LEFT_OUT: Final[dict[type[events.Event], frozenset[str]]] = {
    events.Forwarded: frozenset({"tenant", "fingerprint", "peer", "uid"})
}
"""Members that are the audit trail's alone; but the tenant where there are several."""


class Log:
    """The listener that writes.

    `form` is "json", "console", or None for the latter on a terminal; `level` one of debug, info, warning, error.
    As JSON, lines about requests wait for others: 50 ms at most, until they fill 64 KiB, or until any other line is
    written. Whoever ends the process calls `flush`. A slow reader holds up the event loop; so no line is lost, and no
    more of them wait.
    """

    def __init__(self, form: str | None, level: str, *, out: TextIO | None = None, err: TextIO | None = None) -> None:
        # Without a stream (`>&-`) there is nobody to write for.
        self._out = sys.stdout if out is None else out
        self._err: TextIO | None = sys.stderr if err is None else err
        on_terminal = self._err is not None and self._err.isatty()
        form = form or ("console" if on_terminal else "json")
        self._render = _renderer(form, colors=on_terminal)
        self._requests = Batch(*_WORDS[events.Forwarded]) if form == "json" and self._out is not None else None
        self._timer: asyncio.TimerHandle | None = None
        self._thread = threading.get_ident()
        self._left_out = _LEFT_OUT
        self.set_level(level)

    def tell_tenants(self) -> None:
        """Tell of each request from now on whose it is: there are several."""
        self._left_out = _LEFT_OUT | {events.Forwarded: _LEFT_OUT[events.Forwarded] - {"tenant"}}
        if self._requests is not None:
            self._requests = SeveralTenants(*_WORDS[events.Forwarded])

    def set_level(self, level: str) -> None:
        """Write nothing below `level` from now on."""
        self._least = _LEVELS[level.upper()]
        self._tells_requests = _LEVELS[_WORDS[events.Forwarded][0].upper()] >= self._least
        if any(isinstance(handler, _Adopted) for handler in logging.root.handlers):
            logging.root.setLevel(self._least)

    def __call__(self, event: events.Event) -> None:
        """Write `event`'s line, soon or now, if its level is high enough."""
        if isinstance(event, events.Forwarded) and self._requests is not None:
            if self._tells_requests:
                self._collect(self._requests, event)
            return
        level, words = _WORDS[type(event)]
        members = _members(event, self._left_out)
        self._write(self._out if isinstance(event, events.Forwarded) else self._err, level, words, members)

    def note(self, level: str, words: str, members: Mapping[str, Any]) -> None:
        """Write a line that is no event of ours."""
        self._write(self._err, level, words, members)

    def adopt_stdlib(self) -> None:
        """Send everything that goes through `logging` and `warnings` (aiohttp's, asyncio's lines) the same way."""
        logging.root.handlers[:] = [_Adopted(self)]
        logging.root.setLevel(self._least)
        logging.captureWarnings(capture=True)

    def flush(self) -> None:
        """Write the lines about requests that wait."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if self._requests is not None and self._requests.size:
            _put(self._out, self._requests.take())

    def _collect(self, requests: Batch, event: events.Forwarded) -> None:
        requests.add(event, time.time())
        if requests.size >= _FULL:
            self.flush()
        elif self._timer is None:
            self._flush_soon()

    def _flush_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # nobody is there who would wake us
            self.flush()
            return
        self._thread = threading.get_ident()
        self._timer = loop.call_later(_LONGEST, self.flush)

    def _write(self, stream: TextIO | None, level: str, words: str, members: Mapping[str, Any]) -> None:
        """Write one line, behind those that wait: both streams may be one file."""
        if stream is None or _LEVELS[level.upper()] < self._least:
            return
        if threading.get_ident() == self._thread:  # another one must not meddle with what is being collected
            self.flush()
        _put(stream, self._render({"event": words, "level": level, **members}) + "\n")


class _Adopted(logging.Handler):
    """Takes what other libraries log. Of a failure it tells kind and place only: its text may quote a request."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower()
        members: dict[str, Any] = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            bug = events.bug(record.exc_info[1])
            members |= {"failure": bug.kind, "where": bug.where}
        self._log.note(level if level.upper() in _LEVELS else "info", _words(record), members)


def _put(stream: TextIO | None, text: str) -> None:
    """Write `text`; a reader that has gone, or a disk that is full, must not end the program."""
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):  # ValueError: the stream was closed
        return


def _words(record: logging.LogRecord) -> str:
    """Return the first line of a record's message: in the ones after it asyncio shows exceptions with their text."""
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001  # whatever a foreign __str__ or a wrong placeholder raises, a line is due
        message = f"a message of {record.name} that cannot be formatted"
    return message.partition("\n")[0]


def told(event: events.Event) -> tuple[str, str, dict[str, Any]]:
    """Return an event's level, words and members for whoever shows it elsewhere: printable, and free of secrets."""
    level, words = _WORDS[type(event)]
    return level, words, {key: _shown(key, value, escape=True) for key, value in _members(event, _LEFT_OUT).items()}


def _members(event: events.Event, left_out_of: Mapping[type[events.Event], frozenset[str]]) -> dict[str, Any]:
    """Return an event's fields: seconds to the microsecond, what is empty left out."""
    left_out = left_out_of.get(type(event), frozenset())
    members = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in members.items()
        if value not in ("", (), None) and name not in left_out
    }


# ── rendering ───────────────────────────────────────────────────────────────────────────────────────────────────


def _renderer(form: str, *, colors: bool) -> Callable[[MutableMapping[str, Any]], str]:
    """Return a function from an event dictionary to one line of text, free of secrets and of control characters."""
    last = _console(colors=colors) if form == "console" else _json

    def render(line: MutableMapping[str, Any]) -> str:
        stamped = {**line, "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z")}
        shown = {key: _shown(key, value, escape=form == "console") for key, value in stamped.items()}
        return redact(last(shown)).replace("\x7f", "\\u007f")

    return render


def _json(line: dict[str, Any]) -> str:
    """Return a line as JSON in ASCII: what a terminal or a line-reader acts on is escaped."""
    return json.dumps(line, default=repr)


def _console(*, colors: bool) -> Callable[[dict[str, Any]], str]:
    import structlog  # noqa: PLC0415  # whose lines go to a collector need not wait for it

    renderer = structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False, pad_event_to=0)
    return lambda line: str(renderer(None, str(line["level"]), line))


def _shown(key: str, value: Any, *, escape: bool) -> Any:
    """Return the value to be rendered: hidden where the key says so, and free of control characters with `escape`."""
    if is_secret_key(key):
        return HIDDEN
    if not escape:
        return value
    # A secret with such a character in it would no longer be found behind it.
    if isinstance(value, str):
        return plain(redact(value))
    return ", ".join(plain(redact(str(one))) for one in value) if isinstance(value, tuple) else value
