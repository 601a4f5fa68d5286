"""Clients of Redis as redis-py offers them: of one server, of the one that Sentinels name, of a Cluster.

Thin. No retries of the library's own: whoever calls bounds the time and knows what may be done twice. TLS always
verifies chain and host name.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import redis.asyncio
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.config.storing import Place
    from sidecar.redact import Secret
    from sidecar.session.store.redis import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who we are to the engine, and how its TLS is spoken.

    Attributes:
        user, password: of the engine's access list; the password is asked for whenever a connection is made. Without
            either nobody introduces himself.
        ca_file, certificate_file, key_file: whom to trust instead of the system's authorities, and our certificate.
    """

    user: str | None = None
    password: Callable[[], Secret | None] | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None


def connecting(place: Place, access: Access, seconds: float) -> Callable[[], Client]:
    """Return what makes a client, which connects when it is first used; `seconds` bound each wait for the engine."""
    common: dict[str, Any] = {
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "socket_keepalive": True,
        "credential_provider": None if access.user is None and access.password is None else _Credentials(access),
        "protocol": 2,
        "driver_info": None,  # nothing is told that the access list would have to allow
        **_tls(place, access),
    }
    return _MAKERS[place.kind](place, common)


async def close(client: Client) -> None:
    """Close a client, and those with which it asked Sentinels, which the library leaves open."""
    pool = getattr(client, "connection_pool", None)
    if isinstance(pool, SentinelConnectionPool):
        for one in pool.sentinel_manager.sentinels:
            await one.aclose()
    await client.aclose()


def _server(place: Place, common: dict[str, Any]) -> Callable[[], Client]:
    ((host, port),) = place.nodes

    def connect() -> Client:
        return redis.asyncio.Redis(host=host, port=port, db=place.db, retry=_no_retry(), **common)

    return connect


def _sentinel(place: Place, common: dict[str, Any]) -> Callable[[], Client]:
    def connect() -> Client:
        # The Sentinels have an access list of their own, as a rule an empty one; a client of theirs sends no user.
        theirs = {name: value for name, value in common.items() if name != "credential_provider"}
        sentinel = Sentinel(  # type: ignore[no-untyped-call]  # the library leaves it untyped
            list(place.nodes), sentinel_kwargs={**theirs, "retry": _no_retry()}
        )
        client: Client = sentinel.master_for(place.service, db=place.db, retry=_no_retry(), **common)
        return client

    return connect


def _cluster(place: Place, common: dict[str, Any]) -> Callable[[], Client]:
    def connect() -> Client:
        nodes = [ClusterNode(host, port) for host, port in place.nodes]
        return redis.asyncio.RedisCluster(
            startup_nodes=nodes, require_full_coverage=False, retry=Retry(NoBackoff(), 1), **common
        )

    return connect


_MAKERS: Final = {"redis": _server, "sentinel": _sentinel, "cluster": _cluster}


def _no_retry() -> Retry:
    return Retry(NoBackoff(), 0)


def _tls(place: Place, access: Access) -> dict[str, Any]:
    if not place.tls:
        return {}
    return {
        "ssl": True,
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        "ssl_ca_certs": access.ca_file,
        "ssl_certfile": access.certificate_file,
        "ssl_keyfile": access.key_file,
    }


class _Credentials(CredentialProvider):
    """Tells the password as it is now: one that was changed is in use from the next connection on."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Return what AUTH is sent with."""
        secret = None if self._access.password is None else self._access.password()
        password = "" if secret is None else secret.reveal()
        return (password,) if self._access.user is None else (self._access.user, password)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """Return the same; see get_credentials."""
        return self.get_credentials()
