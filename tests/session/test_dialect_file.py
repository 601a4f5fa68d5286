"""Dialects from files: built-in ones by name, others by path, and every mistake named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sidecar.errors import ConfigError
from sidecar.session.calls import login
from sidecar.session.dialect_file import built_in, load, parse

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
also_own = ["/old/login/{id}"]

[login]
path = "/oauth/{tenant_id}/token"
fields = { X-Client = "{customer_id}" }
client_credentials = ["secret"]
[login.body]
user = "{username}"
secret = "{customer_secret}"

[reply]
token = "result.jwt"
"""


def test_six_dialects_are_built_in() -> None:
    names = ("fincard", "integration", "playground", "production", "v2.1-admin", "v2.1-customer")
    assert built_in() == names
    assert tuple(load(name).name for name in names) == names


def test_integration_and_production_differ_in_name_alone() -> None:
    assert load("integration").replaced({"name": "production"}) == load("production")


def test_a_new_dialect_needs_a_file_and_no_code(tmp_path: Path) -> None:
    file = tmp_path / "house.toml"
    file.write_text(OWN, "utf-8")
    dialect = load(str(file))
    call = login(dialect, {"username": "u", "customer_id": "c", "customer_secret": "s", "tenant_id": "t/1"})
    assert dialect.name == "house"
    assert dialect.reply.token == ("result.jwt",)
    assert (call.path, call.fields, call.body) == (
        "/oauth/t%2F1/token",
        ((b"X-Client", b"c"),),
        b'{"user": "u", "secret": "s"}',
    )


@pytest.mark.parametrize("name", ["produktion", "", "no/such/file.toml", "nul\x00.toml"])
def test_neither_a_name_nor_a_file_says_what_there_is(name: str) -> None:
    with pytest.raises(ConfigError, match=r"neither a built-in dialect nor a readable file") as caught:
        load(name)
    assert "production" in caught.value.remedy


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"not a path of UTF-8 text"):
        load(str(file))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = 1\n[login\n", r"not TOML: .*\(at line 2, column 7\)"),
        ("", r"login: Field required"),
        ("name = 'x'\n[login]\npath = '/a'", r"name: no such key"),
        ("colour = 1\n[login]\npath = '/a'", r"colour: no such key"),
        ("[login]\npath = '/a'\npaht = '/b'", r"login\.paht: no such key"),
        ("[login]\npath = 'a'", r"login\.path\.0: a path starts with '/'"),
        ("[login]\npath = []", r"login\.path: "),
        ("[login]\npath = 7", r"login\.path: "),
        ("[login]\npath = '/a?b=c'", r"login\.path\.0: "),
        ("[login]\npath = '/{password}'", r"login: \{password\} cannot be used here; there are individual_id"),
        ("[login]\npath = '/{session_id}'", r"login: \{session_id\} cannot be used here"),
        ("[login]\npath = '/a'\nmethod = 'BREW'", r"login\.method: "),
        ("[login]\npath = '/a'\nbody = { a = '{token}' }", r"login: \{token\} cannot be used here"),
        ("[login]\npath = '/a'\nbody = { a = ['{usrename}'] }", r"login: \{usrename\} cannot be used here"),
        ("[login]\npath = '/a'\nbody = { a = [{ b = nan }] }", r"login\.body: inf and nan do not exist"),
        ("[login]\npath = '/a'\nbody = { a = 1979-05-27 }", r"login\.body\.a"),
        ("[login]\npath = '/a'\nfields = { Host = 'x' }", r"login\.fields: 'Host' is no field"),
        ("[login]\npath = '/a'\nfields = { content-length = '1' }", r"login\.fields: 'content-length' is no field"),
        ("[login]\npath = '/a'\nfields = { 'a b' = 'x' }", r"login\.fields: 'a b' is no field"),
        ("[login]\npath = '/a'\nfields = { A = \"x\\ny\" }", r"login\.fields: the value of A"),
        ("[login]\npath = '/a'\nfields = { A = '{session}' }", r"login: \{session\} cannot be used here"),
        ("[login]\npath = '/a'\nclient_credentials = ['x']", r"login: client_credentials: the body has no member 'x'"),
        (
            "[login]\npath = '/a'\n[refresh]\npath = '/b'\nbody = { p = '{customer_secret}' }",
            r"refresh: \{customer_secret\} cannot be used here",
        ),
        ("[login]\npath = '/a'\n[logout]\npath = '/{token}'", r"logout: \{token\} cannot be used here"),
        ("[login]\npath = '/a'\n[reply]\ntoken = 'a..b'", r"reply\.token\.0: a place is names"),
        ("[login]\npath = '/a'\n[reply]\njwt = 'a'", r"reply\.jwt: no such key"),
        ("also_own = ['x']\n[login]\npath = '/a'", r"also_own\.0: a path starts"),
    ],
)
def test_a_mistake_is_named_by_its_key(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        parse("x", text, where="x.toml")
    assert all(line.startswith("session.dialect: x.toml: ") for line in caught.value.detail.splitlines())


@pytest.mark.parametrize("brackets", [("[", "]"), ("{ a = ", "}")])
def test_a_nesting_without_end_is_a_mistake(brackets: tuple[str, str]) -> None:
    deep = f"{brackets[0] * 5000}1{brackets[1] * 5000}"
    with pytest.raises(ConfigError, match=r"x\.toml: a nesting without end"):
        parse("x", f"[login]\npath = '/a'\nbody = {{ a = {deep} }}", where="x.toml")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("x", "a = 1\n[login]\npath = 'x'\nb = 2", where="x")
    assert len(caught.value.detail.splitlines()) == 3
