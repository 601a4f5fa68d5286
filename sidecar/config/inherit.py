"""What a tenant's tables are: those of the top level with the tenant's own keys in them.

Pure. What belongs together comes from one place: whoever names another user does not log in with the password of the
top level's, and whoever names another FinHub does not ask the top level's for its token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar.config.merge import overlay, without

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.config.merge import Path, Table

TOGETHER: Final[tuple[tuple[Path, ...], ...]] = (
    (("credentials", "username"), ("credentials", "password")),
    (("credentials", "customer_id"), ("credentials", "customer_secret")),
    (("credentials", "tenant_key"), ("credentials", "tenant_secret")),
    (
        ("identity", "certificate_file"),
        ("identity", "key_file"),
        ("identity", "key_password"),
        ("identity", "pkcs12_file"),
    ),
    (("upstream", "proxy"), ("upstream", "proxy_user"), ("upstream", "proxy_password")),
    (("session", "store"), ("session", "store_user"), ("session", "store_password"), ("session", "store_tls")),
)
"""Keys of which a tenant that has one has all: the others are not the top level's."""

_FOLLOWS: Final[Mapping[Path, Path]] = {("upstream", "url"): ("session", "url")}
"""What is not inherited by whoever has the first: it has a default that follows it."""


def inherit(top: Table, own: Mapping[str, object]) -> Table:
    """Return the tables of `top` with those of a tenant laid over them."""
    dropped = {path for group in TOGETHER if any(_has(own, path) for path in group) for path in group}
    dropped |= {follower for leader, follower in _FOLLOWS.items() if _has(own, leader)}
    return overlay(without(top, dropped), own)


def _has(tables: Mapping[str, object], path: Path) -> bool:
    section, name = path
    table = tables.get(section)
    return isinstance(table, dict) and name in table
