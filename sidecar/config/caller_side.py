"""The sections about callers and about this process: attribute names are the TOML keys.

Pure. Each value is checked here; what concerns two keys is in `checks`. The descriptions are what the samples and the
reference print. Durations are seconds, sizes bytes.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sidecar.config.addresses import Address
from sidecar.config.kinds import (  # noqa: TC001  # pydantic reads the annotations at run time
    BrowserOrigins,
    Flag,
    Hosts,
    ListenAddress,
    Peers,
    PositiveSeconds,
    PositiveSize,
    Rules,
    Seconds,
    SecretReference,
    Size,
    SocketMode,
    SocketOwner,
    Users,
    Whole,
)
from sidecar.config.section import Section


class Listen(Section):
    """Where callers connect, and which callers."""

    address: ListenAddress = Field(
        default=Address("127.0.0.1:8080", "tcp", "127.0.0.1", 8080),
        description='Where callers connect. "unix:/PATH" makes a Unix socket; port 0 takes a free port.',
    )
    unsafe_listen: Flag = Field(
        default=False,
        description="Listen beyond loopback. Needs caller_key or allowed_peers too: whoever connects acts as you.",
    )
    allowed_hosts: Hosts = Field(
        default=("localhost", "127.0.0.1", "[::1]"),
        description="Host fields that callers may send; an entry without a port allows every port.",
    )
    max_body: PositiveSize = Field(
        default=256 * 2**20, description="Largest request body; it is streamed, never held. More is answered 413."
    )
    allowed_origins: BrowserOrigins = Field(
        default=(), description='Web pages that may use the sidecar, such as "http://localhost:3000"; none by default.'
    )
    allowed_peers: Peers = Field(
        default=(), description='Networks that callers may come from, such as "10.0.0.0/8"; only with unsafe_listen.'
    )
    body_timeout: PositiveSeconds = Field(
        default=30.0, description="Seconds without a byte of the caller's body: then 408."
    )
    min_rate: PositiveSize = Field(
        default=240,
        description="Bytes a second, on average beyond the time-out, in which a body must come and a reply be taken.",
    )
    head_timeout: PositiveSeconds = Field(
        default=10.0, description="Seconds from a request's first byte to the end of its header fields: then 408."
    )
    idle_timeout: PositiveSeconds = Field(
        default=75.0, description="Seconds that an open connection may wait for its next request."
    )
    write_timeout: PositiveSeconds = Field(
        default=60.0, description="Seconds in which a caller must take the next piece of a reply; then it is cut."
    )
    max_target: PositiveSize = Field(default=16 * 2**10, description="Longest request target: then 414.")
    max_field: PositiveSize = Field(default=32 * 2**10, description="Largest header field: then 431.")
    max_fields: PositiveSize = Field(default=128 * 2**10, description="All header fields of one request: then 431.")
    max_connections: Whole = Field(
        default=1024, ge=1, le=65_535, description="Callers' connections at one time; one more is answered 503."
    )
    max_requests: Whole = Field(
        default=512, ge=1, le=65_535, description="Requests at one time; one more is answered 429 with Retry-After."
    )
    socket_mode: SocketMode = Field(default="0600", description="The mode of a Unix socket, in octal.")
    socket_owner: SocketOwner | None = Field(
        default=None,
        description='The owner of a Unix socket: "USER", "USER:GROUP" or ":GROUP", by name or number.',
        examples=[":app"],
    )
    allowed_users: Users = Field(
        default=(),
        description="Users, by name or number, that may call over a Unix socket, as the kernel knows them.",
    )
    caller_key: SecretReference | None = Field(
        default=None,
        description="A key that every caller must send as X-Sidecar-Key.",
        examples=[{"file": "secrets/caller-key"}],
    )
    allow: Rules = Field(
        default=("* /**",),
        description='What callers may do: "METHOD path-glob", * one segment, ** any. What matches none gets 403.',
    )


class Admin(Section):
    """Where health, metrics, status and the controls are."""

    address: ListenAddress = Field(
        default=Address("127.0.0.1:9901", "tcp", "127.0.0.1", 9901),
        description="Probes and metrics answer everybody who can connect; status and controls answer loopback only.",
    )


class Replay(Section):
    """How much of a request body is remembered, so that it can be sent once more after a 401."""

    max_body: Size = Field(default=2**20, description="Bytes remembered per request; a longer one is not sent again.")
    max_total: Size = Field(default=64 * 2**20, description="Bytes remembered for all requests together.")


class Log(Section):
    """What is logged, and how."""

    format: Literal["json", "console"] | None = Field(
        default=None, description="Default: console on a terminal, else json.", examples=["json"]
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important lines that are written. Bodies and secrets never are."
    )


class Drain(Section):
    """How the sidecar goes down after SIGTERM."""

    min: Seconds = Field(default=0.0, description="Seconds in which new connections are still taken.")
    max: Seconds = Field(default=25.0, description="Seconds for what runs; what takes longer is cut.")
