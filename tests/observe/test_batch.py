from __future__ import annotations

import dataclasses
import gc
import json
import weakref
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from told import PLAIN

from sidecar.observe.batch import Batch, SeveralTenants
from sidecar.observe.request_line import request_line, start_of
from sidecar.redact import Secret, redact

START = start_of("request", "info")


def batch() -> Batch:
    return Batch("info", "request")


def test_lines_are_taken_in_order_and_once() -> None:
    made = batch()
    for path in ("/1", "/2"):
        made.add(dataclasses.replace(PLAIN, path=path), 0.0)
    size, taken = made.size, made.take()
    assert size == len(taken)
    assert [json.loads(line)["path"] for line in taken.splitlines()] == ["/1", "/2"]
    assert (made.size, made.take()) == (0, "")


@pytest.mark.parametrize("now", [0.0, 1_767_323_045.000006, 1_767_323_045.999999, 1_767_323_046.0, 951_868_799.25])
def test_the_time_is_utc_to_the_microsecond(now: float) -> None:
    made = batch()
    for one in (now, now + 0.5, now + 61):
        made.add(PLAIN, one)
        expected = datetime.fromtimestamp(int(one * 1_000_000) // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        stamp = json.loads(made.take())["timestamp"]
        assert stamp == f"{expected}.{int(one * 1_000_000) % 1_000_000:06d}Z"
        assert datetime.fromisoformat(stamp).utcoffset() is not None


# ── no secret ───────────────────────────────────────────────────────────────────────────────────────────────────

PATHS = st.lists(st.text(max_size=12).map("/".__add__), min_size=1, max_size=4)


@given(PATHS, st.data())
def test_together_they_are_what_each_would_be_alone(paths: list[str], data: st.DataObject) -> None:
    stamp = "1970-01-01T00:00:00.000000Z"
    alone = [request_line(START, dataclasses.replace(PLAIN, path=path), stamp) for path in paths]
    text = "".join(alone)
    start = data.draw(st.integers(0, len(text) - 5))
    secrets = [Secret(text[start : start + data.draw(st.integers(5, 300))]), Secret("".join(paths))]
    made = batch()
    for path in paths:
        made.add(dataclasses.replace(PLAIN, path=path), 0.0)
    assert made.take() == "".join(redact(line[:-1]) + "\n" for line in alone)
    assert secrets


def test_a_secret_that_dies_before_its_line_is_written_is_taken_out_all_the_same() -> None:
    made, first = batch(), Secret("correct-horse-1")
    made.add(dataclasses.replace(PLAIN, path="/correct-horse-1"), 0.0)
    second = Secret("correct-horse-2")
    made.add(dataclasses.replace(PLAIN, path="/correct-horse-2"), 0.0)
    died = weakref.ref(first), weakref.ref(second)
    del first, second
    gc.collect()
    assert [json.loads(line)["path"] for line in made.take().splitlines()] == ["/[redacted]"] * 2
    gc.collect()
    assert [one() for one in died] == [None, None]


def test_a_secret_that_outlives_some_lines_is_kept_for_the_next_ones_too() -> None:
    made, secret = batch(), Secret("correct-horse-3")
    event = dataclasses.replace(PLAIN, path="/correct-horse-3")
    made.add(event, 0.0)
    assert "correct-horse" not in made.take()
    made.add(event, 0.0)
    del secret
    gc.collect()
    assert "correct-horse" not in made.take()


def test_a_secret_with_a_line_end_in_it_makes_no_two_lines_one() -> None:
    secret = Secret('"}\n{"event')
    made = batch()
    for _ in range(3):
        made.add(PLAIN, 0.0)
    assert [json.loads(line)["event"] for line in made.take().splitlines()] == ["request"] * 3
    assert secret


def test_of_several_tenants_each_line_says_whose_it_is() -> None:
    made = SeveralTenants("info", "request")
    for tenant in ("a", "b", ""):
        made.add(dataclasses.replace(PLAIN, tenant=tenant), 0.0)
    lines = [json.loads(line) for line in made.take().splitlines()]
    assert [line.get("tenant") for line in lines] == ["a", "b", None]
    assert list(lines[0])[:3] == ["event", "level", "tenant"]
    assert {key: value for key, value in lines[0].items() if key != "tenant"} == lines[2]
