"""Events as log lines: one per request to stdout, everything else to stderr, JSON or for people, never a secret.

What another library logs goes the same way. A line passes two nets: values of secret-sounding keys are hidden, then
every living secret is taken out of the finished text.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

import structlog

from sidecar import events
from sidecar.redact import HIDDEN, is_secret_key, redact

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from structlog.typing import Processor

_LEVELS: Final[Mapping[str, int]] = logging.getLevelNamesMapping()

_WORDS: Final[Mapping[type[events.Event], tuple[str, str]]] = {
    events.Minted: ("info", "session minted"),
    events.RefreshFailed: ("warning", "session refresh failed, logging in"),
    events.RefreshUnavailable: ("warning", "FinHub has no refresh here, logging in instead from now on"),
    events.MintFailed: ("error", "session could not be minted"),
    events.TokenRejected: ("warning", "token rejected by FinHub"),
    events.Forwarded: ("info", "request"),
    events.Bug: ("error", "unexpected failure"),
    events.IdentityLoaded: ("info", "identity loaded"),
    events.Reloaded: ("info", "reloaded"),
    events.ReloadFailed: ("error", "reload failed, what was in use stays"),
    events.Listening: ("info", "listening"),
    events.Draining: ("info", "draining"),
    events.Stopped: ("info", "stopped"),
}
"""Each event's level and words; an event without an entry cannot be logged, and a test sees to it that each has one."""


class Log:
    """The listener that writes. `form` is "json" or "console", `level` one of debug, info, warning, error."""

    def __init__(self, form: str, level: str, *, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._least = _LEVELS[level.upper()]
        self._render = _renderer(form, err or sys.stderr)
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    def __call__(self, event: events.Event) -> None:
        """Write `event`'s line, if its level is high enough."""
        level, words = _WORDS[type(event)]
        stream = self._out if isinstance(event, events.Forwarded) else self._err
        self.write(stream, level, words, _members(event))

    def write(self, stream: TextIO, level: str, words: str, members: Mapping[str, Any]) -> None:
        """Write one line; a reader that has gone (a closed pipe) must not end the program."""
        if _LEVELS[level.upper()] < self._least:
            return
        line = self._render({"event": words, "level": level, **members})
        try:
            stream.write(line + "\n")
            stream.flush()
        except (BrokenPipeError, ValueError):
            return

    def adopt_stdlib(self) -> None:
        """Send everything that goes through `logging` (aiohttp's, asyncio's lines) the same way."""
        root = logging.getLogger()
        root.handlers[:] = [_Adopted(self, self._err)]
        root.setLevel(self._least)


class _Adopted(logging.Handler):
    def __init__(self, log: Log, stream: TextIO) -> None:
        super().__init__()
        self._log = log
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        level = logging.getLevelName(record.levelno).lower()
        members: dict[str, Any] = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            members["failure"] = events.bug(record.exc_info[1]).kind
            members["where"] = events.bug(record.exc_info[1]).where
        self._log.write(self._stream, level if level.upper() in _LEVELS else "info", record.getMessage(), members)


def _members(event: events.Event) -> dict[str, Any]:
    """Return an event's fields: seconds to the microsecond, what is empty left out."""
    members = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in members.items()
        if value not in ("", ())
    }


def _renderer(form: str, stream: TextIO) -> Any:
    """Return a function from an event dictionary to one line of text."""
    last: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if form == "console":
        last = structlog.dev.ConsoleRenderer(colors=stream.isatty(), sort_keys=False, pad_event_to=0)
    steps: tuple[Processor, ...] = (structlog.processors.TimeStamper(fmt="iso", utc=True), _hide_by_key, last)

    def render(line: MutableMapping[str, Any]) -> str:
        rendered: Any = line
        for step in steps:
            rendered = step(None, str(line["level"]), rendered)
        return redact(str(rendered).replace("\n", "\\n"))

    return render


def _hide_by_key(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in line:
        if is_secret_key(key):
            line[key] = HIDDEN
    return line
