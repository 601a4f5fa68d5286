"""The sections about callers and about this process: attribute names are the TOML keys.

Pure. Each value is checked here; what concerns two keys is in `checks`. The descriptions are what the samples and the
reference print. Durations are seconds, sizes bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from sidecar.config.addresses import Address
from sidecar.config.kinds import (
    BROWSER_ORIGINS,
    FLAG,
    HOSTS,
    LISTEN_ADDRESS,
    ORIGIN,
    OUTPUT,
    PEERS,
    POSITIVE_SECONDS,
    POSITIVE_SIZE,
    RULES,
    SECONDS,
    SECRET,
    SHARE,
    SIZE,
    SOCKET_MODE,
    SOCKET_OWNER,
    USERS,
    choice,
    maybe,
    whole,
)
from sidecar.config.section import Section, key

if TYPE_CHECKING:
    from sidecar.config.addresses import Network
    from sidecar.config.refs import SecretRef
    from sidecar.config.section import Type


_FORMAT: Final[Type[Literal["json", "console"]]] = choice("json", "console")


class Listen(Section):
    """Where callers connect, and which callers."""

    address: Address = key(
        LISTEN_ADDRESS,
        'Where callers connect. "unix:/PATH" makes a Unix socket; port 0 takes a free port.',
        default=Address("127.0.0.1:8080", "tcp", "127.0.0.1", 8080),
    )
    unsafe_listen: bool = key(
        FLAG,
        "Listen beyond loopback. Needs caller_key or allowed_peers too: whoever connects acts as you.",
        default=False,
    )
    allowed_hosts: tuple[str, ...] = key(
        HOSTS,
        "Host fields that callers may send; an entry without a port allows every port.",
        default=("localhost", "127.0.0.1", "[::1]"),
    )
    max_body: int = key(
        POSITIVE_SIZE, "Largest request body; it is streamed, never held. More is answered 413.", default=256 * 2**20
    )
    allowed_origins: tuple[str, ...] = key(
        BROWSER_ORIGINS,
        'Web pages that may use the sidecar, such as "http://localhost:3000"; none by default.',
        default=(),
    )
    allowed_peers: tuple[Network, ...] = key(
        PEERS, 'Networks that callers may come from, such as "10.0.0.0/8"; only with unsafe_listen.', default=()
    )
    body_timeout: float = key(POSITIVE_SECONDS, "Seconds without a byte of the caller's body: then 408.", default=30.0)
    min_rate: int = key(
        POSITIVE_SIZE,
        "Bytes a second, on average beyond the time-out, in which a body must come and a reply be taken.",
        default=240,
    )
    head_timeout: float = key(
        POSITIVE_SECONDS, "Seconds from a request's first byte to the end of its header fields: then 408.", default=10.0
    )
    idle_timeout: float = key(
        POSITIVE_SECONDS, "Seconds that an open connection may wait for its next request.", default=75.0
    )
    write_timeout: float = key(
        POSITIVE_SECONDS, "Seconds in which a caller must take the next piece of a reply; then it is cut.", default=60.0
    )
    max_target: int = key(POSITIVE_SIZE, "Longest request target: then 414.", default=16 * 2**10)
    max_field: int = key(POSITIVE_SIZE, "Largest header field: then 431.", default=32 * 2**10)
    max_fields: int = key(POSITIVE_SIZE, "All header fields of one request: then 431.", default=128 * 2**10)
    max_connections: int = key(
        whole(1, 65_535), "Callers' connections at one time; one more is answered 503.", default=1024
    )
    max_requests: int = key(
        whole(1, 65_535), "Requests at one time; one more is answered 429 with Retry-After.", default=512
    )
    socket_mode: str = key(SOCKET_MODE, "The mode of a Unix socket, in octal.", default="0600")
    socket_owner: str | None = key(
        maybe(SOCKET_OWNER),
        'The owner of a Unix socket: "USER", "USER:GROUP" or ":GROUP", by name or number.',
        default=None,
        example=":app",
    )
    allowed_users: tuple[str, ...] = key(
        USERS, "Users, by name or number, that may call over a Unix socket, as the kernel knows them.", default=()
    )
    caller_key: SecretRef | None = key(
        maybe(SECRET),
        "A key that every caller must send as X-Sidecar-Key.",
        default=None,
        example={"file": "secrets/caller-key"},
    )
    allow: tuple[str, ...] = key(
        RULES,
        'What callers may do: "METHOD path-glob", * one segment, ** any. What matches none gets 403.',
        default=("* /**",),
    )


class Admin(Section):
    """Where health, metrics, status and the controls are."""

    address: Address = key(
        LISTEN_ADDRESS,
        "Probes and metrics answer everybody who can connect; status and controls answer loopback only.",
        default=Address("127.0.0.1:9901", "tcp", "127.0.0.1", 9901),
    )


class Replay(Section):
    """How much of a request body is remembered, so that it can be sent once more after a 401."""

    max_body: int = key(SIZE, "Bytes remembered per request; a longer one is not sent again.", default=2**20)
    max_total: int = key(SIZE, "Bytes remembered for all requests together.", default=64 * 2**20)


class Log(Section):
    """What is logged, and how."""

    format: Literal["json", "console"] | None = key(
        maybe(_FORMAT), "Default: console on a terminal, else json.", default=None, example="json"
    )
    level: Literal["debug", "info", "warning", "error"] = key(
        choice("debug", "info", "warning", "error"),
        "The least important lines that are written. Bodies and secrets never are.",
        default="info",
    )


class Drain(Section):
    """How the sidecar goes down after SIGTERM."""

    min: float = key(SECONDS, "Seconds in which new connections are still taken.", default=0.0)
    max: float = key(SECONDS, "Seconds for what runs; what takes longer is cut.", default=25.0)


class Audit(Section):
    """The audit trail: who did what, one line each, chained so that nobody can change one unseen."""

    file: str | None = key(
        maybe(OUTPUT),
        'Where the lines go: a file, or "-" for stdout. Without it there is no audit trail.',
        default=None,
        example="audit.jsonl",
    )
    fsync: Literal["always", "batch", "never"] = key(
        choice("always", "batch", "never"),
        "When lines are forced to the disk: each at once, all that wait ten times a second, or when the system likes.",
        default="batch",
    )
    max_size: int = key(POSITIVE_SIZE, "Size at which a new file is begun; the old one gets a number.", default=2**26)
    keep: int = key(
        whole(0, 65_535), "Old files that are kept; the oldest goes when there are more. 0 keeps all.", default=0
    )
    on_failure: Literal["stop", "count"] = key(
        choice("stop", "count"),
        "When a line cannot be written (a full disk): refuse requests with 503, or go on and count the lines lost.",
        default="stop",
    )


class Tracing(Section):
    """Spans for requests, attempts and mints (OpenTelemetry). Needs the extra `otel`."""

    endpoint: str | None = key(
        maybe(ORIGIN),
        "The collector's address for OTLP over HTTP. Without it W3C context is passed on untouched.",
        default=None,
        example="http://127.0.0.1:4318",
    )
    sample: float = key(
        SHARE,
        "The share of traces that are begun here and kept; what a caller began is kept if it says so.",
        default=1.0,
    )
