from __future__ import annotations

import pytest

from sidecar.config import environ, later
from sidecar.config.catalogue import keys


def test_a_variable_sets_its_key() -> None:
    found = environ.read({"FINHUB_LISTEN__ADDRESS": "[::1]:1", "FINHUB_SESSION__REFRESH__MARGIN": "5"})
    assert found.data == {"listen": {"address": "[::1]:1"}, "session": {"refresh": {"margin": 5.0}}}
    assert found.sources["listen.address"] == "FINHUB_LISTEN__ADDRESS"
    assert found.problems == []


def test_keys_without_a_section_have_variables_too() -> None:
    found = environ.read({"FINHUB_ENVIRONMENT": "playground", "FINHUB_WORKERS": "1"})
    assert found.data == {"environment": "playground", "workers": 1}


@pytest.mark.parametrize("name", ["PATH", "FINHUB_BASE_URL", "FINHUB_PASSWORD", "FINHUB_LISTEN", "FINHUB_TENANT"])
def test_other_variables_are_not_ours(name: str) -> None:
    found = environ.read({name: "x"})
    assert (found.data, found.problems) == ({}, [])


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("FINHUB_LISTEN__UNSAFE_LISTEN", "true", True),
        ("FINHUB_LISTEN__UNSAFE_LISTEN", "False", False),
        ("FINHUB_LISTEN__UNSAFE_LISTEN", "yes", "yes"),
        ("FINHUB_LISTEN__MAX_BODY", "1MiB", "1MiB"),
        ("FINHUB_LISTEN__MAX_BODY", "1024", 1024),
        ("FINHUB_LISTEN__BODY_TIMEOUT", "2.5", 2.5),
        ("FINHUB_LISTEN__BODY_TIMEOUT", "soon", "soon"),
        ("FINHUB_LISTEN__ALLOWED_HOSTS", '["a"]', ["a"]),
        ("FINHUB_LISTEN__ALLOWED_HOSTS", "a", "a"),
        ("FINHUB_LISTEN__ALLOWED_HOSTS", "[" * 100_000, "[" * 100_000),
        ("FINHUB_LISTEN__ADDRESS", "1", "1"),
    ],
)
def test_a_value_is_read_as_its_key_takes_it_or_left_for_the_model_to_refuse(
    name: str, text: str, value: object
) -> None:
    key = name.removeprefix("FINHUB_LISTEN__").lower()
    assert environ.read({name: text}).data == {"listen": {key: value}}


def test_whole_numbers_are_read_where_the_key_takes_one() -> None:
    assert environ.read({"FINHUB_WORKERS": "two"}).data == {"workers": "two"}
    assert environ.read({"FINHUB_WORKERS": "9" * 5000}).data == {"workers": "9" * 5000}


def test_fields_and_tables_take_json() -> None:
    found = environ.read({"FINHUB_FIELDS": '{"X-A": {"remove": true}}', "FINHUB_SESSION__BACKOFF": '{"max": 3}'})
    assert found.data == {"fields": {"X-A": {"remove": True}}, "session": {"backoff": {"max": 3}}}
    assert found.sources == {"fields.X-A": "FINHUB_FIELDS", "session.backoff.max": "FINHUB_SESSION__BACKOFF"}


def test_what_is_no_table_is_named_by_its_variable() -> None:
    found = environ.read({"FINHUB_FIELDS": "x"})
    assert found.sources == {"fields": "FINHUB_FIELDS"}


def test_the_variable_of_one_key_wins_over_that_of_its_table() -> None:
    for names in (("", "__MARGIN"), ("__MARGIN", "")):
        values = {"": '{"margin": 1, "enabled": false}', "__MARGIN": "2"}
        found = environ.read({f"FINHUB_SESSION__REFRESH{name}": values[name] for name in names})
        assert found.data == {"session": {"refresh": {"margin": 2.0, "enabled": False}}}


def test_the_variable_of_a_secret_becomes_a_reference_to_itself() -> None:
    found = environ.read({"FINHUB_CREDENTIALS__PASSWORD": "hunter2"})
    assert found.data == {"credentials": {"password": {"env": "FINHUB_CREDENTIALS__PASSWORD"}}}
    assert "hunter2" not in repr(found)


def test_with_file_at_its_end_it_names_the_file() -> None:
    found = environ.read({"FINHUB_LISTEN__CALLER_KEY_FILE": "/run/key"})
    assert found.data == {"listen": {"caller_key": {"file": "/run/key"}}}


@pytest.mark.parametrize(
    ("ending", "text", "reference"),
    [
        ("CREDENTIAL", "key", {"credential": "key"}),
        ("KEYRING", "finhub/me", {"keyring": "finhub/me"}),
        ("COMMAND", '["pass", "a b"]', {"command": ["pass", "a b"]}),
        ("COMMAND", '{"command": ["pass"], "cache": 0}', {"command": ["pass"], "cache": 0}),
        ("COMMAND", "pass finhub", {"command": "pass finhub"}),
    ],
)
def test_another_ending_names_another_place(ending: str, text: str, reference: object) -> None:
    found = environ.read({f"FINHUB_LISTEN__CALLER_KEY_{ending}": text})
    assert found.data == {"listen": {"caller_key": reference}}
    assert found.sources == {"listen.caller_key": f"FINHUB_LISTEN__CALLER_KEY_{ending}"}


def test_two_places_at_once_are_a_problem() -> None:
    names = [f"FINHUB_CREDENTIALS__PASSWORD_{ending}" for ending in ("KEYRING", "CREDENTIAL")]
    (problem,) = environ.read(dict.fromkeys(names, "hunter2")).problems
    assert all(name in str(problem) for name in names)
    assert "hunter2" not in str(problem)


def test_both_at_once_are_a_problem() -> None:
    found = environ.read({"FINHUB_CREDENTIALS__PASSWORD": "hunter2", "FINHUB_CREDENTIALS__PASSWORD_FILE": "x"})
    assert [problem.key for problem in found.problems] == ["credentials.password"]
    assert "hunter2" not in str(found.problems[0])


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("FINHUB_LISTEN__ADRESS", "FINHUB_LISTEN__ADDRESS"),
        ("FINHUB_LISTENN__ADDRESS", "FINHUB_LISTEN__ADDRESS"),
        ("FINHUB_listen__address", "FINHUB_<SECTION>__<KEY>"),
        ("FINHUB_ZZZZ__QQQQ", "FINHUB_<SECTION>__<KEY>"),
    ],
)
def test_a_variable_that_names_no_key_is_a_problem_with_the_nearest_one(name: str, near: str) -> None:
    (problem,) = environ.read({name: "hunter2"}).problems
    assert problem.key == name
    assert problem.expected == near
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize("name", ["FINHUB_SESSION__TOMORROW_FILE", "FINHUB_SESSION__TOMORROW"])
def test_a_variable_of_a_later_version_is_named_as_such(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later, "KEYS", frozenset({"session.tomorrow"}))
    (problem,) = environ.read({name: "x"}).problems
    assert "not available in this version" in str(problem)


def test_a_name_that_does_not_print_is_shown_escaped() -> None:
    (problem,) = environ.read({"FINHUB_A__\n": "x"}).problems
    assert str(problem).isprintable()


def test_every_key_has_a_variable_of_its_own() -> None:
    assert len({environ.variable(key) for key in keys()}) == len(keys())
