"""Dialects from files: built-in ones by name, others by path, and every mistake named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sidecar.errors import ConfigError
from sidecar.session.calls import login
from sidecar.session.dialect_file import built_in, generations, load, parse

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


def test_the_generations_are_all_that_are_built_in_and_read_once() -> None:
    assert generations() == tuple(map(load, built_in()))
    assert generations() is generations()


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
        ("", r"login: found nothing; expected a value"),
        ("name = 'x'\n[login]\npath = '/a'", r"name: found an unknown key; .* a dialect is named as its file"),
        ("colour = 1\n[login]\npath = '/a'", r"colour: found an unknown key; expected also_own, login, refresh, "),
        ("[login]\npath = '/a'\npaht = '/b'", r"login\.paht: found an unknown key; expected path$"),
        ("[login]\npath = 'a'", r"login\.path: found a string; expected a path: it starts with '/'"),
        ("[login]\npath = ['/a', 'b']", r"login\.path\[1\]: found a string; expected a path"),
        ("[login]\npath = []", r"login\.path: found an empty list; expected at least one"),
        ("[login]\npath = 7", r"login\.path: found an integer; expected a string"),
        ("[login]\npath = '/a?b=c'", r"login\.path: "),
        ("[login]\npath = '/{password}'", r"login\.path: found \{password\}, which cannot be used here; expected \{"),
        ("[login]\npath = '/{session_id}'", r"login\.path: found \{session_id\}"),
        ("[login]\npath = '/a'\nmethod = 'BREW'", r"login\.method: found a string; expected GET, POST"),
        ("[login]\npath = '/a'\nbody = { a = '{token}' }", r"login\.body\.a: found \{token\}"),
        ("[login]\npath = '/a'\nbody = { a = ['{usrename}'] }", r"login\.body\.a\[0\]: .* expected \{username\}$"),
        ("[login]\npath = '/a'\nbody = { a = [{ b = nan }] }", r"login\.body\.a\[0\]\.b: found inf or nan"),
        ("[login]\npath = '/a'\nbody = { a = 1979-05-27 }", r"login\.body\.a: found a date or a time"),
        ("[login]\npath = '/a'\nfields = { Host = 'x' }", r"login\.fields\.Host: found a field that frames"),
        ("[login]\npath = '/a'\nfields = { content-length = '1' }", r"login\.fields\.content-length: found a field"),
        ("[login]\npath = '/a'\nfields = { 'a b' = 'x' }", r'login\.fields\."a b": found a name that no field'),
        ("[login]\npath = '/a'\nfields = { A = \"x\\ny\" }", r"login\.fields\.A: found a string; expected a legal"),
        ("[login]\npath = '/a'\nfields = { A = '{session}' }", r"login\.fields\.A: found \{session\}"),
        (
            "[login]\npath = '/a'\nclient_credentials = ['x']",
            r"login\.client_credentials\[0\]: found 'x', which is none; expected a member of the body",
        ),
        (
            "[login]\npath = '/a'\n[refresh]\npath = '/b'\nbody = { p = '{customer_secret}' }",
            r"refresh\.body\.p: found \{customer_secret\}, which cannot be used here",
        ),
        ("[login]\npath = '/a'\n[logout]\npath = '/{token}'", r"logout\.path: found \{token\}"),
        ("[login]\npath = '/a'\n[reply]\ntoken = 'a..b'", r"reply\.token: found a string; expected a place: "),
        (
            "[login]\npath = '/a'\n[reply]\njwt = 'a'",
            r"reply\.jwt: found an unknown key; expected token, refresh_token, ",
        ),
        ("also_own = ['x']\n[login]\npath = '/a'", r"also_own\[0\]: found a string; expected a path"),
        ("[login]\npath = '/a'\n[expired]\ncode_at = 'c'", r"expired\.codes: found nothing; expected a value"),
        (
            "[login]\npath = '/a'\n[expired]\ncode_at = 'c'\ncodes = [true]",
            r"expired\.codes\[0\]: found true or false;",
        ),
        (
            "[login]\npath = '/a'\n[expired]\ncode_at = 'c'\ncodes = ''",
            r"expired\.codes: .* expected a whole number or",
        ),
        (
            "[login]\npath = '/a'\n[expired]\nstatus = 100\ncode_at = 'c'\ncodes = 1",
            r"expired\.status: .* equal to 200",
        ),
        ("[login]\npath = '/a'\n[expired]\nstatus = '200'\ncode_at = 'c'\ncodes = 1", r"expired\.status: .* a whole n"),
    ],
)
def test_a_mistake_is_named_by_its_key(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        parse("x", text, where="x.toml")
    assert all(line.startswith("session.dialect: x.toml: ") for line in caught.value.detail.splitlines())
    assert "docs/dialects.md" in caught.value.remedy


@pytest.mark.parametrize("brackets", [("[", "]"), ("{ a = ", "}")])
def test_a_nesting_without_end_is_a_mistake(brackets: tuple[str, str]) -> None:
    deep = f"{brackets[0] * 5000}1{brackets[1] * 5000}"
    with pytest.raises(ConfigError, match=r"x\.toml: a nesting without end"):
        parse("x", f"[login]\npath = '/a'\nbody = {{ a = {deep} }}", where="x.toml")


WRONG = """
name = "other"
lgoin = 1
[login]
path = "x"
b = 2
fields = { Host = "y", X-A = "{paswrd}" }
body = { a = "{userName}", b = ["{token}"] }
[refresh]
method = "BREW"
[reply]
token = "a..b"
[expired]
status = 99
"""


def test_all_mistakes_are_told_at_once_each_by_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("x", WRONG, where="x")
    places = [line.removeprefix("session.dialect: x: ").partition(": ")[0] for line in caught.value.detail.splitlines()]
    assert sorted(places) == sorted(
        [
            "name",
            "lgoin",
            "login.path",
            "login.b",
            "login.fields.Host",
            "login.fields.X-A",
            "login.body.a",
            "login.body.b[0]",
            "refresh.method",
            "refresh.path",
            "reply.token",
            "expired.status",
            "expired.code_at",
            "expired.codes",
        ]
    )


def test_nothing_that_may_be_a_secret_is_told() -> None:
    text = (
        "[login]\npath = 'hunter2'\nmethod = 'hunter2'\nbody = { a = { hunter3 = 1979-05-27 }, b = 'hunter2 {token}' }"
    )
    with pytest.raises(ConfigError) as caught:
        parse("x", text, where="x")
    assert "hunter2" not in caught.value.detail


def test_what_refuses_a_token_without_a_401_is_data_too() -> None:
    text = (
        "[login]\npath = '/a'\n[expired]\nstatus = [200, 400]\ncode_at = ['e.code', 'code']\ncodes = [401, 'EXPIRED']"
    )
    expired = parse("x", text, where="x").expired
    assert expired is not None
    assert (expired.status, expired.code_at, expired.codes) == ((200, 400), ("e.code", "code"), ("401", "EXPIRED"))
    assert [name for name in built_in() if load(name).expired is not None] == ["fincard"]
