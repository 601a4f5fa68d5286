"""Entries on their way: sealed for one session and one lease, opened again, ignored once where they cannot be."""

from __future__ import annotations

import base64

from sidecar import events
from sidecar.redact import Secret
from sidecar.session.answer import Failure, Kind
from sidecar.session.state import Gate, State
from sidecar.session.store.letters import About, Letters, about
from sidecar.session.store.sealed import ring
from sidecar.session.store.store import Found
from sidecar.session.token import Token

KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in range(2)]
OURS, OTHERS = b"our credentials", b"others'"
NOW = 50.0
TOKEN = Token(value=Secret("a-secret-token"), expires_at=150.0, renew_at=140.0, window=10.0)
FAILURE = Failure(kind=Kind.FINAL, cause="c", detail="d", remedy="r", status=401)


def whose(**more: object) -> About:
    words = {"environment": "production", "url": "https://a", "dialect": "d", "tenant": "1", "user": ("u",), **more}
    return about(**words)  # type: ignore[arg-type]  # each test changes one of them


def letters(*keys: str) -> tuple[Letters, list[events.Event]]:
    told: list[events.Event] = []
    return Letters(ring(Secret("\n".join(keys or KEYS[:1]))), "t", told.append), told


def sealed(state: State, lease: int = 7, *keys: str) -> bytes:
    entry, seconds = letters(*keys)[0].seal(whose(), lease, state, NOW, token=OURS, gate=OTHERS)
    assert seconds == 100.0
    return entry


def test_what_one_seals_another_opens_and_knows_whose_credentials_it_was_got_with() -> None:
    state = State(token=TOKEN, gate=Gate.BLOCKED, until=90.0, failure=FAILURE)
    other, told = letters()
    seen = other.open(whose(), Found(entry=sealed(state), fence=7), OURS)
    assert seen.entry is not None
    assert seen.entry.token is not None
    assert seen.entry.token.value == TOKEN.value
    assert (seen.token_ours, seen.gate_ours) == (True, False)
    seen = other.open(whose(), Found(entry=sealed(state), fence=7), OTHERS)
    assert (seen.token_ours, seen.gate_ours, told) == (False, True, [])


def test_digests_can_be_compared_though_the_keys_were_changed() -> None:
    other, _ = letters(KEYS[1], KEYS[0])
    assert other.open(whose(), Found(entry=sealed(State(token=TOKEN)), fence=7), OURS).token_ours


def test_what_nobody_knows_the_credentials_of_is_nobodys() -> None:
    entry, _ = letters()[0].seal(whose(), 7, State(token=TOKEN), NOW, token=b"", gate=b"")
    assert not letters()[0].open(whose(), Found(entry=entry, fence=7), b"").token_ours


def test_the_same_text_is_never_sealed_twice_the_same_way() -> None:
    assert sealed(State(token=TOKEN)) != sealed(State(token=TOKEN))


def test_an_entry_under_another_fence_or_of_another_session_is_ignored_and_told_once_for_each_reason() -> None:
    one, told = letters()
    entry = sealed(State(token=TOKEN))
    for _ in range(3):
        assert one.open(whose(), Found(entry=entry, fence=8), OURS).entry is None
    for changed in ({"environment": "x"}, {"url": "x"}, {"dialect": "x"}, {"tenant": "x"}, {"user": ("x",)}):
        assert one.open(whose(**changed), Found(entry=entry, fence=7), OURS).entry is None
    foreign = sealed(State(token=TOKEN), 7, KEYS[1])
    assert one.open(whose(), Found(entry=foreign, fence=7), OURS).entry is None
    assert one.open(whose(), Found(entry=b"garbage", fence=7), OURS).entry is None
    whys = [event.why for event in told if isinstance(event, events.StoreIgnored)]
    assert len(whys) == len(set(whys)) == 3


def test_an_entry_of_another_version_is_ignored() -> None:
    one, told = letters()
    text = one.ring.seal(b'{"v":99}', whose().bound + b"7", bytes(12))
    assert one.open(whose(), Found(entry=text, fence=7), OURS).entry is None
    assert [event.why for event in told if isinstance(event, events.StoreIgnored)] == ["it is of another version"]


def test_slots_are_apart_and_their_names_tell_nothing() -> None:
    slots = {
        whose(**changed).slot
        for changed in ({}, {"environment": "x"}, {"url": "x"}, {"dialect": "x"}, {"tenant": "x"}, {"user": ("x",)})
    }
    assert len(slots) == 6
    assert all(len(slot) == 32 and int(slot, 16) for slot in slots)


def test_it_can_be_told_in_words() -> None:
    one, told = letters()
    entry = sealed(State(token=TOKEN))
    assert one.described(whose(), Found()) == ("no session in it", "")
    assert one.described(whose(), Found(entry=entry, fence=7, age=10.0)) == ("a session in it for 90 s", "")
    assert one.described(whose(), Found(entry=entry, fence=9))[1] == "it was altered, or belongs to another session"
    assert told == []


def test_where_there_is_nothing_to_say_it_stands_for_no_time() -> None:
    assert letters()[0].seal(whose(), 7, State(), NOW, token=OURS, gate=OURS)[1] == 0
