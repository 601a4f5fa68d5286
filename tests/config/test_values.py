from __future__ import annotations

import base64
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import values
from sidecar.config.problems import Unfit


@given(st.integers(0, values.LARGEST))
def test_a_size_written_by_us_is_read_as_the_same_number_of_bytes(count: int) -> None:
    assert values.size(values.format_size(count)) == count


@given(st.integers(0, 1024), st.sampled_from([("B", 1), ("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30)]))
def test_units_are_powers_of_1024(count: int, unit: tuple[str, int]) -> None:
    assert values.size(f"{count}{unit[0]}") == values.size(f"{count} {unit[0]}") == count * unit[1]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0B"), (1000, "1000B"), (2**20, "1MiB"), (3 * 2**10, "3KiB"), (2**31, "2GiB")]
)
def test_a_size_is_written_in_the_largest_unit_that_divides_it(count: int, text: str) -> None:
    assert values.format_size(count) == text


def test_bytes_may_be_a_bare_number_in_either_spelling() -> None:
    assert values.size(4096) == values.size("4096") == values.positive_size(4096) == 4096


@pytest.mark.parametrize(
    "value", ["", "1MB", "1mib", "-1", "1.5MiB", "MiB", "1 MiB ", " 1", "1e3", "٣", True, 1.0, None, -1, 2**40 + 1]
)
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        values.size(value)
    with pytest.raises(Unfit):
        values.positive_size(value)


def test_nothing_is_a_size_only_where_it_makes_sense() -> None:
    assert values.size("0B") == 0
    with pytest.raises(Unfit, match="from 1 to"):
        values.positive_size(0)


@given(st.floats(0, values.LONGEST, exclude_min=True) | st.integers(1, int(values.LONGEST)))
def test_a_duration_is_its_number_of_seconds(duration: float) -> None:
    assert values.positive_seconds(duration) == values.seconds(duration) == duration
    assert isinstance(values.seconds(duration), float)


@pytest.mark.parametrize("part", [0, 0.25, 1])
def test_a_share_is_a_number_from_nothing_to_all(part: float) -> None:
    assert values.share(part) == part
    assert isinstance(values.share(part), float)


@pytest.mark.parametrize("value", ["1", True, None, -0.1, 1.01, math.nan, math.inf, 10**400])
def test_what_is_no_share_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        values.share(value)


@pytest.mark.parametrize("value", ["1", True, None, -1, -0.1, math.nan, math.inf, -math.inf, 10**400, 2_678_401])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        values.seconds(value)
    with pytest.raises(Unfit):
        values.positive_seconds(value)


def test_no_time_is_a_duration_only_where_it_makes_sense() -> None:
    assert values.seconds(0) == 0
    with pytest.raises(Unfit, match="above 0"):
        values.positive_seconds(0)


@pytest.mark.parametrize("value", ["a", "Ünïcödé 💶", "two words"])
def test_a_text_is_taken_as_it_is(value: str) -> None:
    assert values.text(value) == value


@pytest.mark.parametrize("value", ["", 1, None, ["a"], "a\nb", "a\x00", "\x7f", "\udc80"])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        values.text(value)


def test_an_unprintable_but_harmless_character_is_text() -> None:
    assert values.text("a\u00a0b") == "a\u00a0b"


@pytest.mark.parametrize("value", ["é", " a", "a ", "a\tb", ""])
def test_what_cannot_stand_in_a_field_is_refused(value: str) -> None:
    with pytest.raises(Unfit):
        values.visible(value)


def test_a_visible_text_is_taken_as_it_is() -> None:
    assert values.visible("12 34") == "12 34"


@pytest.mark.parametrize("value", ["/", "/a/b?c=d", "/%20"])
def test_a_target_begins_with_a_slash(value: str) -> None:
    assert values.target(value) == value


@pytest.mark.parametrize("value", ["", "a", "/a b", "/a#b", "/é", "http://a/", None])
def test_what_is_no_target_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        values.target(value)


@pytest.mark.parametrize(
    ("written", "mode"), [("0600", "0600"), ("660", "0660"), ("0777", "0777"), ("200", "0200"), ("0206", "0206")]
)
def test_a_mode_is_three_octal_digits_with_or_without_a_nought_before_them(written: str, mode: str) -> None:
    assert values.mode(written) == mode


@pytest.mark.parametrize(
    "wrong", ["", "600 ", "0o600", "00600", "1777", "4600", "680", "60", "rw-rw----", "٦٦٠", 600, 0o600, True, None]
)
def test_what_is_no_mode_is_refused(wrong: object) -> None:
    with pytest.raises(Unfit, match="octal"):
        values.mode(wrong)


@pytest.mark.parametrize("wrong", ["000", "0077", "0466", "0500"])
def test_a_mode_without_which_not_even_the_owner_could_connect_is_refused(wrong: str) -> None:
    with pytest.raises(Unfit, match="owner must be able to write"):
        values.mode(wrong)


@pytest.mark.parametrize("name", ["app", "1000", "0", "_apt", "jürgen", "DOMAIN\\user", "user@example.com", "a.b-c$"])
def test_a_user_is_a_name_or_a_number_in_whatever_letters(name: str) -> None:
    assert values.user(name) == values.owner(name) == name


@pytest.mark.parametrize(
    "wrong", ["", " app", "app ", "a b", "a:b", ":", "a\u00a0b", "a\nb", "a\x00", 1000, True, None]
)
def test_what_is_no_user_is_refused(wrong: object) -> None:
    with pytest.raises(Unfit):
        values.user(wrong)


@pytest.mark.parametrize("owner", ["app", "app:www-data", ":www-data", "1000:1000", ":0"])
def test_an_owner_is_a_user_a_group_or_both(owner: str) -> None:
    assert values.owner(owner) == owner


@pytest.mark.parametrize("wrong", ["", ":", "app:", "::a", "a:b:c", "a: b", "a :b", "a b", 1000, None, ["app"]])
def test_what_is_no_owner_is_refused(wrong: object) -> None:
    with pytest.raises(Unfit):
        values.owner(wrong)


PIN = base64.b64encode(bytes(range(32))).decode()


@pytest.mark.parametrize("written", [PIN, f"sha256//{PIN}", f"sha256/{PIN}"])
def test_a_pin_is_a_digest_in_base64_with_or_without_its_algorithm(written: str) -> None:
    assert values.pin(written) == PIN


@pytest.mark.parametrize("wrong", [1, "", "nonsense", PIN[:-4], f"{PIN}AAAA", PIN.replace("A", "!"), "ü" * 44])
def test_whatever_else_is_no_pin(wrong: object) -> None:
    with pytest.raises(Unfit):
        values.pin(wrong)
