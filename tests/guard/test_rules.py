from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import ConfigError, RequestDenied
from sidecar.guard.refusal import rule_of
from sidecar.guard.rules import AllowRules, matches


@pytest.mark.parametrize("path", ["/", "/a//b", "/a%2fb%5cc", "/%zz", "/a%2Eb"])
def test_the_default_allows_everything_and_reads_nothing_into_it(path: str) -> None:
    AllowRules.build(["* /**"]).admit(["GET", "WHATEVER"], path)


ALLOWED = [
    ("GET /a", "GET", "/a"),
    ("get  /a", "GET", "/a"),
    ("* /a", "PURGE", "/a"),
    ("GET /a/*", "GET", "/a/b"),
    ("GET /*/b", "GET", "/x;v=1/b"),
    ("GET /a/**", "GET", "/a"),
    ("GET /a/**", "GET", "/a/"),
    ("GET /a/**", "GET", "/a//b/c"),
    ("GET /a/**/c", "GET", "/a/c"),
    ("GET /a/**/c", "GET", "/a/b/c/b/c"),
    ("GET /**/b/**/d", "GET", "/a/b/x/b/d"),
    ("GET /caf\xe9", "GET", "/caf%C3%A9"),
    ("GET /", "GET", "/"),
    ("GET /**", "GET", "/any/thing"),
]


@pytest.mark.parametrize(("rule", "method", "path"), ALLOWED)
def test_what_a_rule_names_is_allowed(rule: str, method: str, path: str) -> None:
    AllowRules.build(["DELETE /other", rule]).admit([method], path)


@pytest.mark.parametrize(
    ("rule", "method", "path"),
    [
        ("GET /a", "POST", "/a"),
        ("GET /a", "get", "/a"),
        ("GET /a", "GET", "/A"),
        ("GET /a", "GET", "/a/"),
        ("GET /a", "GET", "//a"),
        ("GET /a", "GET", "/a;x"),
        ("GET /a", "GET", "/ab"),
        ("GET /a", "GET", "/"),
        ("GET /a/*", "GET", "/a"),
        ("GET /a/*", "GET", "/a/"),
        ("GET /a/*", "GET", "/a//b"),
        ("GET /a/*", "GET", "/a/b/c"),
        ("GET /a/**", "GET", "/ab"),
        ("GET /a/**/c", "GET", "/a/b"),
        ("GET /a/**/c", "GET", "/a/c/d"),
        ("GET /a.b", "GET", "/axb"),
        ("GET /a", "GET", "/%2561"),
    ],
)
def test_what_no_rule_names_is_refused_with_the_key_to_change(rule: str, method: str, path: str) -> None:
    with pytest.raises(RequestDenied) as refusal:
        AllowRules.build([rule]).admit([method], path)
    assert rule_of(refusal.value) == "allow"
    assert "listen.allow" in refusal.value.remedy


@pytest.mark.parametrize(
    "path", ["/a%2fb", "/a%2Fb", "/a%5cb", "/a%2eb", "/%2E", "/a%252fb", "/a%25252eb", "/a%zz", "/a%", "/a%2"]
)
def test_under_a_narrower_rule_a_path_with_two_meanings_is_refused(path: str) -> None:
    rules = AllowRules.build(["* /**", "GET /a"])
    with pytest.raises(RequestDenied, match="encoded dot") as refusal:
        rules.admit(["GET"], path)
    assert rule_of(refusal.value) == "allow"


def test_every_method_that_a_server_might_see_must_be_allowed() -> None:
    rules = AllowRules.build(["POST /a", "GET /a"])
    rules.admit(["POST", "GET"], "/a")
    with pytest.raises(RequestDenied):
        rules.admit(["POST", "DELETE"], "/a")


@pytest.mark.parametrize("text", ["", "/a", "GET", "GET a", "GET /a*", "GET /a**", "GET /***", "G,T /a", "GET /a /b"])
def test_a_rule_that_cannot_be_read_is_an_error_of_the_configuration(text: str) -> None:
    with pytest.raises(ConfigError, match=rf"listen\.allow: {re.escape(repr(text))}"):
        AllowRules.build([text])


def test_no_rule_at_all_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="no rule at all"):
        AllowRules.build([])


def _expression(glob: list[str]) -> re.Pattern[str]:
    """The same glob as a regular expression over segments that each end in a slash."""
    pieces = {"*": "[^/]+/", "**": "(?:[^/]*/)*"}
    return re.compile("".join(pieces.get(piece, f"{piece}/") for piece in glob))


@given(
    st.lists(st.sampled_from(["a", "b", "*", "**"]), max_size=6), st.lists(st.sampled_from(["a", "b", ""]), max_size=8)
)
def test_a_glob_matches_what_its_regular_expression_matches(glob: list[str], segments: list[str]) -> None:
    expected = _expression(glob).fullmatch("".join(f"{segment}/" for segment in segments))
    assert matches(glob, segments) == (expected is not None)


def test_no_path_makes_matching_slow() -> None:
    glob = ["**", "a"] * 10 + ["b"]
    start = time.process_time()
    assert not matches(glob, ["a"] * 4000)
    assert time.process_time() - start < 1


def test_what_is_remembered_of_one_method_or_path_is_not_said_of_another() -> None:
    rules = AllowRules.build(["GET /a", "POST /b"])
    for _ in range(2):
        rules.admit(["GET"], "/a")
        rules.admit(["POST"], "/b")
        for method, path in (("GET", "/b"), ("POST", "/a")):
            with pytest.raises(RequestDenied):
                rules.admit([method], path)
    assert rules.remembered("GET", "/a")


def test_a_long_path_is_judged_and_not_remembered() -> None:
    rules = AllowRules.build(["GET /a/*", "GET /b"])
    rules.admit(["GET"], "/a/" + "x" * 300)
    with pytest.raises(RequestDenied):
        rules.admit(["GET"], "/b/" + "x" * 300)
    assert rules.remembered.cache_info().currsize == 0  # type: ignore[attr-defined]  # it is an lru_cache
