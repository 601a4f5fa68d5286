from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sidecar.config import translate
from sidecar.config.defaults import defaults
from sidecar.config.merge import overlay
from sidecar.config.model import Config
from sidecar.config.section import Faults

if TYPE_CHECKING:
    from sidecar.config.merge import Table


def refused(given: Table) -> Faults:
    complete = overlay({"session": {"url": "https://a"}}, overlay(defaults("production"), given))
    with pytest.raises(Faults) as caught:
        Config.read(complete)
    return caught.value


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"environment": "prod"}, 'environment: found "prod"; expected "playground", "integration" or "production"'),
        ({"listen": {"unsafe_listen": "yes"}}, 'listen.unsafe_listen: found "yes"; expected true or false'),
        ({"listen": 3}, "listen: found an integer; expected a table (in a variable: a JSON object)"),
        ({"fields": "hunter2"}, "fields: found a string; expected a table (in a variable: a JSON object)"),
        ({"listen": {"allow": "x"}}, 'listen.allow: found a string; expected a list, such as ["a", "b"]'),
        ({"upstream": {"max_connections": 1.5}}, "upstream.max_connections: found 1.5; expected a whole number"),
        (
            {"upstream": {"max_connections": 0}},
            "upstream.max_connections: found 0; expected greater than or equal to 1",
        ),
        ({"workers": 2}, "workers: found 2; expected 1; several workers are not available in this version"),
        (
            {"limits": {"requests_per_second": "x"}},
            'limits.requests_per_second: found "x"; expected 0, or 0.01 to 100000',
        ),
        ({"fields": {"Host": {"value": "x"}}}, "fields.Host: found a field that cannot be configured; expected"),
        ({"fields": {"X-A": {}}}, "fields.X-A: found neither value nor remove; expected {"),
        ({"credentials": {"username": 12345}}, "credentials.username: found an integer; expected a string"),
        ({"credentials": {"password": "hunter2"}}, "credentials.password: found a bare string; expected { env ="),
        ({"listen": {"adress": 1}}, "listen.adress: found an unknown key; expected listen.address"),
        ({"listen": {"url": 1}}, "listen.url: found an unknown key; expected upstream.url or session.url"),
        ({"lissten": {}}, "lissten: found an unknown key; expected listen"),
        ({"drain": {"zzz": "hunter2"}}, "drain.zzz: found an unknown key; expected drain.min or drain.max"),
        ({"fields": {"X-A": {"valu": "hunter2", "value": "x"}}}, "fields.X-A.valu: found an unknown key; expected"),
    ],
)
def test_each_error_is_a_line_in_our_words(given: Table, line: str) -> None:
    (problem,) = translate.problems(refused(given))
    assert str(problem).startswith(line)
    assert "hunter2" not in str(problem)


def test_the_entries_of_a_list_are_counted() -> None:
    error = refused({"listen": {"allow": ["* /**", "hm", 3]}})
    assert [problem.key for problem in translate.problems(error)] == ["listen.allow[1]", "listen.allow[2]"]


def test_the_broken_keys_are_lists_as_a_whole_fields_by_name_and_sub_tables_key_by_key() -> None:
    error = refused(
        {
            "listen": {"allow": ["x", 3]},
            "fields": {"X-A": {"when": "x", "value": "y"}, "a b": {"value": "z"}},
            "session": {"refresh": {"margin": -1}, "backoff": 3},
            "log": 3,
            "environment": "x",
        }
    )
    assert translate.broken(error) == {
        ("listen", "allow"),
        ("fields", "X-A"),
        ("fields", "a b"),
        ("session", "refresh", "margin"),
        ("session", "backoff"),
        ("log",),
        ("environment",),
    }
