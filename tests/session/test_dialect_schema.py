"""The format of a dialect file as it is told to programs and to readers: what it allows is what the sidecar takes."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sidecar.errors import ConfigError
from sidecar.session import dialect_file
from sidecar.session.dialect import Dialect
from sidecar.session.dialect_schema import schema, table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BUILT_IN = ROOT / "sidecar/session/dialects"
EXAMPLE = DOCS / "dialect.example.toml"
SCHEMA: dict[str, Any] = json.loads(schema())


def fits(text: str) -> bool:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return bool(validator.is_valid(tomllib.loads(text)))


def taken(text: str) -> bool:
    try:
        dialect_file.parse("x", text, where="x.toml")
    except ConfigError:
        return False
    return True


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert schema().endswith("}\n")


@pytest.mark.parametrize("path", [*sorted(BUILT_IN.glob("*.toml")), EXAMPLE], ids=lambda path: path.stem)
def test_every_file_that_there_is_fits(path: Path) -> None:
    text = path.read_text("utf-8")
    assert fits(text)
    assert taken(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name = 'x'\n[login]\npath = '/a'",
        "[login]\npath = 'a'",
        "[login]\npath = '/a?b'",
        "[login]\npath = '/a/../b'",
        "[login]\npath = []",
        "[login]\npath = '/a'\npaht = 1",
        "[login]\npath = '/a'\nmethod = 'BREW'",
        "[login]\npath = '/a'\nfields = { A = 1 }",
        "[login]\npath = '/a'\nbody = 1",
        "[login]\npath = '/a'\n[refresh]\nmethod = 'GET'",
        "[login]\npath = '/a'\n[reply]\ntoken = []",
        "[login]\npath = '/a'\n[expired]\ncode_at = 'a'",
        "[login]\npath = '/a'\n[expired]\ncode_at = 'a'\ncodes = true",
        "[login]\npath = '/a'\n[expired]\ncode_at = 'a'\ncodes = 1\nstatus = 99",
    ],
)
def test_what_does_not_fit_is_not_taken_either(text: str) -> None:
    assert not fits(text)
    assert not taken(text)


def test_every_key_is_described_with_what_holds_without_it() -> None:
    login, reply = SCHEMA["properties"]["login"], SCHEMA["properties"]["reply"]
    assert (SCHEMA["required"], login["required"], reply["required"]) == (["login"], ["path"], [])
    assert login["properties"]["method"]["default"] == "POST"
    assert reply["properties"]["token"]["default"][0] == "userSessionToken"
    assert "default" not in login["properties"]["body"]
    for section in (SCHEMA, *(each for each in SCHEMA["properties"].values() if "properties" in each)):
        assert all(each["description"] for each in section["properties"].values())


def test_the_page_has_the_table_of_the_keys_as_they_are() -> None:
    page = (DOCS / "dialects.md").read_text("utf-8")
    found = re.search(r"<!-- keys: .* -->\n(.*?)<!-- end of keys -->", page, re.DOTALL)
    assert found is not None
    assert found[1].strip() == table().strip(), f"between the marks there should stand:\n{table()}"


def test_the_example_uses_every_key() -> None:
    data = tomllib.loads(EXAMPLE.read_text("utf-8"))
    for name, member in Dialect.members.items():
        if name == "name":
            continue
        assert name in data
        section = member.type.section
        assert section is None or set(section.members) - set(data[name]) <= {"client_credentials"}, name
