"""Sessions in Redis or Valkey, for a fleet: one hash a slot, changed by one script, told of on a channel of its own.

Thin: `script.py` has the rules. Loaded only where `session.store` names a Redis; the library is the extra `fleet`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, Self

from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, RedisError

from sidecar.session.store import script
from sidecar.session.store.clients import close
from sidecar.session.store.store import Away

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis.asyncio

    from sidecar.session.store.store import Found

    Client = redis.asyncio.Redis | redis.asyncio.RedisCluster

_AGAIN: Final = 1.0
"""Seconds before who listens connects again."""

_CALLS: Final = 8
"""Calls at one time, each over a connection of its own; one more connection listens."""

_QUIET: Final = 15.0
"""Seconds without a message after which the engine is asked whether it is still there."""


class RedisStore:
    """The Store in the engine that `connect` returns a client of; key names begin with `prefix`.

    A client is made where an event loop runs, and its calls are bounded by whoever made it.
    """

    def __init__(self, connect: Callable[[], Client], prefix: str) -> None:
        self._connect = connect
        self._prefix = prefix
        self._listeners: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
        self._listening: asyncio.Task[None] | None = None
        self._ended: set[asyncio.Task[None]] = set()
        self._calls = asyncio.Semaphore(_CALLS)

    async def __aenter__(self) -> Self:
        self._client = self._connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._end_listening()
        if self._ended:
            await asyncio.wait(self._ended)
        with contextlib.suppress(RedisError, OSError):
            await close(self._client)
        await asyncio.sleep(0)  # the library closes some connections without waiting for it

    async def read(self, slot: str) -> Found:
        """Return the slot; see Store."""
        return script.found(await self._run(slot, "read"))

    async def take(self, slot: str, holder: str, seconds: float) -> Found:
        """Take the lease; see Store."""
        return script.found(await self._run(slot, "take", holder, _milliseconds(seconds)))

    async def renew(self, slot: str, holder: str, lease: int, seconds: float) -> bool:
        """Renew the lease; see Store."""
        return script.done(await self._run(slot, "renew", holder, lease, _milliseconds(seconds)))

    async def release(self, slot: str, holder: str, lease: int) -> None:
        """Give the lease back; see Store."""
        script.done(await self._run(slot, "release", holder, lease))

    async def publish(self, slot: str, holder: str, lease: int, entry: bytes, seconds: float) -> bool:
        """Publish an entry; see Store."""
        return script.done(await self._run(slot, "publish", holder, lease, _milliseconds(seconds), entry))

    def listen(self, slot: str, heard: Callable[[], None]) -> Callable[[], None]:
        """Tell of changes; see Store."""
        self._listeners[slot].append(heard)
        self._listen_anew()

        def end() -> None:
            self._listeners[slot].remove(heard)
            if not self._listeners[slot]:
                del self._listeners[slot]
                self._listen_anew()

        return end

    # ── calls ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self, slot: str, *arguments: str | int | bytes) -> object:
        """Run the script, once more where a connection was dead: every call can be made again."""
        try:
            return await self._eval(slot, *arguments)
        except Away:
            return await self._eval(slot, *arguments)

    async def _eval(self, slot: str, *arguments: Any) -> object:
        name = self._name(slot)
        try:
            async with self._calls:
                return await self._client.eval(script.SLOT, 1, name, name, *arguments)
        except (RedisError, OSError, ValueError, TypeError, LookupError) as error:
            raise Away(_words(error)) from None

    def _name(self, slot: str) -> str:
        return f"{self._prefix}:{slot}"

    # ── hearing ─────────────────────────────────────────────────────────────────────────────────────────────

    def _listen_anew(self) -> None:
        self._end_listening()
        if self._listeners:
            self._listening = asyncio.create_task(self._hear(), name="session-redis")

    def _end_listening(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            self._ended.add(listening)
            listening.add_done_callback(self._ended.discard)

    async def _hear(self) -> None:
        """Hear of changes until cancelled, over one connection after the other."""
        while True:
            with contextlib.suppress(Exception):  # whatever the library raises: who hears nothing looks now and then
                await self._client.initialize()  # a Cluster does not know its nodes before
                async with contextlib.aclosing(self._client.pubsub()) as subscription:
                    await subscription.subscribe(*map(self._name, self._listeners))
                    await self._hear_while_it_lasts(subscription)
            await asyncio.sleep(_AGAIN)

    async def _hear_while_it_lasts(self, subscription: Any) -> None:
        """Return where the engine is silent even when it is asked."""
        silent = 0
        while silent <= 1:
            message = await subscription.get_message(timeout=_QUIET)
            if message is None:
                silent += 1
                await subscription.ping()
                continue
            silent = 0
            # Whoever has just subscribed may have missed what was told before.
            if message["type"] in {"subscribe", "message"}:
                self._tell(message["channel"].decode().removeprefix(f"{self._prefix}:"))

    def _tell(self, slot: str) -> None:
        for heard in tuple(self._listeners.get(slot, ())):
            heard()


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _words(error: Exception) -> str:
    """Return what is wrong, without what an error may quote."""
    if isinstance(error, (AuthenticationError, AuthorizationError)):
        return "the engine refuses session.store_user and session.store_password"
    if isinstance(error, NoPermissionError):
        return "the engine's user may not do what is needed: see docs/fleet.md"
    return f"the engine does not answer as it should: {type(error).__name__}"
