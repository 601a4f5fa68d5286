"""Two-phase transfers: what was prepared can be executed once (CONTRACT.md §6 and §8).

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sidecar.emulator.answers import FinHubError, malformed, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS: Final = frozenset({"topup", "transfer", "withdrawal"})
VALID_FOR: Final = 900.0
_MOST_ORDERS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One prepared transfer; `valid_until` on the steady clock."""

    order_id: str
    account_id: str
    kind: str
    valid_until: float
    executed: bool = False


class Orders:
    """Every order, the oldest forgotten first when there are too many."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._orders: dict[str, Order] = {}

    def prepare(self, account_id: str, kind: str, now: float) -> Order:
        """Return a new order, or raise 404 for a kind that FinHub does not know."""
        _check_kind(kind)
        order = Order(order_id=self._new_id(), account_id=account_id, kind=kind, valid_until=now + VALID_FOR)
        if len(self._orders) >= _MOST_ORDERS:
            del self._orders[next(iter(self._orders))]
        self._orders[order.order_id] = order
        return order

    def execute(self, order_id: str, account_id: str, kind: str, now: float) -> Order:
        """Return the order, executed; raise 404 (no such), 409 (a second time) or 400 (too late)."""
        _check_kind(kind)
        order = self._orders.get(order_id)
        if order is None or (order.account_id, order.kind) != (account_id, kind):
            raise FinHubError(refusal(404, "No such prepared order", errorType="ORDER_NOT_FOUND"))
        if order.executed:
            raise FinHubError(refusal(409, "The order has been executed already", errorType="ORDER_ALREADY_EXECUTED"))
        if now >= order.valid_until:
            raise malformed("preparedOrderId", "The prepared order is no longer valid", "Prepare it again")
        self._orders[order_id] = replace(order, executed=True)
        return self._orders[order_id]


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise FinHubError(refusal(404, f"No such transaction type, known are {', '.join(sorted(KINDS))}"))
