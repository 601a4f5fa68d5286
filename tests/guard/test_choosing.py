"""Whose a request is: what is listed chooses, and nothing else does."""

from __future__ import annotations

import pytest

from sidecar.guard.choosing import Chooser, Found, Place
from sidecar.guard.refusal import Denied, Malformed

HOST = (b"Host", b"localhost")
EVERY = Chooser.build(
    [
        Place("a", prefix="/a"),
        Place("ab", prefix="/a/b"),
        Place("kept", prefix="/kept", strips=False),
        Place("x", name="X-Tenant", values=("x", "ex")),
        Place("y", name="x-tenant", values=("y",)),
        Place("z", name="X-Other", values=("z",)),
        Place("rest"),
    ]
)


@pytest.mark.parametrize(
    ("target", "tenant", "asked"),
    [
        ("/a/x", "a", "/x"),
        ("/a", "a", "/"),
        ("/a?b=/a", "a", "/?b=/a"),
        ("/a/", "a", "/"),
        ("/a//x", "a", "//x"),
        ("/a/x/", "a", "/x/"),
        ("/a/b", "ab", "/"),
        ("/a/b/c?d", "ab", "/c?d"),
        ("/a/bc", "a", "/bc"),
        ("/%61/x%20y", "a", "/x%20y"),
        ("/kept/x", "kept", "/kept/x"),
        ("/A/x", "rest", "/A/x"),
        ("/ab", "rest", "/ab"),
        ("//a/x", "rest", "//a/x"),
        ("/x/a", "rest", "/x/a"),
        ("/", "rest", "/"),
        ("/?/a/b", "rest", "/?/a/b"),
    ],
)
def test_a_path_is_the_longest_prefixs_and_what_is_left_of_it_is_finhubs(target: str, tenant: str, asked: str) -> None:
    assert EVERY.choose(target, (HOST,)) == Found(tenant, asked)


@pytest.mark.parametrize(
    ("fields", "tenant"),
    [
        ([(b"X-Tenant", b"x")], "x"),
        ([(b"x-TENANT", b" \tex ")], "x"),
        ([(b"X-Tenant", b"y")], "y"),
        ([(b"X-Other", b"z")], "z"),
        ([(b"X_Tenant", b"x")], "rest"),
    ],
)
def test_a_field_names_a_tenant_by_one_of_its_values(fields: list[tuple[bytes, bytes]], tenant: str) -> None:
    assert EVERY.choose("/q", (HOST, *fields)) == Found(tenant, "/q")


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("/q", [(b"X-Tenant", b"other")]),
        ("/q", [(b"X-Tenant", b"X")]),
        ("/q", [(b"X-Tenant", b"")]),
        ("/q", [(b"X-Tenant", b"x, y")]),
        ("/q", [(b"X-Tenant", b"x"), (b"X-Tenant", b"x")]),
        ("/q", [(b"X-Tenant", b"x"), (b"X-Other", b"z")]),
        ("/a/q", [(b"X-Tenant", b"x")]),
        ("/a/q", [(b"X-Tenant", b"other")]),
        ("/a%2fb/q", []),
        ("/q/%5cb", []),
        ("/q/%252e%252e/a", []),
        ("/a%zz", []),
    ],
)
def test_who_says_two_things_or_names_nobody_is_refused(target: str, fields: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Denied) as refused:
        EVERY.choose(target, (HOST, *fields))
    assert refused.value.rule == "tenant"
    assert "[[tenants]]" in refused.value.remedy


@pytest.mark.parametrize("target", ["/x/../a/q", "/x/%2e%2e/a", "/a/./q", "http://h/a", "*", "/x\\..\\a"])
def test_a_target_with_two_meanings_is_nobodys(target: str) -> None:
    with pytest.raises(Malformed):
        EVERY.choose(target, (HOST,))


def test_a_tenant_may_say_by_path_and_field_what_is_the_same() -> None:
    chooser = Chooser.build([Place("a", prefix="/a"), Place("a", name="X-Tenant", values=("a",))])
    assert chooser.choose("/a/q", ((b"X-Tenant", b"a"),)) == Found("a", "/q")


def test_without_a_default_the_rest_is_refused_and_without_prefixes_no_path_is_looked_at() -> None:
    chooser = Chooser.build([Place("x", name="X-Tenant", values=("x",))])
    with pytest.raises(Denied):
        chooser.choose("/q", (HOST,))
    assert chooser.choose("/x/../q", ((b"X-Tenant", b"x"),)) == Found("x", "/x/../q")  # for the guard to refuse
    assert Chooser.build([Place("a")]).choose("/q", ((b"X-Tenant", b"x"),)) == Found("a", "/q")
