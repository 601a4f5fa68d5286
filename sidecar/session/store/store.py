"""The one door to what keeps sessions: bytes and numbers only, so that any engine, or a process, can stand behind it.

Pure. One slot holds one session: the newest entry, and a lease on the right to mint the next one. An engine knows
neither what an entry says nor whose slot it is, and its clock is the only one that counts for a lease or an age.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class Away(Exception):
    """The engine did not do it, or did not say so in time; `str` tells why, without a secret."""


class Garbled(Exception):
    """What the engine holds for a lease or a fence makes no sense; it is left as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A slot at one instant.

    Attributes:
        entry: the newest entry as it was published, b"" where there is none or its time is over.
        fence: the fence under which it was published, 0 where there is none.
        age: seconds since then.
        held_for: seconds that somebody's lease still runs, 0 where nobody has one.
        lease: the fence of the lease that was asked for and is now the asker's, 0 where it is not.
    """

    entry: bytes = b""
    fence: int = 0
    age: float = 0.0
    held_for: float = 0.0
    lease: int = 0


class Store(Protocol):
    """An engine. Open it with `async with`; that an engine is away is no reason not to open.

    Every call may raise Away, after which it may or may not have been done, and every call can be made again: to take
    twice is to hold one lease, to publish twice the same entry is to publish it once. Fences only grow, over all slots'
    lives, also where an engine has lost what it knew.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def read(self, slot: str) -> Found:
        """Return the slot as it is. Raises Garbled."""
        ...

    async def take(self, slot: str, holder: str, seconds: float) -> Found:
        """Take the lease for `seconds` unless another holder's runs; return the slot as it is then. Raises Garbled."""
        ...

    async def renew(self, slot: str, holder: str, lease: int, seconds: float) -> bool:
        """Let the lease run for `seconds` from now; False where it is not the holder's any more."""
        ...

    async def release(self, slot: str, holder: str, lease: int) -> None:
        """Give the lease back, if it is still the holder's; whoever listens hears of it."""
        ...

    async def publish(self, slot: str, holder: str, lease: int, entry: bytes, seconds: float) -> bool:
        """Put `entry` into the slot for `seconds`, and give the lease back; whoever listens hears of it.

        False, and nothing is put, where an entry with a newer fence was published before. Raises Garbled.
        """
        ...

    def listen(self, slot: str, heard: Callable[[], None]) -> Callable[[], None]:
        """Call `heard` whenever the slot may have changed, more often rather than less; returns what ends that."""
        ...
