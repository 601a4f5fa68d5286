from __future__ import annotations

import pytest

from sidecar.config.problems import Unfit
from sidecar.config.refs import CommandRef, CredentialRef, EnvRef, FileRef, KeyringRef, SecretRef, reference, table


def test_a_reference_names_a_variable_or_a_file() -> None:
    assert reference({"env": "NAME_1"}) == EnvRef("NAME_1")
    assert reference({"file": "a/b c"}) == FileRef("a/b c")


@pytest.mark.parametrize("ref", [EnvRef("A"), FileRef("b")])
def test_a_reference_is_already_one(ref: EnvRef | FileRef) -> None:
    assert reference(ref) is ref


@pytest.mark.parametrize(
    "value",
    [
        "hunter2",
        12,
        ["hunter2"],
        {},
        {"env": "hunter2 x"},
        {"env": "9hunter2"},
        {"env": 2},
        {"env": ""},
        {"file": ""},
        {"file": "hunter2\n"},
        {"file": None},
        {"env": "A", "file": "b"},
        {"hunter2": "A"},
        {"file": "a", "hunter2": 1},
    ],
)
def test_anything_else_is_refused_and_never_repeated(value: object) -> None:
    with pytest.raises(Unfit) as caught:
        reference(value)
    assert caught.value.found is not None
    assert "hunter2" not in caught.value.found + caught.value.expected
    assert "{ env = " in caught.value.expected or "{ file = " in caught.value.expected


@pytest.mark.parametrize(
    ("value", "ref"),
    [
        ({"credential": "finhub.password"}, CredentialRef("finhub.password")),
        ({"keyring": "https://finhub.example/me"}, KeyringRef("https://finhub.example", "me")),
        ({"command": ["pass", ""]}, CommandRef(("pass", ""), 10, 300)),
        ({"command": ("a",), "timeout": 60, "cache": 0}, CommandRef(("a",), 60, 0)),
    ],
)
def test_a_reference_names_a_credential_a_keyrings_entry_or_a_command(value: object, ref: SecretRef) -> None:
    assert reference(value) == ref


@pytest.mark.parametrize(
    "ref", [EnvRef("A"), FileRef("b"), CredentialRef("c"), KeyringRef("d/e", "f"), CommandRef(("g", "h"), 1.5, 2)]
)
def test_a_reference_is_read_from_the_table_that_means_it(ref: SecretRef) -> None:
    assert reference(table(ref)) == ref


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"credential": "../hunter2"}, "LoadCredential="),
        ({"credential": ".."}, "LoadCredential="),
        ({"credential": 1}, "LoadCredential="),
        ({"keyring": "hunter2"}, "SERVICE/USER"),
        ({"keyring": "/hunter2"}, "SERVICE/USER"),
        ({"keyring": "hunter2/"}, "SERVICE/USER"),
        ({"keyring": "a/hunter2\n"}, "SERVICE/USER"),
        ({"keyring": "a/b", "cache": 1}, "SERVICE/USER"),
        ({"command": "hunter2"}, "a list of 1 to 64 words"),
        ({"command": []}, "a list of 1 to 64 words"),
        ({"command": ["hunter2"] * 65}, "a list of 1 to 64 words"),
        ({"command": ["hunter2", 1]}, "a list of 1 to 64 words"),
        ({"command": ["hunter2\0"]}, "a list of 1 to 64 words"),
        ({"command": ["", "hunter2"]}, "a program first"),
        ({"command": ["a"], "hunter2": 1}, "command = "),
        ({"command": ["a"], "timeout": 0}, "timeout: seconds from 0.1 to 60"),
        ({"command": ["a"], "timeout": 61}, "timeout: seconds from 0.1 to 60"),
        ({"command": ["a"], "timeout": True}, "timeout: seconds"),
        ({"command": ["a"], "cache": -1}, "cache: seconds from 0 to 86400"),
        ({"command": ["a"], "cache": "hunter2"}, "cache: seconds"),
        ({"command": ["a"], "cache": float("nan")}, "cache: seconds"),
        ({"command": ["a"], "env": "A"}, "command = "),
    ],
)
def test_what_is_not_quite_one_is_told_what_would_be_and_never_repeated(value: object, expected: str) -> None:
    with pytest.raises(Unfit) as caught:
        reference(value)
    assert expected in caught.value.expected
    assert "hunter2" not in f"{caught.value.found}{caught.value.expected}"
