from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from trails import NOON, chained, checked, found, text_of, trail

from sidecar.audit.chain import GENESIS, End, seal
from sidecar.audit.members import CONTINUED, REMOVED, note
from sidecar.audit.sink import Torn
from sidecar.audit.verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE = trail(9)
LINES = st.integers(0, len(WHOLE) - 1)


def head_of(line: bytes) -> str:
    return str(json.loads(line)["hash"])


def seq_of(line: bytes) -> int:
    return int(json.loads(line)["seq"])


HEAD = head_of(WHOLE[-1])


def test_a_whole_trail_has_no_fault_and_its_head_is_told() -> None:
    report = checked(WHOLE)
    assert (report.lines, report.first, report.last, report.head) == (9, 1, 9, HEAD)
    assert (report.faults, report.count, report.notes) == ([], 0, [])


def test_its_last_line_may_lack_its_newline() -> None:
    assert checked([*WHOLE[:-1], WHOLE[-1][:-1]]).count == 0


# ── what somebody may do to it ──────────────────────────────────────────────────────────────────────────────────


def test_a_changed_line_is_found_and_named() -> None:
    report = checked([*WHOLE[:4], WHOLE[4].replace(b"204", b"999"), *WHOLE[5:]])
    assert found(report) == [(5, 5, "changed")]
    assert report.faults[0].words == "line 5 was changed: its hash is not the one of its bytes"


def test_a_changed_line_with_its_hash_made_anew_is_found_by_the_next_one() -> None:
    forged, _ = seal(5, note("request", NOON, {"status": 999}), json.loads(WHOLE[4])["prev"])
    report = checked([*WHOLE[:4], f"{forged}\n".encode(), *WHOLE[5:]])
    assert found(report) == [(6, 6, "changed")]
    assert "does not follow line 5 as it stands" in report.faults[0].words


def test_a_line_whose_hash_alone_was_changed_is_found() -> None:
    lines = [*WHOLE[:4], WHOLE[4].replace(head_of(WHOLE[4]).encode(), b"0" * 64), *WHOLE[5:]]
    assert found(checked(lines)) == [(5, 5, "changed")]


@pytest.mark.parametrize("which", [0, len(WHOLE) - 1])
def test_a_change_of_the_first_or_of_the_last_line_is_found(which: int) -> None:
    lines = [line.replace(b'"status"', b'"stadus"') if index == which else line for index, line in enumerate(WHOLE)]
    assert found(checked(lines)) == [(which + 1, which + 1, "changed")]


def test_missing_lines_are_found_and_named() -> None:
    report = checked([*WHOLE[:3], *WHOLE[5:]])
    assert found(report) == [(4, 6, "missing")]
    assert report.faults[0].words == "lines 4 to 5 are missing before line 6"
    assert checked([*WHOLE[:3], *WHOLE[4:]]).faults[0].words == "line 4 is missing before line 5"


def test_lines_that_are_missing_behind_a_changed_one_are_found_as_well() -> None:
    lines = [*WHOLE[:3], WHOLE[3].replace(b"203", b"999"), *WHOLE[6:]]
    assert found(checked(lines)) == [(4, 4, "changed"), (5, 7, "missing")]


def test_exchanged_lines_are_found() -> None:
    lines = [*WHOLE[:3], WHOLE[4], WHOLE[3], *WHOLE[5:]]
    assert found(checked(lines)) == [(4, 5, "missing"), (5, 4, "order")]


def test_a_repeated_line_is_found() -> None:
    assert found(checked([*WHOLE[:3], WHOLE[2], *WHOLE[3:]])) == [(4, 3, "order")]


def test_a_cut_through_two_lines_is_found() -> None:
    joined = WHOLE[3][:40] + WHOLE[5][60:]
    report = checked([*WHOLE[:3], joined, *WHOLE[6:]])
    assert found(report)[0][:2] == (4, 4)
    assert (5, 7, "missing") in found(report)


def test_a_foreign_line_is_found_and_the_others_are_not_blamed() -> None:
    report = checked([*WHOLE[:3], b"hello\n", *WHOLE[3:]])
    assert found(report) == [(4, 4, "foreign")]
    assert found(checked([*WHOLE[:3], b"hello\n", b"\n", *WHOLE[3:]])) == [(4, 4, "foreign")]
    assert "and 1 more" in checked([*WHOLE[:3], b"hello\n", b"\n", *WHOLE[3:]]).faults[0].words


def test_a_line_that_became_unreadable_is_one_fault() -> None:
    assert found(checked([*WHOLE[:3], b"x" * 300 + b"\n", *WHOLE[4:]])) == [(4, 4, "foreign")]


def test_a_foreign_line_at_the_end_is_found() -> None:
    assert found(checked([*WHOLE, b"hello\n"])) == [(10, 10, "foreign")]
    assert found(checked([*WHOLE, b"hello\n", b"hel"])) == [(10, 10, "foreign")]


def test_an_emptied_trail_is_found() -> None:
    assert found(checked([])) == [(0, 0, "empty")]


def test_a_very_long_line_comes_in_pieces_and_is_one() -> None:
    verifier = Verifier()
    for line in WHOLE[:2]:
        verifier.feed("a", 1, line)
    for piece in (b"x" * 1000, b"x" * 1000, b"x\n"):
        verifier.feed("a", 3, piece)
    verifier.feed("a", 4, WHOLE[2])
    report = verifier.finish()
    assert found(report) == [(3, 3, "foreign")]
    assert "more" not in report.faults[0].words


def test_only_the_first_hundred_faults_are_kept_and_all_are_counted() -> None:
    lines = [line.replace(b'"status"', b'"stadus"') for line in trail(120)]
    report = checked(lines)
    assert (len(report.faults), report.count) == (100, 120)


# ── where it begins and ends ────────────────────────────────────────────────────────────────────────────────────


def test_a_trail_that_lost_its_beginning_is_found() -> None:
    report = checked(WHOLE[3:])
    assert found(report) == [(1, 4, "missing")]
    assert report.faults[0].words.startswith("lines 1 to 3 are missing before line 4")
    assert report.first == 4


def test_a_changed_first_line_is_all_that_is_wrong() -> None:
    assert found(checked([WHOLE[0].replace(b"200", b"201"), *WHOLE[1:]])) == [(1, 1, "changed")]


def test_a_line_that_says_what_was_removed_makes_up_for_it() -> None:
    gone = End(3, head_of(WHOLE[2]))
    later = chained(
        [note(REMOVED, NOON, {"files": 1, "from": "a.1", "to": "a.1", "last": 3, "head": gone.head})], End(9, HEAD)
    )
    report = checked([*WHOLE[3:], *later])
    assert report.count == 0
    assert report.notes == ["lines 1 to 3 were removed, and a line says so (audit.keep)"]


@pytest.mark.parametrize("members", [{"last": 2, "head": head_of(WHOLE[2])}, {"last": 3, "head": GENESIS}, {}])
def test_a_line_that_says_that_others_were_removed_does_not(members: dict[str, object]) -> None:
    later = chained([note(REMOVED, NOON, members)], End(9, HEAD))
    assert found(checked([*WHOLE[3:], *later])) == [(1, 4, "missing")]


def test_a_made_up_line_without_json_in_it_ends_nothing() -> None:
    later = chained([note(REMOVED, NOON, {}) + ",[[", note(CONTINUED, NOON, {}) + ",[["], End(9, HEAD))
    assert found(checked([*WHOLE[3:], later[0], b"torn\n", later[1]])) == [(8, 11, "foreign"), (1, 4, "missing")]


def test_a_line_of_brackets_ends_nothing_either() -> None:
    later = chained([f"{note(REMOVED, NOON, {})},{'[' * 100_000}"], End(9, HEAD))
    assert found(checked([*WHOLE[3:], *later])) == [(1, 4, "missing")]


def test_an_older_part_kept_elsewhere_is_made_up_for_by_its_head() -> None:
    assert checked(WHOLE[3:], after=head_of(WHOLE[2])).count == 0
    assert checked(WHOLE, after=GENESIS).count == 0
    assert found(checked(WHOLE[3:], after=head_of(WHOLE[1]))) == [(1, 4, "missing")]
    assert found(checked([b"x\n", *WHOLE[4:]], after=head_of(WHOLE[2]))) == [(1, 1, "foreign")]


def test_a_cut_off_end_is_found_with_a_head_alone() -> None:
    assert checked(WHOLE[:6]).count == 0
    assert found(checked(WHOLE[:6], head=HEAD)) == [(6, 0, "head")]
    assert checked(WHOLE, head=HEAD).count == 0
    assert checked(WHOLE, head=head_of(WHOLE[5])).count == 0


# ── a process that was killed ───────────────────────────────────────────────────────────────────────────────────


def continued(torn: bytes, after: End) -> list[bytes]:
    told = Torn.of(torn)
    return chained([note(CONTINUED, NOON, {"torn": told.size, "torn_sha256": told.digest})], after)


def test_a_torn_last_line_is_noted() -> None:
    report = checked([*WHOLE[:5], WHOLE[5][:50]])
    assert (report.count, report.last, len(report.notes)) == (0, 5, 1)
    assert report.notes[0].startswith("a:6 is torn")


def test_a_torn_line_that_the_next_one_tells_of_is_noted() -> None:
    torn, end = WHOLE[5][:50], End(5, head_of(WHOLE[4]))
    report = checked([*WHOLE[:5], torn + b"\n", *continued(torn, end)])
    assert (report.count, report.last) == (0, 6)
    assert report.notes == ["a:6 is torn (50 bytes), and line 6 says so"]


def test_a_torn_line_may_begin_the_trail() -> None:
    torn = WHOLE[0][:50]
    assert checked([torn + b"\n", *continued(torn, End())]).count == 0


def test_two_torn_lines_are_told_of_together() -> None:
    torn, end = [WHOLE[5][:50], b'{"seq":6,"ti'], End(5, head_of(WHOLE[4]))
    report = checked([*WHOLE[:5], *(line + b"\n" for line in torn), *continued(b"".join(torn), end)])
    assert report.count == 0


@pytest.mark.parametrize("change", [lambda torn: torn[:-1], lambda torn: torn[:-1] + b"x"])
def test_a_torn_line_that_was_changed_is_found(change: Callable[[bytes], bytes]) -> None:
    torn, end = WHOLE[5][:50], End(5, head_of(WHOLE[4]))
    assert found(checked([*WHOLE[:5], change(torn) + b"\n", *continued(torn, end)])) == [(6, 6, "foreign")]


def test_a_changed_line_does_not_become_a_torn_one_by_a_line_with_a_wrong_hash() -> None:
    torn, end = WHOLE[5][:50], End(5, head_of(WHOLE[4]))
    told = continued(torn, end)[0].replace(b'"time":"2', b'"time":"3')
    assert found(checked([*WHOLE[:5], torn + b"\n", told])) == [(6, 6, "foreign"), (7, 6, "changed")]


def test_only_the_first_hundred_notes_are_kept() -> None:
    lines = WHOLE[:5]
    for _ in range(120):
        end = End(seq_of(lines[-1]), head_of(lines[-1]))
        lines = [*lines, b"torn\n", *continued(b"torn", end)]
    assert (len(checked(lines).notes), checked(lines).count) == (100, 0)


# ── any change at all ───────────────────────────────────────────────────────────────────────────────────────────


def meddled(text: bytes) -> bool:
    """Tell whether a changed trail is found to be one, by somebody who kept its head."""
    lines = text.split(b"\n")
    pieces = [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    return checked(pieces, head=HEAD).count > 0


@given(st.integers(0, len(text_of(WHOLE)) - 2), st.integers(0, 255))
def test_any_other_byte_is_found(at: int, byte: int) -> None:
    text = bytearray(text_of(WHOLE))
    assume(text[at] != byte)
    text[at] = byte
    assert meddled(bytes(text))


@given(st.integers(0, len(text_of(WHOLE)) - 2), st.integers(1, 4000))
def test_any_cut_is_found(at: int, length: int) -> None:
    text = text_of(WHOLE)
    assert meddled(text[:at] + text[at + length :])


@given(st.integers(0, len(text_of(WHOLE)) - 2), st.binary(min_size=1, max_size=40))
def test_anything_put_in_is_found(at: int, more: bytes) -> None:
    text = text_of(WHOLE)
    changed = text[:at] + more + text[at:]
    assume(changed != text)
    assert meddled(changed)


@given(LINES, LINES)
def test_any_two_exchanged_lines_are_found(one: int, other: int) -> None:
    assume(one != other)
    lines = list(WHOLE)
    lines[one], lines[other] = lines[other], lines[one]
    assert meddled(text_of(lines))
    assert checked(lines).count > 0


@given(st.permutations(range(len(WHOLE))))
def test_any_other_order_is_found(order: list[int]) -> None:
    assume(order != sorted(order))
    assert checked([WHOLE[index] for index in order]).count > 0


@given(LINES, st.integers(1, 4))
def test_any_removed_lines_are_found_and_but_for_the_last_ones_without_a_head(first: int, count: int) -> None:
    lines = WHOLE[:first] + WHOLE[first + count :]
    assert meddled(text_of(lines))
    assert (checked(lines).count > 0) is (first + count < len(WHOLE) or not lines)


@given(LINES, st.binary(max_size=60))
def test_a_replaced_line_with_a_hash_made_anew_is_found(which: int, path: bytes) -> None:
    members = json.loads(WHOLE[which])
    forged, head = seal(which + 1, note("request", NOON, {"path": path.decode("latin-1")}), members["prev"])
    lines = [*WHOLE[:which], f"{forged}\n".encode(), *WHOLE[which + 1 :]]
    assert head != members["hash"]
    assert meddled(text_of(lines))
    assert (checked(lines).count > 0) is (which < len(WHOLE) - 1)


def test_a_trail_that_was_made_anew_to_its_end_is_found_with_a_head_alone() -> None:
    forged = trail(3) + chained((note("request", NOON, {"status": 1}) for _ in range(6)), End(3, head_of(WHOLE[2])))
    assert [seq_of(line) for line in forged] == list(range(1, 10))
    assert checked(forged).count == 0
    assert found(checked(forged, head=HEAD)) == [(9, 0, "head")]
