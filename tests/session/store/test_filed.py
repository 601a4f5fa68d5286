"""The file's text: what was written is read again, and nothing is taken for it that is not."""

from __future__ import annotations

import json

import pytest

from sidecar.session.store import filed
from sidecar.session.store.slot import Slot
from sidecar.session.store.store import Garbled

NOW = 100.0
SLOT = Slot(fence=7, holder="a", held_until=105.0, entry=b"\x00sealed\xff", entry_fence=6, at=90.0, until=200.0)


def members(**changed: object) -> bytes:
    text = json.loads(filed.encode({"one": SLOT}, NOW))
    text["slots"]["one"].update(changed)
    return json.dumps(text).encode()


def test_what_was_written_is_read_again() -> None:
    assert filed.decode(filed.encode({"one": SLOT}, NOW)) == {"one": SLOT}


@pytest.mark.parametrize(
    ("slot", "kept"),
    [
        (SLOT, True),
        (Slot(fence=7, until=101.0, entry=b"x"), True),
        (Slot(fence=7, holder="a", held_until=101.0), True),
        (Slot(fence=7, until=100.0, entry=b"x"), False),
        (Slot(fence=7), False),
    ],
)
def test_what_is_over_is_left_out(slot: Slot, kept: bool) -> None:  # noqa: FBT001  # a table's column
    assert ("one" in filed.decode(filed.encode({"one": slot}, NOW))) is kept


def test_an_empty_file_holds_nothing() -> None:
    assert filed.decode(b"") == {}


@pytest.mark.parametrize(
    "content",
    [
        b"my diary",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"finhub-sidecar sessions": 2, "slots": {}}',
        b'{"finhub-sidecar sessions": 1, "slots": []}',
        b'{"finhub-sidecar sessions": 1, "slots": {"one": {}}}',
        b" " * (filed.LARGEST + 1),
        members(fence=-1),
        members(fence="7"),
        members(fence=True),
        members(fence=1.5),
        members(entry_fence=None),
        members(held_until="soon"),
        members(held_until=float("nan")),
        members(at=True),
        members(until=None),
        members(entry=[1]),
    ],
)
def test_what_is_not_ours_is_garbled(content: bytes) -> None:
    with pytest.raises(Garbled, match="not a session store"):
        filed.decode(content)


@pytest.mark.parametrize("text", ["not base64!", "caf\u00e9"])
def test_an_entry_that_is_no_base64_is_one_that_does_not_open(text: str) -> None:
    assert filed.decode(members(entry=text))["one"].entry == b"?"
