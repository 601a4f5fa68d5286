"""Which keys can change while we serve, by a reload; the others wait for a restart.

Pure.
"""

from __future__ import annotations

from typing import Final

LIVE: Final = frozenset(
    {
        "check",
        "credentials",
        "drain",
        "fields",
        "identity",
        "listen.allow",
        "listen.allowed_hosts",
        "listen.allowed_origins",
        "listen.allowed_peers",
        "listen.allowed_users",
        "listen.body_timeout",
        "listen.caller_key",
        "listen.head_timeout",
        "listen.idle_timeout",
        "listen.max_body",
        "listen.max_connections",
        "listen.max_field",
        "listen.max_fields",
        "listen.max_requests",
        "listen.max_target",
        "listen.min_rate",
        "listen.unsafe_listen",
        "listen.write_timeout",
        "log.level",
        "replay.max_body",
        "session.alone_within",
        "session.backoff",
        "session.blocked_for",
        "session.client_ip",
        "session.expired_when",
        "session.lease",
        "session.lifetime",
        "session.login",
        "session.login_endpoint",
        "session.logout",
        "session.refresh.margin",
        "session.store_key",
        "session.store_password",
        "session.wait",
        "upstream.ca_file",
        "upstream.connect_timeout",
        "upstream.crl_file",
        "upstream.idle_timeout",
        "upstream.pins",
        "upstream.proxy",
        "upstream.proxy_password",
        "upstream.proxy_user",
        "upstream.response_timeout",
        "upstream.rewrite_location",
        "upstream.wait",
    }
)
"""The keys and sections that can change at once. The others made sockets, a dialect and what else lasts."""


def is_live(key: str) -> bool:
    """Tell whether a key, by its dotted name, can change while we serve."""
    parts = key.split(".")
    return any(".".join(parts[:length]) in LIVE for length in range(1, len(parts) + 1))
