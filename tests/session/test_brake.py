"""An endpoint that always says 401 is braked by itself, whatever the others say."""

from __future__ import annotations

import pytest

from sidecar.session.brake import EndpointBrake, template_of

BAD, GOOD = "GET /bad", "GET /good"


def struck(times: int) -> EndpointBrake:
    brake = EndpointBrake()
    for second in range(times):
        brake.rejected(BAD, float(second))
        brake.strike(BAD)
    return brake


def test_two_strikes_are_not_enough() -> None:
    assert not struck(2).holds(BAD, 2.0)


def test_three_strikes_hold_for_a_minute_from_the_last_rejection() -> None:
    brake = struck(3)
    assert brake.holds(BAD, 61.9)
    assert not brake.holds(BAD, 62.0)


def test_another_endpoint_is_not_held_and_its_good_replies_change_nothing() -> None:
    brake = struck(3)
    brake.clear(GOOD)
    assert not brake.holds(GOOD, 3.0)
    assert brake.holds(BAD, 3.0)


def test_its_own_good_reply_clears_an_endpoint() -> None:
    brake = struck(3)
    brake.clear(BAD)
    assert not brake.holds(BAD, 3.0)
    assert brake.suspects == 0


def test_the_table_has_a_bound_and_forgets_who_was_seen_least_recently() -> None:
    brake = struck(3)
    for number in range(1024):
        brake.strike(f"M{number} /other")
    assert not brake.holds(BAD, 3.0)


@pytest.mark.parametrize(
    ("struck_path", "asked_path", "same"),
    [
        ("/wallets/w-1/balance", "/wallets/w-2/balance", True),
        ("/users/%C3%BC/x", "/users/%C3%A4/x", True),
        (f"/a/{'x' * 33}/b", f"/a/{'y' * 40}/b", True),
        ("/wallets/list", "/wallets/all", False),
        ("/api/v2/wallets", "/api/v2.1/wallets", False),
        ("/wallets/v12", "/wallets/v2.10", True),
        ("/wallets/w-1/balance", "/wallets/w-1/orders", False),
    ],
)
def test_ids_in_a_path_do_not_make_another_endpoint(struck_path: str, asked_path: str, same: bool) -> None:  # noqa: FBT001  # a row of the table
    brake = EndpointBrake()
    brake.rejected(f"GET {struck_path}", 0.0)
    for _ in range(3):
        brake.strike(f"GET {struck_path}")
    assert brake.holds(f"GET {asked_path}", 1.0) is same
    assert not brake.holds(f"POST {asked_path}", 1.0)


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/api/v2.1/wallets/w-1/balance", "/api/v2.1/wallets/*/balance"),
        ("/api/v2", "/api/v2"),
        ("/v2.1x/v10", "/*/*"),
        ("/a//7/", "/a//*/"),
        ("", ""),
    ],
)
def test_a_template_keeps_the_words_and_the_version_of_a_path(path: str, template: str) -> None:
    assert template_of(path) == template
