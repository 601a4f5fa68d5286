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
