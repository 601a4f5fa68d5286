from __future__ import annotations

import pytest

from sidecar.config.load import parse
from sidecar.errors import ConfigError

TOP = """
environment = "playground"
[credentials]
username = "u"
tenant_id = "1"
"""


def problems(text: str) -> list[str]:
    try:
        parse(text, {})
    except ConfigError as error:
        return error.detail.splitlines()
    return []


A = 'name = "a"\n'
MORE = f"{A}[[tenants]]\n"


@pytest.mark.parametrize(
    ("tenants", "told"),
    [
        (A, []),
        ("", ["tenants[0].name: found nothing; expected a value"]),
        (f'naem = "a"\n{A}', ["tenants[0].naem: found an unknown key; expected tenants[0].name"]),
        (f"{A}qqq = 1", ["tenants[0].qqq: found an unknown key; expected tenants[0].name, tenants[0].listen,"]),
        ('name = "a b"', ['tenants[0].name: found "a b"; expected 1 to 64 letters']),
        (f'{A}credentials = {{ usrname = "x" }}', ["tenants[0].credentials.usrname: found an unknown key;"]),
        (f"{A}credentials = 5", ["tenants[0].credentials: found an integer; expected a table"]),
        (f'{A}upstream = {{ url = "http://b" }}', ["tenants[0].upstream.url: found http:// to another machine;"]),
        (
            f'{A}field = {{ nam = "X-A" }}',
            [
                "tenants[0].field.name: found nothing",
                "tenants[0].field.values: found nothing",
                "tenants[0].field.nam: found an unknown key; expected tenants[0].field.name",
            ],
        ),
        (f'{A}field = {{ name = "X-A", values = [] }}', ["tenants[0].field: found an empty list"]),
        (
            f'{A}fields = {{ "X-A" = {{ value = "a" }}, "x-a" = {{ value = "b" }} }}',
            ["tenants[0].fields.x-a: found a second rule"],
        ),
        (
            f'{MORE}name = "b"\nlisten = "0.0.0.0:1"',
            ["tenants[1].listen: found", "listen.caller_key:"],
        ),
        (
            f'{MORE}name = "b b"\n[[tenants]]\nname = "c"\ncheck = {{ path = "x" }}',
            ["tenants[1].name: found", "tenants[2].check.path: found"],
        ),
        (
            f"{MORE}{A}",
            ["tenants[1].name: found what tenants[0].name has too", "tenants[1]: found no way to find it"],
        ),
    ],
)
def test_a_problem_is_named_by_the_tenant_that_has_it(tenants: str, told: list[str]) -> None:
    found = problems(f"{TOP}\n[[tenants]]\n{tenants}")
    assert len(found) == len(told)
    assert all(line.startswith(begin) for line, begin in zip(found, told, strict=True)), found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tenants = 5", "tenants: found an integer; expected a list of tables"),
        ("tenants = [5]", "tenants[0]: found an integer; expected a table"),
        ("tenants = []", None),
    ],
)
def test_what_is_no_list_of_tables_is_told(text: str, told: str | None) -> None:
    found = problems(text + TOP)
    assert [line[: len(told or "")] for line in found] == ([] if told is None else [told])


def test_what_all_inherit_is_told_at_the_top_level_once() -> None:
    found = problems(
        TOP
        + '[upstream]\nconnect_timeout = 0\n[[tenants]]\nname = "a"\n[[tenants]]\nname = "b"\nlisten = "127.0.0.1:1"\n'
    )
    assert [line.partition(":")[0] for line in found] == ["upstream.connect_timeout"]
    found = problems(
        TOP.replace('tenant_id = "1"', "")
        + '[[tenants]]\nname = "a"\n[[tenants]]\nname = "b"\nlisten = "127.0.0.1:1"\n'
    )
    assert [line.partition(":")[0] for line in found] == ["credentials.tenant_id"]


def test_what_some_inherit_is_told_at_those_and_what_none_does_is_no_problem() -> None:
    text = (
        TOP.replace('tenant_id = "1"', "")
        + f'[[tenants]]\n{MORE}name = "b"\nlisten = "127.0.0.1:1"\ncredentials = {{ tenant_id = "2" }}\n'
    )
    assert [line.partition(":")[0] for line in problems(text)] == ["tenants[0].credentials.tenant_id"]
    assert problems(text.replace('name = "a"\n', 'name = "a"\ncredentials = { tenant_id = "1" }\n')) == []
