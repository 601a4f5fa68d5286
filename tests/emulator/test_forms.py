from __future__ import annotations

import json

import pytest

from sidecar.emulator import forms
from sidecar.emulator.answers import FinHubError


def field_at_fault(raised: pytest.ExceptionInfo[FinHubError]) -> str:
    assert raised.value.answer.status == 400
    return str(json.loads(raised.value.answer.body)["data"]["field"])


def test_an_object_is_read() -> None:
    assert forms.read(b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_400(body: bytes) -> None:
    with pytest.raises(FinHubError) as raised:
        forms.read(body)
    assert field_at_fault(raised) == "body"


def test_a_body_may_be_left_out_where_all_of_it_is_optional() -> None:
    assert forms.read_optional(b" ") == {}
    assert forms.read_optional(b'{"a": 1}') == {"a": 1}


def test_only_what_is_asked_for_is_taken() -> None:
    assert forms.texts({"a": "1", "b": "2", "accountType": "b2c"}, ["a", "accountType"]) == {
        "a": "1",
        "accountType": "b2c",
    }


@pytest.mark.parametrize("form", [{}, {"a": ""}, {"a": None}, {"a": 1}, {"a": ["x"]}, {"a": {}}], ids=json.dumps)
def test_a_missing_or_wrong_field_is_named(form: dict[str, object]) -> None:
    with pytest.raises(FinHubError) as raised:
        forms.texts(form, ["a"])
    assert field_at_fault(raised) == "a"


def test_an_account_type_is_one_of_two() -> None:
    with pytest.raises(FinHubError) as raised:
        forms.texts({"accountType": "b2x"}, ["accountType"])
    assert field_at_fault(raised) == "accountType"
