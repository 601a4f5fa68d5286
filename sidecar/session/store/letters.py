"""Entries on their way: sealed for one session, and opened again; what cannot be read is ignored, and told once.

Thin: takes the nonce from the machine's chance.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar import events
from sidecar.session.sharing import Seen
from sidecar.session.store import entry as entries
from sidecar.session.store.entry import Unreadable
from sidecar.session.store.sealed import NONCE, Unopenable, digest_of

if TYPE_CHECKING:
    from sidecar.events import Emit
    from sidecar.session.state import State
    from sidecar.session.store.entry import Entry
    from sidecar.session.store.sealed import Key, KeyRing
    from sidecar.session.store.store import Found

_REMEDY: Final = (
    "An entry is written anew with the next token. If it comes back: give all who share the session the same "
    "session.store_key and version. A lease or fence that is garbage stays: delete the key that begins with "
    "session.store_prefix, or the file, once nobody runs."
)


@dataclass(frozen=True, slots=True)
class About:
    """Whose session it is: the slot's name, which tells nothing, and what every entry in it is bound to."""

    slot: str
    bound: bytes


def about(*, environment: str, url: str, dialect: str, tenant: str, user: tuple[str, ...]) -> About:
    """Return what names and binds the session of one user at one token endpoint. A certificate is no part of it."""
    digest = digest_of((environment, url, dialect, tenant, *user))
    return About(slot=digest.hex()[:32], bound=digest)


class Letters:
    """Seals and opens the entries of one tenant.

    Attributes:
        ring: the keys; replaced as a whole when they change.
    """

    def __init__(self, ring: KeyRing, tenant: str, emit: Emit) -> None:
        self.ring = ring
        self._tenant = tenant
        self._emit = emit
        self._ignored = ""

    def seal(
        self, about: About, lease: int, state: State, now: float, *, token: bytes, gate: bytes
    ) -> tuple[bytes, float]:
        """Return `state` as an entry under this lease, and the seconds it is of use: 0 where there is nothing to say.

        `token` and `gate` are digests of the credentials behind each, b"" where they are not known.
        """
        entry = entries.of(state, now, token_with=self._keyed(token), gate_with=self._keyed(gate))
        plain = entries.encode(entry)
        return self.ring.seal(plain, _bound(about, lease), os.urandom(NONCE)), entries.seconds(entry)

    def open(self, about: About, found: Found, credentials: bytes) -> Seen:
        """Return what was found, as far as it can be read; `credentials` are a digest of those in use."""
        if not found.entry:
            return Seen(found=found)
        try:
            entry, key = self._open(about, found)
        except (Unopenable, Unreadable) as error:
            self.ignore(str(error))
            return Seen(found=found)
        ours = key.digest(credentials)
        return Seen(found=found, entry=entry, token_ours=entry.token_with == ours, gate_ours=entry.gate_with == ours)

    def described(self, about: About, found: Found) -> tuple[str, str]:
        """Return in words what was found, and why it cannot be read, "" where it can."""
        if not found.entry:
            return "no session in it", ""
        try:
            entry, _ = self._open(about, found)
        except (Unopenable, Unreadable) as error:
            return "", str(error)
        return f"a session in it for {max(0.0, entries.seconds(entry) - found.age):.0f} s", ""

    def _open(self, about: About, found: Found) -> tuple[Entry, Key]:
        plain, key = self.ring.open(found.entry, _bound(about, found.fence))
        return entries.decode(plain), key

    def _keyed(self, digest: bytes) -> str:
        return self.ring.keys[0].digest(digest) if digest else ""

    def ignore(self, why: str) -> None:
        """Tell that something in the store is of no use, and why: once until it is something else."""
        if why != self._ignored:
            self._ignored = why
            self._emit(events.StoreIgnored(tenant=self._tenant, why=why, remedy=_REMEDY))


def _bound(about: About, lease: int) -> bytes:
    return about.bound + b"%d" % lease
