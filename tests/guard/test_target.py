from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import MalformedRequest
from sidecar.guard.refusal import Malformed, rule_of
from sidecar.guard.target import decoded, require_sound_target


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/?", "/"),
        ("/a?b=c", "/a"),
        ("/a//b", "/a//b"),
        ("//evil.example/x", "//evil.example/x"),
        ("/a%2Fb%5Cc", "/a%2Fb%5Cc"),
        ("/a%zz%", "/a%zz%"),
        ("/a;v=1/b", "/a;v=1/b"),
        ("/caf%C3%A9%e9", "/caf%C3%A9%e9"),
        ("/%2500", "/%2500"),
        ("/%252e%252e/", "/%252e%252e/"),
        ("/v2.1/...", "/v2.1/..."),
        ("/.well-known/..a/a../.;", None),
        ("/.well-known/..a/a..", "/.well-known/..a/a.."),
        ("/a?x=/../y", "/a"),
        ("/a?x=..%2f..&y=C:\\z", "/a"),
        ("/a?b?c", "/a"),
    ],
)
def test_the_path_of_a_sound_target_comes_back_untouched(target: str, path: str | None) -> None:
    if path is None:
        with pytest.raises(Malformed):
            require_sound_target(target)
    else:
        assert require_sound_target(target) == path


@pytest.mark.parametrize(
    "target",
    ["", "*", "http://evil.example/x", "https://localhost/", "evil.example:443", "a/b", "?x", "\\\\evil", " /a"],
)
def test_trap_i_only_an_origin_form_target_is_accepted(target: str) -> None:
    with pytest.raises(Malformed, match="origin-form"):
        require_sound_target(target)


@pytest.mark.parametrize(
    "target", ["/a#f", "/a?b#f", "/a b", "/a\tb", "/a\0", "/\x7f", "/a?\r\n", "/caf\xe9", "/caf\udce9", "/\u212a"]
)
def test_trap_x_fragments_and_characters_that_need_escaping_are_refused(target: str) -> None:
    with pytest.raises(Malformed, match="percent-encoded"):
        require_sound_target(target)


@pytest.mark.parametrize("target", ["/%00", "/a?b=%00", "/%2e%2e/%00"])
def test_trap_x_an_encoded_nul_is_refused(target: str) -> None:
    with pytest.raises(Malformed, match="NUL"):
        require_sound_target(target)


def test_a_backslash_in_the_path_is_refused() -> None:
    with pytest.raises(Malformed, match="backslash"):
        require_sound_target("/a\\b")


@pytest.mark.parametrize(
    "target",
    [
        "/..",
        "/.",
        "/../a",
        "/./a",
        "/a/../b",
        "/a/./b",
        "/a/..",
        "/a/.",
        "/a/..?q",
        "/%2e%2e/a",
        "/%2E%2e",
        "/.%2e/a",
        "/%2e./a",
        "/%2e",
        "/a%2f..%2fb",
        "/a/..%2fb",
        "/a/..%5cb",
        "/a%5c..",
        "/a/..;/b",
        "/a/..%3bx/b",
        "//../a",
    ],
)
def test_trap_x_dot_segments_are_refused_plain_and_encoded(target: str) -> None:
    with pytest.raises(Malformed, match="dot segment") as refusal:
        require_sound_target(target)
    assert refusal.value.status == 400
    assert rule_of(refusal.value) == "target"


@given(st.text())
def test_any_text_is_a_path_or_a_malformed_request(target: str) -> None:
    try:
        path = require_sound_target(target)
    except MalformedRequest:
        return
    assert target.startswith(path)


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/a", "/a"),
        ("/%61", "/a"),
        ("/%2561", "/%61"),
        ("/%zz%6", "/%zz%6"),
        ("/%e9", "/\udce9"),
        ("/\udce9%61", "/\udce9a"),
    ],
)
def test_decoding_happens_once_and_loses_nothing(path: str, plain: str) -> None:
    assert decoded(path) == plain
