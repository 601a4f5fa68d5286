"""The guard's three answers, each with the short machine name of its rule for the metrics.

Pure. The names: `user`, `peer`, `host`, `origin`, `sec_fetch_site`, `preflight`, `caller_key`, `method`,
`login_endpoint`, `tenant` and `allow` (403), `host`, `origin`, `method`, `target`, `fields` and `framing` (400),
`max_body` (413).
"""

from __future__ import annotations

from sidecar.errors import BodyTooLarge, MalformedRequest, RequestDenied

_LONGEST_ECHO = 80


class Denied(RequestDenied):
    """403: the request has one meaning, and a rule of the configuration refuses it."""

    def __init__(self, rule: str, detail: str, *, remedy: str) -> None:
        super().__init__(detail, remedy=remedy)
        self.rule = rule


class Malformed(MalformedRequest):
    """400: the request has no single meaning, or one that must not be forwarded."""

    def __init__(self, rule: str, detail: str, *, remedy: str | None = None) -> None:
        super().__init__(detail, remedy=remedy)
        self.rule = rule


class TooLarge(BodyTooLarge):
    """413: the announced body is larger than `listen.max_body`."""

    rule = "max_body"


def rule_of(error: BaseException) -> str:
    """Return the machine name of the rule that refused, or "" when no rule of the guard did."""
    return error.rule if isinstance(error, Denied | Malformed | TooLarge) else ""


def shown(raw: bytes) -> str:
    """Return what the caller sent in a form safe to show: ASCII, escaped, quoted and short."""
    text = ascii(raw.decode("latin-1"))
    return text if len(text) <= _LONGEST_ECHO else f"{text[:_LONGEST_ECHO]}…"
