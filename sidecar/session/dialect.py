"""A dialect as data: how one FinHub generation spells login, refresh and logout, and where its replies keep things.

Pure. `dialect_file.py` reads one from a file, `calls.py` makes requests by it, `reply.py` reads the replies.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from sidecar.config.kinds import maybe
from sidecar.config.problems import Unfit
from sidecar.config.section import Faults, Section, Type, key
from sidecar.errors import ConfigError
from sidecar.session.template import CLIENT, CREDENTIALS, IN_PATHS, SESSION, Template, one_or_more, part, text, tuple_of
from sidecar.session.template import path as a_path

_PLACE: Final = re.compile(r"[^.\[\]]+(?:\[\])?(?:\.[^.\[\]]+(?:\[\])?)*")


def _place(value: object) -> str:
    place = text(value)
    if not _PLACE.fullmatch(place):
        raise Unfit("a place is names joined by dots; 'name[]' means each element of a list")
    return place


_PLACES: Final = one_or_more(_place)


class Login(Template):
    """How to log in. `client_credentials`: members of the body that `send_client_credentials = false` leaves out."""

    client_credentials: tuple[str, ...] = key(tuple_of(text), default=())

    names: ClassVar[frozenset[str]] = CREDENTIALS
    names_in_path: ClassVar[frozenset[str]] = IN_PATHS

    def verify(self) -> None:
        """Raise Unfit where a reference or a client credential names what there is not."""
        super().verify()
        for member in self.client_credentials:
            if member not in (self.body or {}):
                raise Unfit(f"client_credentials: the body has no member {member!r}")


class SessionCall(Template):
    """A call about the session there is, a refresh or a logout: it holds no client credentials (CONTRACT §4)."""

    names: ClassVar[frozenset[str]] = (CREDENTIALS - CLIENT) | SESSION
    names_in_path: ClassVar[frozenset[str]] = IN_PATHS | {"session_id"}


class ReplyShape(Section):
    """Where things may lie in a reply: places in order of preference, each tried as it is and then under `data`.

    The defaults read every shape that FinHub's documentation shows (CONTRACT §3); of `expires_in` the least counts.
    `internal_token_key` is looked for in the token's claims.
    """

    token: tuple[str, ...] = key(
        _PLACES, default=("userSessionToken", "token", "accessToken", "access_token", "bffToken")
    )
    refresh_token: tuple[str, ...] = key(_PLACES, default=("refreshToken", "refresh_token"))
    session_id: tuple[str, ...] = key(_PLACES, default=("sessionId", "credentials[].sessionId"))
    expires_in: tuple[str, ...] = key(_PLACES, default=("expires_in", "expiresIn"))
    expires_at: tuple[str, ...] = key(_PLACES, default=("expiresAt",))
    internal_token_key: tuple[str, ...] = key(_PLACES, default=("internalTokenKey",))


class Dialect(Section):
    """How one FinHub generation spells its token endpoint.

    Attributes:
        name: the built-in name, or the file's.
        refresh, logout: None where this generation has none, or where it is not published.
        reply: where things lie in what it answers.
        also_own: more paths of this generation that a caller must not call by itself.
    """

    name: str = key(Type(text))
    login: Login = key(part(Login))
    refresh: SessionCall | None = key(maybe(part(SessionCall)), default=None)
    logout: SessionCall | None = key(maybe(part(SessionCall)), default=None)
    reply: ReplyShape = key(part(ReplyShape), default=ReplyShape())
    also_own: tuple[str, ...] = key(tuple_of(a_path), default=())


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
        raise ConfigError("\n".join(f"session.refresh.path: {words}" for _, words in problems(error))) from None
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


def problems(error: Faults) -> list[tuple[str, str]]:
    """Return (key, what is wrong with it) for each problem; never what was found there."""
    return [(".".join(map(str, fault.place)), fault.unfit.expected) for fault in error.faults]
