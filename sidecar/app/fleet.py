"""One lane's part in a session that many have: the engine from the configuration, and what the lane does with it.

Loaded only where `session.store` names a store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from sidecar.app.revision import WHOSE
from sidecar.config.storing import place
from sidecar.errors import DestinationUnavailable
from sidecar.redact import Secret
from sidecar.session.shared import Share, SharedTerms
from sidecar.session.store.file import FileStore
from sidecar.session.store.letters import Letters, about
from sidecar.session.store.sealed import digest_of
from sidecar.session.store.store import Away, Garbled
from sidecar.session.store.watched import PATIENCE, Watched
from sidecar.wire.clock import steady, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.app.choices import Choices
    from sidecar.app.keeper import Keeper
    from sidecar.config.model import Config
    from sidecar.config.storing import Place
    from sidecar.events import Emit
    from sidecar.session.calls import Credentials
    from sidecar.session.dialect import Dialect
    from sidecar.session.source import MintingSource
    from sidecar.session.store.letters import About
    from sidecar.session.store.store import Store


_REMEDY: Final = (
    "Check session.store, store_user, store_password and [session.store_tls], and that this machine may reach it."
)


@dataclass(slots=True, kw_only=True)
class Fleet:
    """A lane's engine, and its share in the session there. Open it with `async with`."""

    store: Watched
    share: Share
    credentials: bytes
    dialect: Dialect

    async def __aenter__(self) -> Self:
        await self.store.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.store.__aexit__()

    def shown(self) -> dict[str, Any]:
        """Return what `/status` shows of it."""
        return {"kind": self.store.name, "up": self.store.up, "adoptions": self.share.adoptions}

    async def look(self) -> tuple[str, tuple[str, ...]]:
        """Return what `check` tells of the engine, and warnings; UpstreamError where it does not answer."""
        try:
            found, unread = await self.share.peek()
        except Away as error:
            raise DestinationUnavailable(f"session.store: {error}", remedy=_REMEDY) from None
        except Garbled as error:
            return f"{self.store.name} answers", (f"what it holds is of no use: {error}",)
        if unread:
            return f"{self.store.name} answers", (f"it holds a session that session.store_key does not open: {unread}",)
        return f"{self.store.name} answers, {found}", ()

    async def tend(self, source: MintingSource) -> None:
        """Take over what others did until cancelled."""
        await self.share.tend(source)

    def use(self, chosen: Choices, config: Config) -> None:
        """Share by what was chosen, from now on."""
        self.credentials = _digest(chosen.credentials)
        self.share.terms = _terms(config)
        if chosen.ring is not None:
            self.share.letters.ring = chosen.ring
        self.share.belongs_to(_about(config, chosen.credentials, self.dialect))


def build(
    config: Config,
    keeper: Keeper,
    dialect: Dialect,
    chosen: Choices,
    *,
    emit: Emit,
    jitter: Callable[[], float],
) -> Fleet | None:
    """Return the share of the lane in what `session.store` names, None where its session is its own; blocking."""
    if chosen.ring is None:
        return None
    tenant = chosen.terms.tenant
    store = watched(config, lambda: keeper.standing.material.store_password, tenant, emit)
    share = Share(
        store,
        _about(config, chosen.credentials, dialect),
        Letters(chosen.ring, tenant, emit),
        _terms(config),
        credentials=lambda: fleet.credentials,
        clock=steady,
        jitter=jitter,
    )
    fleet = Fleet(store=store, share=share, credentials=_digest(chosen.credentials), dialect=dialect)
    return fleet


def watched(config: Config, password: Callable[[], Secret | None], tenant: str, emit: Emit) -> Watched:
    """Return the engine that `session.store` names; nothing is connected yet."""
    found = place(config.session.store)
    return Watched(_store(config, found, password), name=found.kind, tenant=tenant, emit=emit, clock=steady)


def _store(config: Config, found: Place, password: Callable[[], Secret | None]) -> Store:
    if found.kind == "file":
        return FileStore(found.path, utc_now)
    from sidecar.session.store.clients import Access, connecting  # noqa: PLC0415  # only a fleet's pods need the library
    from sidecar.session.store.redis import RedisStore  # noqa: PLC0415  # as above

    session = config.session
    access = Access(
        user=session.store_user,
        password=None if session.store_password is None else password,
        ca_file=session.store_tls.ca_file,
        certificate_file=session.store_tls.certificate_file,
        key_file=session.store_tls.key_file,
    )
    return RedisStore(connecting(found, access, PATIENCE), session.store_prefix)


def _terms(config: Config) -> SharedTerms:
    session = config.session
    return SharedTerms(lease=session.lease, alone_within=session.alone_within, wait=session.wait)


def _about(config: Config, credentials: Credentials, dialect: Dialect) -> About:
    return about(
        environment=config.environment,
        url=config.session.url,
        dialect=dialect.name,
        tenant=config.credentials.tenant_id or "",
        user=tuple(f"{key}={_text(credentials.get(key))}" for key in WHOSE),
    )


def _digest(credentials: Credentials) -> bytes:
    return digest_of(f"{key}={_text(value)}" for key, value in sorted(credentials.items()))


def _text(value: str | Secret | bool | None) -> str:  # noqa: FBT001  # what stands in [credentials]
    return value.reveal() if isinstance(value, Secret) else str(value)
