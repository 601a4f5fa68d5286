"""What FinHub saw: a bounded record of requests, with a fingerprint where a secret stood, and the counts.

Pure.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from sidecar.redact import is_secret_key

_MOST_REQUESTS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request and the status of its answer (0: the connection was closed instead).

    `query` and `fields` hold fingerprints in place of secrets. `body_length` and `body_sha256` tell what had been
    read of the body when the answer was decided. `client_certificate` is the subject, None without a certificate.
    """

    number: int
    scope: str
    method: str
    path: str
    query: str
    status: int
    client_certificate: str | None
    fields: tuple[tuple[str, str], ...]
    body_length: int
    body_sha256: str
    fault: str | None

    def values(self, name: str) -> list[str]:
        """Return every value of the field `name`, in any case."""
        return [value for key, value in self.fields if key.lower() == name.lower()]


@dataclass(slots=True)
class Counts:
    """How often what happened.

    `login_attempts` and `refresh_attempts` count every call; `logins` and `refreshes` new tokens, `refreshes_unchanged`
    refreshes that came too early, `rejected_logins` wrong credentials and the lock-out. `api` counts API calls whatever
    their answer, `unauthorized` the 401s among those and the refreshes, `abandoned` every call whose caller left before
    its request had come or its reply had gone. `connections` are TCP connections.
    """

    login_attempts: int = 0
    logins: int = 0
    rejected_logins: int = 0
    refresh_attempts: int = 0
    refreshes: int = 0
    refreshes_unchanged: int = 0
    logouts: int = 0
    api: int = 0
    unauthorized: int = 0
    orders_executed: int = 0
    abandoned: int = 0
    connections: int = 0


class Record:
    """The latest requests, oldest first."""

    def __init__(self) -> None:
        self._numbers = 0
        self._seen: deque[Seen] = deque(maxlen=_MOST_REQUESTS)

    def next_number(self) -> int:
        """Return the number of a request that just arrived, from 1."""
        self._numbers += 1
        return self._numbers

    def add(self, seen: Seen) -> None:
        """Remember one more request."""
        self._seen.append(seen)

    def latest(self, count: int | None = None) -> list[Seen]:
        """Return the last `count` requests, all that are remembered when None."""
        seen = list(self._seen)
        return seen if count is None else seen[max(0, len(seen) - count) :]


def fingerprint(secret: str) -> str:
    """Return what stands for a secret: equal for equal secrets, and tells nothing else."""
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()[:12]}"


def shown_field(name: str, value: str) -> str:
    """Return a field value that may be shown; an authorization keeps its scheme."""
    if not is_secret_key(name):
        return value
    scheme, blank, credentials = value.partition(" ")
    return f"{scheme} {fingerprint(credentials)}" if blank else fingerprint(value)


def shown_query(query: str) -> str:
    """Return a query that may be shown, byte for byte the same where no name in it is a secret's."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if not any(is_secret_key(name) for name, _ in pairs):
        return query
    return urlencode([(name, fingerprint(value) if is_secret_key(name) else value) for name, value in pairs])


def subject_name(certificate: dict[str, object] | None) -> str | None:
    """Return the subject of `ssl.SSLSocket.getpeercert()` as one line, None without a certificate."""
    subject = (certificate or {}).get("subject")
    if not isinstance(subject, tuple):
        return None
    return ",".join(f"{name}={value}" for relative in subject for name, value in relative)
