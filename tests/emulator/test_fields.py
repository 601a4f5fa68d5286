from __future__ import annotations

import json

import pytest

from sidecar.emulator.answers import FinHubError
from sidecar.emulator.fields import REQUIRED, bearer, check_required, check_tenant, values

RIGHT = (
    (b"Content-Type", b"application/json"),
    (b"Sec-CH-UA-Platform", b"Linux"),
    (b"x-forwarded-for", b"127.0.0.1"),
    (b"User-Agent", b"curl"),
    (b"X-Tenant-ID", b"77"),
)


def refused(raised: pytest.ExceptionInfo[FinHubError]) -> tuple[int, str]:
    answer = raised.value.answer
    return answer.status, json.loads(answer.body)["data"]["field"]


def test_the_required_fields_are_found_in_any_case() -> None:
    check_required(RIGHT)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(FinHubError) as raised:
        check_required(tuple(pair for pair in RIGHT if pair[0].lower() != name.lower().encode()))
    assert refused(raised) == (400, name)


def test_an_empty_field_is_a_missing_one() -> None:
    with pytest.raises(FinHubError) as raised:
        check_required((*RIGHT[:4], (b"X-Tenant-ID", b" ")))
    assert refused(raised) == (400, "X-Tenant-ID")


@pytest.mark.parametrize("twin", [b"X-Tenant-ID", b"X_Tenant_ID", b"x_tenant_id"])
def test_a_second_tenant_is_refused_under_any_spelling(twin: bytes) -> None:
    with pytest.raises(FinHubError) as raised:
        check_required((*RIGHT, (twin, b"78")))
    assert refused(raised) == (400, "X-Tenant-ID")


def test_a_list_may_come_in_several_fields() -> None:
    check_required((*RIGHT, (b"X-Forwarded-For", b"10.0.0.1")))
    assert values((*RIGHT, (b"X-Forwarded-For", b"10.0.0.1")), "X-Forwarded-For") == ["127.0.0.1", "10.0.0.1"]


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
def test_the_bearer_token_is_found(scheme: bytes) -> None:
    assert bearer(((b"authorization", scheme + b" abc"),)) == "abc"


@pytest.mark.parametrize("fields", [(), ((b"Authorization", b"Basic abc"),), ((b"Authorization", b"Bearer "),)])
def test_no_bearer_token_is_401(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    with pytest.raises(FinHubError) as raised:
        bearer(fields)
    assert refused(raised) == (401, "Authorization")


def test_the_tenant_must_be_the_accounts() -> None:
    check_tenant(RIGHT, "77")
    with pytest.raises(FinHubError) as raised:
        check_tenant(RIGHT, "78")
    assert raised.value.answer.status == 403
