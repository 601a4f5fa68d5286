"""What an entry says: seconds from its publication, and nothing that cannot be read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sidecar.redact import Secret
from sidecar.session.answer import Failure, Kind
from sidecar.session.state import Gate, State
from sidecar.session.store import entry as entries
from sidecar.session.store.entry import Entry, Unreadable
from sidecar.session.token import Token

NOW = 500.0
TOKEN = Token(
    value=Secret("token-1"),
    expires_at=600.0,
    renew_at=595.0,
    window=10.0,
    refresh_token=Secret("refresh-1"),
    internal_token_key=Secret("key-1"),
    session_id="session-1",
)
FAILURE = Failure(kind=Kind.THROTTLED, cause="c", detail="d", remedy="r", status=429, retry_after=7.0, of_refresh=True)


def of(state: State, now: float = NOW) -> Entry:
    return entries.of(state, now, token_with="tw", gate_with="gw")


def test_instants_count_from_the_publication() -> None:
    entry = of(State(token=TOKEN))
    assert entry.token is not None
    assert (entry.token.expires_at, entry.token.renew_at, entry.token.window) == (100.0, 95.0, 10.0)
    assert (entry.token_with, entry.gate, entry.gate_with) == ("tw", Gate.OPEN, "")
    assert entries.seconds(entry) == 100.0


def test_a_token_that_is_due_already_is_due_at_once() -> None:
    entry = of(State(token=TOKEN), now=598.0)
    assert entry.token is not None
    assert (entry.token.expires_at, entry.token.renew_at) == (2.0, 0.0)


@pytest.mark.parametrize("token", [None, TOKEN])
def test_what_is_over_is_left_out(token: Token | None) -> None:
    entry = of(State(token=token, gate=Gate.COOLING, until=600.0, failure=FAILURE), now=600.0)
    assert entry == Entry()
    assert entries.seconds(entry) == 0.0


@pytest.mark.parametrize("gate", [Gate.OPEN, Gate.MINTING])
def test_a_gate_that_is_not_closed_is_open_to_others(gate: Gate) -> None:
    assert of(State(token=TOKEN, gate=gate, until=900.0, failure=FAILURE)).gate is Gate.OPEN


@pytest.mark.parametrize("gate", [Gate.COOLING, Gate.BLOCKED])
def test_a_closed_gate_is_told_beside_the_token(gate: Gate) -> None:
    entry = of(State(token=TOKEN, gate=gate, until=700.0, failure=FAILURE, failures=3))
    assert (entry.gate, entry.until, entry.failure, entry.failures) == (gate, 200.0, FAILURE, 3)
    assert (entry.token_with, entry.gate_with) == ("tw", "gw")
    assert entries.seconds(entry) == 200.0


def test_who_reads_it_counts_on_from_its_age() -> None:
    entry = of(State(token=TOKEN, gate=Gate.COOLING, until=700.0, failure=FAILURE, failures=3))
    found = entries.adopted(entry, age=20.0, now=10_000.0, jitter=0.0)
    assert found.token is not None
    assert (found.token.expires_at, found.token.renew_at) == (10_080.0, 10_075.0)
    assert (found.gate, found.until, found.failure, found.failures) == (Gate.COOLING, 10_180.0, FAILURE, 3)


def test_pods_become_due_one_after_the_other_and_before_the_end() -> None:
    entry = of(State(token=TOKEN))
    due = []
    for jitter in (0.0, 0.5, 0.999):
        token = entries.adopted(entry, age=0.0, now=0.0, jitter=jitter).token
        assert token is not None
        due.append(token.renew_at)
    assert due == [95.0, 96.25, pytest.approx(97.5, abs=0.01)]


def test_without_a_token_only_the_gate_is_taken_over() -> None:
    entry = of(State(gate=Gate.BLOCKED, until=700.0, failure=FAILURE))
    assert entries.adopted(entry, age=0.0, now=0.0, jitter=0.5).token is None


def same(one: Token | None, other: Token | None) -> bool:
    if one is None or other is None:
        return one is other
    names = ("value", "expires_at", "renew_at", "window", "refresh_token", "internal_token_key", "session_id")
    return all(getattr(one, name) == getattr(other, name) for name in names)


@pytest.mark.parametrize(
    "state",
    [
        State(token=TOKEN),
        State(token=replace(TOKEN, refresh_token=None, internal_token_key=None, session_id=None)),
        State(gate=Gate.BLOCKED, until=700.0, failure=replace(FAILURE, kind=Kind.FINAL, retry_after=None)),
        State(token=TOKEN, gate=Gate.COOLING, until=700.0, failure=FAILURE, failures=12),
        State(),
    ],
)
def test_json_keeps_everything(state: State) -> None:
    entry = of(state)
    read = entries.decode(entries.encode(entry))
    assert same(read.token, entry.token)
    assert replace(read, token=None) == replace(entry, token=None)


WHOLE: dict[str, Any] = json.loads(
    entries.encode(of(State(token=TOKEN, gate=Gate.COOLING, until=700.0, failure=FAILURE, failures=2)))
)


def altered(*place: str, value: object) -> bytes:
    members = json.loads(json.dumps(WHOLE))
    inner = members
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"v":1,"token":{}}',
        altered("token", value=[]),
        altered("token", "value", value=1),
        altered("token", "value", value=""),
        altered("token", "value", value="caf\u00e9"),
        altered("token", "value", value="a\nb"),
        altered("token", "expires", value=True),
        altered("token", "expires", value="1"),
        altered("token", "expires", value=-1),
        altered("token", "expires", value=float("nan")),
        altered("token", "renew", value=float("inf")),
        altered("token", "window", value=1e12),
        altered("token", "refresh", value=3),
        altered("token", "with", value=None),
        altered("gate", "is", value="OPEN"),
        altered("gate", "is", value="AJAR"),
        altered("gate", "is", value=None),
        altered("gate", "until", value=None),
        altered("gate", "failure", "kind", value="odd"),
        altered("gate", "failure", "status", value="x"),
        altered("gate", "failure", "detail", value=None),
        altered("gate", "with", value=7),
    ],
)
def test_garbage_is_no_entry(text: bytes) -> None:
    with pytest.raises(Unreadable, match="no entry"):
        entries.decode(text)


def test_another_version_is_told_as_such() -> None:
    with pytest.raises(Unreadable, match="another version"):
        entries.decode(altered("v", value=2))
