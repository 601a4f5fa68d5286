"""What a caller gets that logs in by itself: the reply that its dialect would give, with nothing in it worth anything.

Pure. Nobody is asked and nothing of ours is in it: the dialect's `[stub]`, filled with placeholders.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sidecar.answer import Answer
from sidecar.guard.own_paths import loose, pattern
from sidecar.problem import PROXY_NAME
from sidecar.session.template import IN_PATHS, substitute

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Sequence

    from sidecar.session.calls import Credentials
    from sidecar.session.dialect import Dialect, ReplyShape
    from sidecar.session.template import Json, Template

PLACEHOLDER: Final = "sidecar-placeholder"
"""What is worth nothing, wherever a caller expects something that is."""

LIFETIME: Final = 24 * 86_400
"""Seconds: beyond, timers of old programs overflow, which count milliseconds in 31 bits, and fire at once."""

LOGIN: Final = "login"

_FIELDS: Final = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("Proxy-Status", f'{PROXY_NAME}; details="answered here: session.login_endpoint"'),
)
_LOGOUT: Final[Mapping[str, Json]] = {"success": True}


@dataclass(frozen=True, slots=True)
class Door:
    """One call that is answered here: `kind` is "login", "refresh" or "logout", `body` a template of JSON."""

    kind: str
    method: str
    path: re.Pattern[str]
    body: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Stub:
    """The answers for one tenant; `texts` are what it may show of its credentials."""

    doors: tuple[Door, ...]
    texts: Mapping[str, str]

    @classmethod
    def build(cls, dialect: Dialect, others: Iterable[Dialect], credentials: Credentials) -> Stub:
        """Return the answers of `dialect`; a path of its `also_own` is answered as the first of `others` does.

        What none of them knows has no answer.
        """
        doors = list(_doors(dialect))
        also = frozenset(pattern(path).pattern for path in dialect.also_own)
        doors += [door for other in others for door in _doors(other) if door.path.pattern in also]
        shown = {name: credentials.get(name) for name in IN_PATHS}
        return cls(tuple(doors), {name: text for name, text in shown.items() if isinstance(text, str) and text})

    def logs_in(self, method: str, path: str) -> bool:
        """Tell whether this call is a login; `path` is not decoded yet."""
        door = self._door(method, path)
        return door is not None and door.kind == LOGIN

    def methods(self, path: str) -> tuple[str, ...]:
        """Return the methods that are answered at `path`: none where nobody knows what it is for."""
        return tuple(dict.fromkeys(door.method for door in self._at(path)))

    def answer(self, method: str, path: str, now_utc: float) -> Answer | None:
        """Return the reply to this call, None where there is none; `now_utc` in seconds since 1970."""
        door = self._door(method, path)
        if door is None:
            return None
        made_at = int(now_utc)
        texts = {
            **self.texts,
            "token": token(made_at),
            "refresh_token": PLACEHOLDER,
            "session_id": PLACEHOLDER,
            "expires_in": str(LIFETIME),
            "expires_at": f"{datetime.fromtimestamp(made_at + LIFETIME, UTC):%Y-%m-%dT%H:%M:%S}.000000000",
        }
        return Answer(status=200, fields=_FIELDS, body=json.dumps(_filled(door.body, texts)).encode())

    def _door(self, method: str, path: str) -> Door | None:
        return next((door for door in self._at(path) if door.method == method), None)

    def _at(self, path: str) -> Iterator[Door]:
        reading = loose(path)
        return (door for door in self.doors if door.path.fullmatch(reading))


def token(made_at: int) -> str:
    """Return a token that a program can take apart as it does FinHub's, and that nobody accepts."""
    claims = {
        "iss": PROXY_NAME,
        "sub": PLACEHOLDER,
        "internalTokenKey": PLACEHOLDER,
        "iat": made_at,
        "exp": made_at + LIFETIME,
    }
    parts = [json.dumps(part, separators=(",", ":")) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    unsigned = [*parts, PLACEHOLDER]  # what stands in the signature's place is none
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in unsigned)


def _doors(dialect: Dialect) -> Iterator[Door]:
    shape = dialect.stub
    login = derived(dialect.reply) if shape.login is None else shape.login
    yield from _through(LOGIN, dialect.login, login)
    yield from _through("refresh", dialect.refresh, login if shape.refresh is None else shape.refresh)
    yield from _through("logout", dialect.logout, _LOGOUT if shape.logout is None else shape.logout)


def _through(kind: str, call: Template | None, body: Mapping[str, Json]) -> Iterator[Door]:
    if call is not None:
        yield from (Door(kind, call.method, pattern(path), body) for path in call.path)


# ── what a dialect without [stub] says ──────────────────────────────────────────────────────────────────────────


def derived(shape: ReplyShape) -> Mapping[str, Json]:
    """Return the body in which everything lies where the dialect looks for it first."""
    document: Mapping[str, Json] = {}
    for places, name in (
        (shape.token, "token"),
        (shape.refresh_token, "refresh_token"),
        (shape.session_id, "session_id"),
        (shape.expires_in, "expires_in"),
        (shape.expires_at, "expires_at"),
    ):
        document = _merged(document, _nested(places[0].split("."), f"{{{name}}}"))
    return document


def _nested(parts: Sequence[str], value: Json) -> Mapping[str, Json]:
    """Return the document in which only `value` is, at the place that has these parts."""
    inner = _nested(parts[1:], value) if len(parts) > 1 else value
    name = parts[0].removesuffix("[]")
    return {name: inner if name == parts[0] else [inner]}


def _merged(one: Mapping[str, Json], other: Mapping[str, Json]) -> Mapping[str, Json]:
    return {**one, **other, **{name: _both(one[name], other[name]) for name in one if name in other}}


def _both(one: Json, other: Json) -> Json:
    """Return what is in either; where both cannot be, `one`."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return _merged(one, other)
    if isinstance(one, list) and isinstance(other, list):
        return [_both(one[0], other[0])]
    return one


def _filled(template: Json, texts: Mapping[str, str]) -> Json:
    """Return the template filled; what has no value is None, and left out one level up."""
    if template == "{expires_in}":  # a number, as FinHub's is
        return LIFETIME
    if isinstance(template, str):
        return substitute(template, texts)
    if isinstance(template, Mapping):
        return {name: part for name, value in template.items() if (part := _filled(value, texts)) is not None}
    if isinstance(template, list):
        return [part for value in template if (part := _filled(value, texts)) is not None]
    return template
