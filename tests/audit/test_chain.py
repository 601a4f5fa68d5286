from __future__ import annotations

import hashlib
import json

import pytest

from sidecar.audit.chain import GENESIS, LONGEST, End, Link, read, seal

BODY = '"time":"2026-05-28T20:26:40.000000Z","event":"request","status":200'


def test_a_line_is_json_with_its_number_first_and_its_hashes_last() -> None:
    line, head = seal(7, BODY, GENESIS)
    members = json.loads(line)
    assert list(members) == ["seq", "time", "event", "status", "prev", "hash"]
    assert (members["seq"], members["prev"], members["hash"]) == (7, GENESIS, head)


def test_its_hash_is_that_of_its_bytes_without_the_hash() -> None:
    line, head = seal(1, BODY, GENESIS)
    bare = line.replace(f',"hash":"{head}"', "")
    assert head == hashlib.sha256(bare.encode()).hexdigest()
    assert json.loads(bare) == {key: value for key, value in json.loads(line).items() if key != "hash"}


def test_what_was_sealed_is_read_again() -> None:
    line, head = seal(12, BODY, "a" * 64)
    assert read(line.encode()) == Link(12, "request", "a" * 64, head, intact=True)


def test_the_end_of_no_line_is_what_the_first_one_follows() -> None:
    assert End() == End(0, GENESIS)


def test_a_line_with_another_byte_is_not_intact() -> None:
    line, _ = seal(12, BODY, GENESIS)
    found = read(line.replace("200", "201").encode())
    assert found is not None
    assert not found.intact


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"a line of a log",
        seal(0, BODY, GENESIS)[0].encode(),
        seal(1, BODY, GENESIS)[0].encode()[:-1],
        seal(1, BODY, GENESIS)[0].encode() + b"\n",
        seal(1, BODY, GENESIS.upper().replace("0", "A"))[0].encode(),
        seal(1, '"event":"request"', GENESIS)[0].encode(),
        seal(1, BODY, GENESIS)[0].encode().replace(b"200", b"2\n0"),
        seal(1, BODY, GENESIS)[0].encode().replace(b"200", b"\xc3\xa9"),
        b"x" * LONGEST,
    ],
)
def test_what_is_no_line_of_a_trail_is_not_read(line: bytes) -> None:
    assert read(line) is None


def test_a_line_may_hold_what_looks_like_hashes() -> None:
    inner = r'"path":"/\",\"prev\":\"' + "b" * 64 + r'\",\"hash\":\"x"'
    line, head = seal(3, f"{BODY},{inner}", GENESIS)
    found = read(line.encode())
    assert found == Link(3, "request", GENESIS, head, intact=True)
    assert json.loads(line)["path"].startswith('/","prev":"bbb')
