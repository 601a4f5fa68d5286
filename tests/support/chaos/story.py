"""What happens, step by step: one thing goes wrong while a few callers talk. The same seed tells the same story.

Pure.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from chaos.talks import KINDS, Talk
from relay import Kind, Strike, Way

if TYPE_CHECKING:
    from collections.abc import Iterator


class Door(StrEnum):
    """Where something goes wrong."""

    CALLER = "caller"  # between caller and sidecar
    API = "api"  # below TLS, on the way to the API
    API_INSIDE = "api inside"  # inside TLS
    TOKEN = "token"  # below TLS, on the way to the token endpoint
    TOKEN_INSIDE = "token inside"  # inside TLS
    FINHUB = "finhub"  # FinHub itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One fault and who talks meanwhile.

    Attributes:
        strike: what the door's relay does, if it does anything.
        word: else: "reset idle", "close idle" or "refuse" at a relay; "revoke", "expire" or a fault spec at FinHub;
            "" when callers leaving is all that goes wrong.
        fresh: no pooled connection is left when the callers begin.
        before: "revoke" or "expire" first, so that a login is needed; "" for nothing.
        talks: at the same time.
    """

    door: Door
    strike: Strike | None = None
    word: str = ""
    fresh: bool = False
    before: str = ""
    talks: tuple[Talk, ...]

    def __str__(self) -> str:
        """Tell the step in one line."""
        strike, what = self.strike, self.word or "callers leave"
        if strike is not None:
            more = {Kind.SLIP_IN: f" {strike.noise!r} {strike.into}", Kind.STALL: f" {strike.seconds} s"}
            what = f"{strike.kind} {strike.way} at byte {strike.after}{more.get(strike.kind, '')}"
        talks = "; ".join(
            f"{talk.kind} {talk.size} HTTP/{talk.version}"
            + ("" if talk.leaves is None else f" leaves at {talk.leaves}")
            for talk in self.talks
        )
        where = f"{self.door} (fresh)" if self.fresh else f"{self.door}"
        return f"{where}: {', '.join(part for part in (self.before, what) if part)} | {talks}"

    @property
    def garbles(self) -> bool:
        """Tell whether bytes were slipped in where nobody can tell them from the sender's own."""
        return self.strike is not None and self.strike.kind is Kind.SLIP_IN and self.door not in {Door.API, Door.TOKEN}

    @property
    def is_slow(self) -> bool:
        """Tell whether what was sent in time may arrive late."""
        return self.strike is not None and self.strike.kind in {Kind.STALL, Kind.DRIP}


_SIZES: Final = (0, 1, 500, 3_000, 70_000, 200_000, 1_500_000)
_OLD: Final = {"chunked sink": 0.0, "expecting": 0.0, "chunked bytes": 0.5, "events": 0.5}
"""How often a caller speaks HTTP/1.0: never where it cannot, often where its reply ends with the connection."""

_RELAYED: Final = (Door.CALLER, Door.API, Door.API, Door.API_INSIDE, Door.API_INSIDE, Door.TOKEN, Door.TOKEN_INSIDE)
_CUTS: Final = (Kind.RESET, Kind.CLOSE, Kind.HALF_CLOSE)
_EARLY: Final = b'HTTP/1.1 503 Early\r\nContent-Length: 14\r\nContent-Type: application/json\r\n\r\n{"early":true}'
_NOISES: Final = (
    b"\x00\xff\x16\x03\x01 noise",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsneak",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"\r\n",
    _EARLY,
)
_MINT_FAULTS: Final = (
    "status=500",
    "status=503,retry_after=1",
    "status=429,retry_after=1",
    "garbage",
    "close",
    "cut=20",
    "delay=0.2",
)
_API_FAULTS: Final = (
    "status=401",
    "status=403",
    "status=429,retry_after=1",
    "status=500",
    "close",
    "cut=0",
    "cut=7",
    "cut=60000",
    "delay=0.2",
    "garbage",
)


def story(seed: int) -> Iterator[Step]:
    """Yield steps without end: the known traps first, then whatever chance brings."""
    chance = random.Random(seed)  # noqa: S311  # a story to be told again, no secret
    yield from _TRAPS
    number = 0
    while True:
        number += 1
        yield _step(chance, number)


def _trap(
    name: str, kind: str, *, size: int = 500, version: str = "1.1", leaves: int | None = None, **more: Any
) -> Step:
    talk = Talk(kind=kind, name=f"t-{name}", size=size, version=version, leaves=leaves)
    return Step(talks=(talk,), **more)


_TRAPS: Final = (
    # A body that ends with the connection, cut short: only a reset tells it from a whole one.
    _trap("old", "chunked bytes", size=200_000, version="1.0", door=Door.FINHUB, word="api:cut=60000,times=1"),
    _trap("old-events", "events", version="1.0", door=Door.FINHUB, word="api:cut=7,times=1"),
    # What changes something meets a dead pooled connection.
    *(
        _trap(f"dead-{kind}-{word[:5]}", kind, door=Door.API, word=word)
        for kind in ("put", "delete", "pay", "patch")
        for word in ("reset idle", "close idle")
    ),
    # FinHub has acted, and its reply is lost.
    *(
        _trap(f"lost-{kind}", kind, door=Door.API, strike=Strike(kind=Kind.RESET, way=Way.DOWN, after=0))
        for kind in ("put", "delete", "sink", "patch", "upload")
    ),
    # A reply before the request is whole, and FinHub's own behind it: whose is it?
    _trap("early", "sink", door=Door.API_INSIDE, strike=Strike(kind=Kind.SLIP_IN, way=Way.UP, after=100, noise=_EARLY)),
    # The caller is gone in the middle of its body.
    _trap("half", "sink", size=200_000, leaves=100_000, door=Door.CALLER),
    # A body too large to be remembered meets a token that FinHub has revoked.
    _trap("large", "sink", size=1_500_000, door=Door.FINHUB, word="revoke"),
)


def _step(chance: random.Random, number: int) -> Step:
    talks = tuple(_talk(chance, f"s{number}-{place}") for place in range(chance.choice((1, 1, 2, 3))))
    roll = chance.random()
    if roll < 0.1:
        leaving = tuple(_leaving(chance, talk) for talk in talks)
        return Step(door=Door.CALLER, talks=leaving, before=chance.choice(("", "", "revoke")))
    if roll < 0.3:
        return _at_finhub(chance, talks)
    return _at_a_relay(chance, talks)


def _at_finhub(chance: random.Random, talks: tuple[Talk, ...]) -> Step:
    word = chance.choice(("revoke", "expire", "login", "login", "refresh", "api", "api"))
    if word == "api":
        return Step(door=Door.FINHUB, word=f"api:{chance.choice(_API_FAULTS)},times=1", talks=talks)
    if word in {"login", "refresh"}:
        spec = f"{word}:{chance.choice(_MINT_FAULTS)},times={chance.choice((1, 1, 2))}"
        return Step(door=Door.FINHUB, word=spec, before=chance.choice(("revoke", "expire")), talks=talks)
    return Step(door=Door.FINHUB, word=word, talks=talks)


def _at_a_relay(chance: random.Random, talks: tuple[Talk, ...]) -> Step:
    door = chance.choice(_RELAYED)
    minting = door in {Door.TOKEN, Door.TOKEN_INSIDE}
    before = chance.choice(("revoke", "expire")) if minting else ""
    if chance.random() < 0.15:
        word = "refuse" if minting or door is Door.CALLER else chance.choice(("reset idle", "close idle", "refuse"))
        return Step(door=door, word=word, before=before, talks=talks, fresh=word == "refuse")
    return Step(door=door, strike=_strike(chance, door), before=before, talks=talks, fresh=chance.random() < 0.3)


def _strike(chance: random.Random, door: Door) -> Strike:
    kind = chance.choice((*_CUTS, *_CUTS, Kind.STALL, Kind.DRIP, Kind.SLIP_IN, Kind.SLIP_IN))
    way = chance.choice((Way.UP, Way.DOWN))
    after = chance.choice((None, 0, 0, 1, chance.randrange(300), chance.randrange(4_000), chance.randrange(100_000)))
    seconds = chance.choice((0.05, 0.1, 0.3, 1.5)) if kind is Kind.STALL else 0.1
    noise = chance.choice(_NOISES) if door in {Door.API_INSIDE, Door.TOKEN_INSIDE} else chance.randbytes(9)
    into = Way.DOWN if door is Door.API_INSIDE else chance.choice((Way.UP, Way.DOWN))
    if kind is Kind.SLIP_IN and after is None:
        after = 0  # there is nobody yet to whom it could be slipped
    return Strike(kind=kind, way=way, after=after, seconds=seconds, noise=noise, into=into)


def _talk(chance: random.Random, name: str) -> Talk:
    kind = chance.choice((*KINDS, "pay", "pay", "chunked bytes"))
    version = "1.0" if chance.random() < _OLD.get(kind, 0.1) else "1.1"
    return Talk(kind=kind, name=name, size=chance.choice(_SIZES), version=version)


def _leaving(chance: random.Random, talk: Talk) -> Talk:
    leaves = chance.choice((0, 20, 200, chance.randrange(2_000), chance.randrange(100_000), 10_000_000))
    return Talk(kind=talk.kind, name=talk.name, size=talk.size, version=talk.version, leaves=leaves)
