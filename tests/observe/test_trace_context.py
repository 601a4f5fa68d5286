from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.observe.trace_context import Caller, carrying, read, spelt

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{PARENT}-01"


def fields(*values: str, name: bytes = b"traceparent") -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name, value.encode()) for value in values)


# ── what a caller says ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [b"traceparent", b"Traceparent", b"TraceParent"])
def test_a_callers_context_is_read_whatever_the_case_of_its_name(name: bytes) -> None:
    assert read(fields(VALID, name=name)) == Caller(int(TRACE, 16), int(PARENT, 16), 1)


def test_blanks_around_the_value_are_no_part_of_it() -> None:
    assert read(fields(f" \t{VALID} ")) is not None


@pytest.mark.parametrize(
    "value",
    [
        "",
        VALID[:-1],
        VALID + "-",
        VALID + "-more",
        VALID + "0",
        VALID.upper(),
        f"ff-{TRACE}-{PARENT}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}g-{PARENT}-01",
        f"00_{TRACE}_{PARENT}_01",
        f"{VALID},{VALID}",
        f"01-{TRACE}-{PARENT}-01.more",
        f"01-{TRACE}-{PARENT}-01more",
    ],
)
def test_what_is_not_legal_is_no_context(value: str) -> None:
    assert read(fields(value)) is None


def test_two_contexts_are_none() -> None:
    assert read(fields(VALID, VALID)) is None
    assert read(fields(VALID) + fields(VALID, name=b"TRACEPARENT")) is None
    assert read(()) is None


@pytest.mark.parametrize("more", ["", "-", "-what-the-future-brings"])
def test_of_a_newer_version_what_is_known_of_it_is_read(more: str) -> None:
    assert read(fields(f"cc-{TRACE}-{PARENT}-03{more}")) == Caller(int(TRACE, 16), int(PARENT, 16), 3)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))
def test_what_is_spelt_is_read_again(trace_id: int, span_id: int, flags: int) -> None:
    spelling = spelt(trace_id, span_id, flags)
    assert len(spelling) == 55
    assert read(((b"traceparent", spelling),)) == (trace_id, span_id, flags)


# ── what goes on ────────────────────────────────────────────────────────────────────────────────────────────────

CARRIED = (
    (b"Host", b"h"),
    (b"TraceParent", b"old"),
    (b"TraceState", b"a=1"),
    (b"tracestate", b"b=2"),
    (b"baggage", b"k=v"),
    (b"traceparent", b"older"),
)


def test_the_context_takes_the_place_of_every_other_and_the_rest_stays_byte_for_byte() -> None:
    assert carrying(CARRIED, b"new", is_continued=True) == (
        (b"Host", b"h"),
        (b"TraceState", b"a=1"),
        (b"tracestate", b"b=2"),
        (b"baggage", b"k=v"),
        (b"traceparent", b"new"),
    )


def test_the_state_of_a_trace_that_is_not_continued_does_not_go_on() -> None:
    assert carrying(CARRIED, b"new", is_continued=False) == (
        (b"Host", b"h"),
        (b"baggage", b"k=v"),
        (b"traceparent", b"new"),
    )


def test_carried_once_more_there_is_still_one() -> None:
    once = carrying(CARRIED, b"new", is_continued=True)
    assert carrying(once, b"newer", is_continued=True) == (*once[:-1], (b"traceparent", b"newer"))
