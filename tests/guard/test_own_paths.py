from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import RequestDenied
from sidecar.guard.own_paths import OwnCall, OwnPaths, has_one_reading
from sidecar.guard.refusal import rule_of

PATHS = OwnPaths.build(
    [
        ("POST", "/api/v2/auth/token"),
        (None, "/api/v2/auth/token/refresh"),
        ("DELETE", "/api/v2.1/users/{userId}/sessions/{sessionId}"),
        (None, "/API/Auth/x-{kind}"),
    ]
)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/auth/token",
        "/api/v2/auth//token",
        "//api/v2/auth/token",
        "/API/v2/auth/token/",
        "/api/v2/auth/%74oken",
        "/api/v2/auth/%2574oken",
        "/api/v2/auth/%252574oken",
        "/api/v2/auth%2ftoken",
        "/api/v2/auth%5ctoken",
        "/api/v2/auth/token;params",
        "/api/v2/auth/token%3bparams",
        "/api/v2;a=b/auth/token",
        "/api/;x/v2/auth/token",
        "/api/v2/auth/token%20",
        "/api/v2/auth/token.json",
        "/api/v2/auth/token.",
        "/api/v2/auth/TO%E2%84%AAEN",
        "/api/%252e/v2/auth/token",
        "/api/v2/x/%252e%252e/auth/token",
        "/%252e%252e/api/v2/auth/token",
    ],
)
def test_a_login_path_is_refused_in_every_spelling(path: str) -> None:
    assert PATHS.hold(["POST"], path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v2/auth"),
        ("POST", "/api/v2/auth/tokens"),
        ("POST", "/api/v2/auth/token/other"),
        ("POST", "/x/api/v2/auth/token"),
        ("GET", "/api/v2/auth/token"),
        ("DELETE", "/api/v2.1/users/7/sessions"),
        ("DELETE", "/api/v2.1/users//sessions/s"),
        ("DELETE", "/api/v2x1/users/7/sessions/s"),
        ("GET", "/api/v2.1/users/7/sessions/s"),
        ("POST", "/"),
        ("POST", "/%zz%e9"),
    ],
)
def test_any_other_path_is_none_of_them(method: str, path: str) -> None:
    assert not PATHS.hold([method], path)


@pytest.mark.parametrize(
    ("methods", "path"),
    [
        (["GET"], "/api/v2/auth/token/refresh"),
        (["DELETE"], "/api/v2.1/users/7/sessions/s-1"),
        (["delete"], "/api/v2.1/users/7/sessions/%e9"),
        (["POST", "DELETE"], "/api/v2.1/users/7/sessions/s-1"),
        (["GET"], "/api/auth/X-login"),
    ],
)
def test_methods_and_placeholders_are_the_patterns(methods: list[str], path: str) -> None:
    assert PATHS.hold(methods, path)


def test_a_method_is_compared_in_any_case_of_the_pattern() -> None:
    assert OwnPaths.build([("delete", "/a")]).hold(["DELETE"], "/a")


class Slow(OwnPaths):
    """The same paths without the short cut."""

    def _may_be_one(self, path: str) -> bool:  # noqa: ARG002  # every path may
        return True


TABLE = [
    ("POST", "/api/v2/auth/token"),
    (None, "/a/{x}/b-{y}/{z}"),
    (None, "/{x}-Token/c;d"),
    ("DELETE", "/sessions/{id}"),
    (None, "/stra\u00dfe/s"),
]
WORDS = "/ // api API v2 auth token Token -token a b- b c ; %74 %2f \\ sessions . .. .json x %25 strasse s"
PIECES = st.sampled_from([*WORDS.split(), " "])


@given(st.lists(PIECES, max_size=9).map("".join), st.sampled_from(["POST", "GET", "delete"]))
def test_the_short_cut_lets_nothing_through_that_the_loosest_reading_would_not(path: str, method: str) -> None:
    for table in (TABLE, [row for row in TABLE if "x" not in row[1]], [(None, "/{only}")]):
        assert OwnPaths.build(table).hold([method], path) == Slow.build(table).hold([method], path)


def test_a_letter_that_only_folding_shows_to_be_another_is_read_as_that_one() -> None:
    assert OwnPaths.build([(None, "/s")]).hold(["GET"], "/\u017f")


@pytest.mark.parametrize(
    ("path", "one"),
    [
        ("/api/v2/auth/token", True),
        ("/API/v2/auth/Token", True),
        ("/api/v2/auth/token/", False),
        ("/api/v2//auth/token", False),
        ("/api/v2/auth/logout/../token", False),
        ("/api/v2/auth/token;x", False),
        ("/api/v2/auth\\token", False),
        ("/api/v2/auth/%74oken", False),
        ("/api/v2/auth/%25", False),
        ("/api/v2/auth/token ", False),
        ("/api/v2/auth/to\u212aen", False),
    ],
)
def test_a_path_has_one_reading_where_nothing_in_it_can_be_taken_otherwise(path: str, one: bool) -> None:  # noqa: FBT001  # a table of expectations
    assert has_one_reading(path) is one


def test_whoever_has_no_answer_to_a_call_of_the_sessions_own_refuses_it() -> None:
    call = OwnCall(["POST", "DELETE"], "/api/v2/auth/%74oken")
    assert isinstance(call, RequestDenied)
    assert (call.status, rule_of(call)) == (403, "login_endpoint")
    assert (call.methods, call.path) == (("POST", "DELETE"), "/api/v2/auth/%74oken")
    assert "authenticated already" in call.remedy
