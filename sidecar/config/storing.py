"""Where sessions are kept: what `session.store` may say, and what it means.

Pure: nothing here asks DNS. Errors name what is wrong and never repeat a URL: its user information may be a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from sidecar.config.problems import Unfit

FORM: Final = '"memory", "file:PATH", "redis://HOST:PORT/DB" or "rediss://HOST:PORT/DB"'
SENTINEL_FORM: Final = '"redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB"'
CLUSTER_FORM: Final = '"redis+cluster://HOST:PORT,HOST:PORT"'
PREFIX_FORM: Final = "a text of letters, digits and . _ : -"
MEMORY: Final = "memory"

Kind = Literal["memory", "file", "redis", "sentinel", "cluster"]

_URL: Final = re.compile(r"(rediss?)(?:\+(sentinel|cluster))?://([^/]*)(.*)", re.DOTALL)
_NODE: Final = re.compile(
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?)(?::([0-9]{1,5}))?", re.ASCII
)
_REST: Final[dict[str, re.Pattern[str]]] = {
    "redis": re.compile(r"(?P<service>)(?:/(?P<db>[0-9]{1,5})?)?", re.ASCII),
    "sentinel": re.compile(r"/(?P<service>[A-Za-z0-9_.-]+)(?:/(?P<db>[0-9]{1,5}))?", re.ASCII),
    "cluster": re.compile(r"(?P<service>)(?P<db>)/?", re.ASCII),
}
_FORMS: Final = {"redis": FORM, "sentinel": SENTINEL_FORM, "cluster": CLUSTER_FORM}
_PREFIX: Final = re.compile(r"[A-Za-z0-9._:-]{1,100}", re.ASCII)
_PORTS: Final = {"redis": 6379, "sentinel": 26379, "cluster": 6379}
_LAST_PORT: Final = 65_535
_SHORTEST: Final = 1.0
_LONGEST: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where sessions are kept.

    Attributes:
        kind: in this process alone, in a file, or in Redis: one server, one that Sentinels name, or a Cluster.
        path: of the file.
        nodes: hosts, without brackets, and ports: of the server, the Sentinels, or some of the Cluster.
        db, service: Redis' number of the database, the Sentinels' name for the server.
        tls: whether Redis is spoken to over TLS.
    """

    kind: Kind
    path: str = ""
    nodes: tuple[tuple[str, int], ...] = ()
    db: int = 0
    service: str = ""
    tls: bool = False

    @property
    def is_shared(self) -> bool:
        """Whether other processes can have the session too."""
        return self.kind != MEMORY


def place(text: str) -> Place:
    """Return what a text of `session.store` means; Unfit for one that means nothing."""
    if text == MEMORY:
        return Place(kind="memory")
    if text.startswith("file:") and text != "file:":
        return Place(kind="file", path=text.removeprefix("file:"))
    return _redis(text)


def store(value: object) -> str:
    """Return a text of `session.store`."""
    if not isinstance(value, str) or not value.isprintable():
        raise Unfit(FORM)
    place(value)
    return value


def prefix(value: object) -> str:
    """Return what the names of keys in the engine begin with."""
    if not isinstance(value, str) or not _PREFIX.fullmatch(value):
        raise Unfit(PREFIX_FORM)
    return value


def lease(value: object) -> float:
    """Return the seconds of a lease: long enough for a slow engine, short enough to wait for who has died."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _SHORTEST <= value <= _LONGEST:
        raise Unfit(f"seconds from {_SHORTEST:g} to {_LONGEST:g}")
    return float(value)


def _redis(text: str) -> Place:
    match = _URL.fullmatch(text)
    if match is None:
        raise Unfit(FORM, found="a URL of another kind" if "://" in text else None)
    scheme, kind, nodes, rest = match[1], match[2] or "redis", match[3], match[4]
    if "@" in text:
        raise Unfit("a URL without user information: store_user and store_password have it", found="a URL with an @")
    if "?" in text or "#" in text:
        raise Unfit(_FORMS[kind], found="a URL with a query or a fragment")
    found = _REST[kind].fullmatch(rest)
    if found is None:
        raise Unfit(_FORMS[kind], found="a URL whose path is something else")
    return Place(
        kind="redis" if kind == "redis" else "sentinel" if kind == "sentinel" else "cluster",
        nodes=_nodes(nodes, kind),
        db=int(found["db"] or 0),
        service=found["service"],
        tls=scheme == "rediss",
    )


def _nodes(text: str, kind: str) -> tuple[tuple[str, int], ...]:
    nodes = tuple(_node(part, kind) for part in text.split(","))
    if kind == "redis" and len(nodes) > 1:
        raise Unfit(f"{FORM}; several hosts: {SENTINEL_FORM} or {CLUSTER_FORM}", found="a URL with several hosts")
    return nodes


def _node(text: str, kind: str) -> tuple[str, int]:
    match = _NODE.fullmatch(text)
    port = 0 if match is None else int(match[2] or _PORTS[kind])
    if match is None or not 0 < port <= _LAST_PORT:
        raise Unfit(_FORMS[kind], found="a URL whose host or port is not one")
    return match[1].strip("[]"), port
