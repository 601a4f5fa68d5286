from __future__ import annotations

import itertools

import pytest

from sidecar.emulator.answers import FinHubError
from sidecar.emulator.orders import VALID_FOR, Orders


@pytest.fixture
def orders() -> Orders:
    numbers = itertools.count()
    return Orders(lambda: f"order-{next(numbers)}")


def status(raised: pytest.ExceptionInfo[FinHubError]) -> int:
    return raised.value.answer.status


def test_what_was_prepared_is_executed_once(orders: Orders) -> None:
    order = orders.prepare("acc", "transfer", 0.0)
    assert orders.execute(order.order_id, "acc", "transfer", 1.0).executed
    with pytest.raises(FinHubError) as raised:
        orders.execute(order.order_id, "acc", "transfer", 2.0)
    assert status(raised) == 409


@pytest.mark.parametrize(
    ("order_id", "account", "kind"),
    [("order-9", "acc", "transfer"), ("order-0", "other", "transfer"), ("order-0", "acc", "topup")],
)
def test_what_was_not_prepared_is_not_found(orders: Orders, order_id: str, account: str, kind: str) -> None:
    orders.prepare("acc", "transfer", 0.0)
    with pytest.raises(FinHubError) as raised:
        orders.execute(order_id, account, kind, 0.0)
    assert status(raised) == 404


def test_an_order_gets_too_old(orders: Orders) -> None:
    order = orders.prepare("acc", "transfer", 0.0)
    with pytest.raises(FinHubError) as raised:
        orders.execute(order.order_id, "acc", "transfer", VALID_FOR)
    assert status(raised) == 400


def test_there_are_three_kinds(orders: Orders) -> None:
    assert {orders.prepare("acc", kind, 0.0).kind for kind in ("topup", "transfer", "withdrawal")} == {
        "topup",
        "transfer",
        "withdrawal",
    }
    with pytest.raises(FinHubError) as raised:
        orders.prepare("acc", "gift", 0.0)
    assert status(raised) == 404


def test_the_oldest_order_goes_when_there_are_too_many(orders: Orders) -> None:
    first = orders.prepare("acc", "topup", 0.0)
    for _ in range(10_000):
        last = orders.prepare("acc", "topup", 0.0)
    assert orders.execute(last.order_id, "acc", "topup", 0.0).executed
    with pytest.raises(FinHubError):
        orders.execute(first.order_id, "acc", "topup", 0.0)
