"""A dialect as data: how one FinHub generation spells login, refresh and logout, and where its replies keep things.

Pure. `dialect_file.py` reads one from a file, `calls.py` makes requests by it, `reply.py` and `in_band.py` read the
replies. The keys are told to a reader by docs/dialects.md, to a program by `dialect_schema.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003  # a type of a dialect's key
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sidecar.config.kinds import whole
from sidecar.config.problems import Problem, Unfit, dotted, nearest, one_of, type_name
from sidecar.config.section import Faults, MissingKey, Section, Type, UnknownKey, all_of, key
from sidecar.errors import ConfigError
from sidecar.session.template import (
    CLIENT,
    CREDENTIALS,
    IN_PATHS,
    METHOD,
    SESSION,
    STUB,
    Json,
    Method,
    Template,
    body_with,
    fields_with,
    maybe_part,
    one_or_more,
    part,
    paths_with,
    several,
    text,
)
from sidecar.session.template import path as a_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.config.section import Fault, Place

_PLACE: Final = re.compile(r"[^.\[\]]+(?:\[\])?(?:\.[^.\[\]]+(?:\[\])?)*")


def _place(value: object) -> str:
    place = text(value)
    if not _PLACE.fullmatch(place):
        raise Unfit("a place: names joined by dots, where 'name[]' means each element of a list")
    return place


def _code(value: object) -> str:
    """Read a code as the text that it is in a reply, be it a number there or a string."""
    if isinstance(value, bool) or not isinstance(value, (int, str)) or value == "":
        raise Unfit("a whole number or a string, such as 401")
    return str(value)


_PLACES: Final = one_or_more(_place, type="string", minLength=1)
_CODES: Final = one_or_more(_code, type=["integer", "string"])
_STATUS: Final = whole(200, 599)
_STATUSES: Final = one_or_more(_STATUS.read, **_STATUS.schema)
_MEMBERS: Final = several(text, type="string")
_OWN: Final = several(a_path, type="string")

_METHOD_IS: Final = "The method."
_FIELDS_ARE: Final = "Header fields of this call alone; those of every FinHub call are added by `[fields]`."


class Login(Template):
    """How to log in. `{name}` in a value is the key of that name of `[credentials]`."""

    method: Method = key(METHOD, _METHOD_IS, default="POST")
    path: tuple[str, ...] = key(
        paths_with(IN_PATHS),
        "The path, or alternatives: the first is used whose names all have a value. A segment is plain text or one "
        "`{name}` that is no secret.",
    )
    fields: Mapping[str, str] = key(fields_with(CREDENTIALS), _FIELDS_ARE, default=MappingProxyType({}))
    body: Mapping[str, Json] | None = key(
        body_with(CREDENTIALS),
        "The JSON body, nested as it stands; what a `{name}` fills is a JSON string. Left out: no body.",
        default=None,
    )
    client_credentials: tuple[str, ...] = key(
        _MEMBERS, "Members of the body that `credentials.send_client_credentials = false` leaves out.", default=()
    )

    def verify(self) -> None:
        """Raise Faults where a client credential names what there is not."""
        all_of(self._member, enumerate(self.client_credentials), "client_credentials")

    def _member(self, name: object) -> object:
        if name not in (self.body or {}):
            raise Unfit("a member of the body", found=f"{name!r}, which is none")
        return name


_ABOUT: Final = (CREDENTIALS - CLIENT) | SESSION


class SessionCall(Template):
    """A call about the session there is, a refresh or a logout: it holds no client credentials (CONTRACT §4).

    `{name}` may also be `{token}`, `{refresh_token}`, `{internal_token_key}` or `{session_id}`.
    """

    method: Method = key(METHOD, _METHOD_IS, default="POST")
    path: tuple[str, ...] = key(
        paths_with(IN_PATHS | {"session_id"}), "As in `[login]`; a segment may be `{session_id}` as well."
    )
    fields: Mapping[str, str] = key(fields_with(_ABOUT), _FIELDS_ARE, default=MappingProxyType({}))
    body: Mapping[str, Json] | None = key(
        body_with(_ABOUT), "As in `[login]`; a member whose `{name}` has no value is left out.", default=None
    )


class ReplyShape(Section):
    """Where things may lie in a reply: places in order of preference, each tried as it is and then under `data`.

    The defaults read every shape that FinHub's documentation shows (CONTRACT §3).
    """

    token: tuple[str, ...] = key(
        _PLACES,
        "The session token.",
        default=("userSessionToken", "token", "accessToken", "access_token", "bffToken"),
    )
    refresh_token: tuple[str, ...] = key(
        _PLACES, "What a refresh sends back.", default=("refreshToken", "refresh_token")
    )
    session_id: tuple[str, ...] = key(
        _PLACES, "FinHub's name for the session.", default=("sessionId", "credentials[].sessionId")
    )
    expires_in: tuple[str, ...] = key(
        _PLACES,
        "Seconds that the token lives; the least of all counts, the token's own claims included.",
        default=("expires_in", "expiresIn"),
    )
    expires_at: tuple[str, ...] = key(
        _PLACES, "Date and time of its end; counts only where nothing else is given.", default=("expiresAt",)
    )
    internal_token_key: tuple[str, ...] = key(
        _PLACES, "The claim of the token that a refresh sends back.", default=("internalTokenKey",)
    )
    code: tuple[str, ...] = key(
        _PLACES,
        "The status that a refusal inside a 2xx reply without a token means; an unknown one is final, as 401 is.",
        default=("code",),
    )


class Expired(Section):
    """A reply to a caller's request that refuses our token though its status is not 401, as FinCard's may.

    It counts as a 401: a new token, and the request once more. Only whole JSON bodies of 64 KiB at most are looked at,
    gzip and deflate included; the caller gets its reply once that much of it is there.
    """

    status: tuple[int, ...] = key(_STATUSES, "The statuses of such a reply.", default=(200,))
    code_at: tuple[str, ...] = key(_PLACES, "Where its body says so: places, as they are and not under `data`.")
    codes: tuple[str, ...] = key(_CODES, "What it says there, as a number or a string.")


class StubShape(Section):
    """What a caller gets that logs in by itself (`session.login_endpoint = "stub"`), as JSON.

    `{token}`, `{refresh_token}` and `{session_id}` are placeholders that are worth nothing, `{expires_in}` and
    `{expires_at}` are 24 days on; the others are keys of `[credentials]`. A member whose `{name}` has no value is left
    out.
    """

    login: Mapping[str, Json] | None = key(
        body_with(STUB), "What its login gets; left out: the first place of each in `[reply]`, filled.", default=None
    )
    refresh: Mapping[str, Json] | None = key(
        body_with(STUB), "What its refresh gets; left out: the same as its login.", default=None
    )
    logout: Mapping[str, Json] | None = key(
        body_with(STUB), 'What its logout gets; left out: `{"success": true}`.', default=None
    )


class Dialect(Section):
    """How one FinHub generation spells its token endpoint.

    Attributes:
        name: the built-in name, or the file's.
        refresh, logout: None where this generation has none, or where it is not published.
        reply: where things lie in what it answers.
        expired: None where only a 401 refuses a token.
        stub: what a caller gets that makes these calls by itself.
    """

    name: str = key(Type(text))
    also_own: tuple[str, ...] = key(
        _OWN,
        "More paths of this generation that a caller must not call by itself; `{any_name}` stands for one segment.",
        default=(),
    )
    login: Login = key(part(Login), "How to log in.")
    refresh: SessionCall | None = key(
        maybe_part(SessionCall), "How to renew a token; left out: by another login.", default=None
    )
    logout: SessionCall | None = key(
        maybe_part(SessionCall), "How to end a session; left out: there is no way.", default=None
    )
    reply: ReplyShape = key(part(ReplyShape), "Where things lie in a reply.", default=ReplyShape())
    expired: Expired | None = key(
        maybe_part(Expired), "What refuses a token without a 401; left out: nothing does.", default=None
    )
    stub: StubShape = key(part(StubShape), "What a caller gets that makes these calls by itself.", default=StubShape())


REFRESH: Final = SessionCall(
    path=("/api/v2/auth/token/refresh",),
    fields={"Authorization": "Bearer {token}"},
    body={"refreshToken": "{refresh_token}", "internalTokenKey": "{internal_token_key}"},
)
"""The refresh that we assume where a path is configured for a dialect that has none (CONTRACT §4)."""


def with_refresh_path(dialect: Dialect, path: str) -> Dialect:
    """Return the dialect with its refresh sent to `path` (`session.refresh.path`); its old path stays its own.

    Raises ConfigError for what is no path.
    """
    old = dialect.refresh or REFRESH
    try:
        refresh = SessionCall(method=old.method, path=(path,), fields=old.fields, body=old.body)
    except Faults as error:
        lines = [f"session.refresh.path: expected {fault.unfit.expected}" for fault in error.faults]
        raise ConfigError("\n".join(lines)) from None
    return dialect.replaced({"refresh": refresh, "also_own": (*dialect.also_own, *old.path)})


def without_refresh(dialect: Dialect) -> Dialect:
    """Return the dialect with no refresh (`session.refresh.enabled = false`); its paths stay its own.

    A caller's refresh through us would fetch our next token just the same.
    """
    paths = () if dialect.refresh is None else dialect.refresh.path
    return dialect.replaced({"refresh": None, "also_own": (*dialect.also_own, *paths)})


def own_paths(dialect: Dialect) -> tuple[tuple[str | None, str], ...]:
    """Return what only we may call (SECURITY.md, invariant 9), as (None: every method, path with `{placeholders}`).

    A placeholder stands for exactly one segment. Every method, since nobody knows which others such a path takes.
    """
    calls = (call for call in (dialect.login, dialect.refresh, dialect.logout) if call is not None)
    paths = (*(path for call in calls for path in call.path), *dialect.also_own)
    return tuple((None, path) for path in dict.fromkeys(paths))


# ── what is wrong with a file ───────────────────────────────────────────────────────────────────────────────────


def problems(error: Faults) -> Iterator[Problem]:
    """Yield one problem for each fault, in which nothing of the file stands but names: a body may hold a secret."""
    return map(_problem, error.faults)


def _problem(fault: Fault) -> Problem:
    where, unfit = dotted(fault.place), fault.unfit
    if isinstance(unfit, UnknownKey):
        known = _keys_beside(fault.place)
        near = nearest(str(fault.place[-1]), known)
        return Problem(where, "an unknown key", one_of([near] if near else known))
    if isinstance(unfit, MissingKey):
        return Problem(where, "nothing", "a value: the key must be given")
    return Problem(where, unfit.found or type_name(fault.value), unfit.expected)


def _keys_beside(place: Place) -> tuple[str, ...]:
    table: type[Section] = Dialect
    for name in place[:-1]:
        table = table.members[str(name)].type.section or table
    return tuple(name for name in table.members if (table, name) != (Dialect, "name"))
