"""Dialect + credentials + token → a request that is ready to be sent to the token endpoint's origin.

Pure. Secrets are revealed here and nowhere before: a `Call` hides what holds them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from sidecar.errors import ConfigError
from sidecar.redact import Secret
from sidecar.session.template import references, substitute

if TYPE_CHECKING:
    from sidecar.session.dialect import Dialect
    from sidecar.session.template import Json, Template
    from sidecar.session.token import Token

Credentials: TypeAlias = Mapping[str, str | Secret | bool | None]
"""`[credentials]` by its keys, secrets read; None or an empty text: not set."""

_FIELD_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_DOT_SEGMENTS: Final = frozenset({".", ".."})


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the token endpoint's origin: an encoded path, fields of this call alone, a JSON body or b""."""

    method: str
    path: str
    fields: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


def missing(dialect: Dialect, credentials: Credentials) -> tuple[str, ...]:
    """Return the keys of `[credentials]` that a login needs and that are not set; alternatives as "a or b".

    `.` and `..` cannot stand in a path, so there they count as not set.
    """
    texts = _texts(credentials)
    template = _login_template(dialect, credentials)
    needed = references([template.body, *template.fields.values()])
    return tuple(dict.fromkeys((*(name for name in needed if name not in texts), *_missing_in_path(template, texts))))


def login(dialect: Dialect, credentials: Credentials) -> Call:
    """Return the login request. Raises ConfigError when credentials are missing or cannot be sent."""
    if lacking := missing(dialect, credentials):
        keys = ", ".join(f"credentials.{key}" for key in lacking)
        raise ConfigError(f"the dialect {dialect.name} logs in with {keys}: not set", remedy=f"Set {keys}.")
    call = _call(_login_template(dialect, credentials), _texts(credentials))
    if call is None:
        names = ", ".join(f"credentials.{name}" for name in references(list(dialect.login.fields.values())))
        raise ConfigError(f"{names}: holds a character that cannot stand in a header field")
    return call


def refresh(dialect: Dialect, token: Token, credentials: Credentials) -> Call | None:
    """Return the request that renews `token`, or None where the dialect has none: log in."""
    return _about(dialect.refresh, token, credentials)


def logout(dialect: Dialect, token: Token, credentials: Credentials) -> Call | None:
    """Return the request that ends `token`'s session, or None where there is no way to say it."""
    return _about(dialect.logout, token, credentials)


def _about(template: Template | None, token: Token, credentials: Credentials) -> Call | None:
    if template is None:
        return None
    session: Credentials = {
        "token": token.value,
        "refresh_token": token.refresh_token,
        "internal_token_key": token.internal_token_key,
        "session_id": token.session_id,
    }
    return _call(template, _texts({**credentials, **session}))


def _login_template(dialect: Dialect, credentials: Credentials) -> Template:
    """Return the login without its client credentials where `send_client_credentials` is false."""
    template = dialect.login
    if credentials.get("send_client_credentials") is not False or template.body is None:
        return template
    body = {name: part for name, part in template.body.items() if name not in template.client_credentials}
    return template.replaced({"body": body})


def _texts(values: Credentials) -> dict[str, str]:
    revealed = {name: value.reveal() if isinstance(value, Secret) else value for name, value in values.items()}
    return {name: value for name, value in revealed.items() if isinstance(value, str) and value}


def _call(template: Template, texts: Mapping[str, str]) -> Call | None:
    """Return the template filled, or None when its path or one of its fields cannot be."""
    paths = (path for path in template.path if not _unusable(path, texts))
    path = next(paths, None)
    fields = [(name, substitute(value, texts)) for name, value in template.fields.items()]
    if path is None or not all(value is not None and _FIELD_VALUE.fullmatch(value) for _, value in fields):
        return None
    return Call(
        method=template.method,
        path=substitute(path, {name: quote(text, safe="") for name, text in texts.items()}) or "",
        fields=tuple((name.encode(), str(value).encode()) for name, value in fields),
        body=b"" if template.body is None else json.dumps(_fill(template.body, texts)).encode(),
    )


def _fill(template: Json, texts: Mapping[str, str]) -> Json:
    """Return the template filled; what refers to something without a text is None, and left out one level up."""
    if isinstance(template, str):
        return substitute(template, texts)
    if isinstance(template, Mapping):
        return {key: part for key, value in template.items() if (part := _fill(value, texts)) is not None}
    if isinstance(template, list):
        return [part for value in template if (part := _fill(value, texts)) is not None]
    return template


def _unusable(path: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the references in `path` that cannot be filled."""
    return tuple(name for name in references(path) if texts.get(name, ".") in _DOT_SEGMENTS)


def _missing_in_path(template: Template, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return what keeps every alternative from use: what all of them lack, then their own needs joined by "or"."""
    lacking = [_unusable(path, texts) for path in template.path]
    shared = [name for name in lacking[0] if all(name in lack for lack in lacking)]
    own = [" and ".join(name for name in lack if name not in shared) for lack in lacking]
    return (*shared, " or ".join(own)) if all(own) else tuple(shared)
