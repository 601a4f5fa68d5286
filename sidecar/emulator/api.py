"""FinHub's business, as far as a program that tries out the sidecar needs it (CONTRACT.md §8)."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any, Final

from sidecar.emulator import forms, multipart
from sidecar.emulator.answers import Answer, FinHubError, as_json, malformed, refusal, success
from sidecar.emulator.fields import values
from sidecar.emulator.orders import VALID_FOR

if TYPE_CHECKING:
    from sidecar.emulator.call import Call
    from sidecar.emulator.state import State

_LARGEST_FILE: Final = 10 * 1024 * 1024
_DEFAULT_AMOUNT: Final = {"value": "5000000", "currency": "EUR", "scale": 2}

# 5000.00 and not 5000.0: whoever parses a body and writes it again shows by this (CONTRACT.md §6).
_WALLET: Final = (
    '{"success":true,"data":{"walletId":%s,"accountId":"acc-1","balances":{'
    '"available":{"value":5000.00,"currency":"EUR"},"pending":{"value":0.00,"currency":"EUR"},'
    '"reserved":{"value":120.50,"currency":"EUR"},"total":{"value":5120.50,"currency":"EUR"}},"lastUpdated":%s}}'
)


class Api:
    """The handlers of one FinHub's resources; whoever gets here is authenticated."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def wallet_balance(self, call: Call) -> Answer:
        """Answer with amounts as decimal numbers."""
        return Answer(body=(_WALLET % (json.dumps(call.part("walletId")), json.dumps(self._date()))).encode())

    async def account_balance(self, call: Call) -> Answer:
        """Answer with an amount as a string of minor units."""
        balance = {"value": "500000", "currency": "EUR", "scale": 2}
        return success({"accountId": call.part("accountId"), "balance": balance, "lastUpdated": self._date()})

    async def prepare(self, call: Call) -> Answer:
        """Answer with an order that `execute` takes once."""
        form = forms.read(await call.body.read())
        order = self._state.orders.prepare(call.part("accountId"), call.part("kind"), self._state.clock.now())
        return success(
            {
                "preparedOrderId": order.order_id,
                "summary": {"amount": form.get("amount", _DEFAULT_AMOUNT), "type": order.kind},
                "validUntil": self._date(VALID_FOR),
                "requiresConfirmation": True,
            }
        )

    async def execute(self, call: Call) -> Answer:
        """Execute an order: 409 when it was executed before."""
        said = forms.texts(forms.read(await call.body.read()), ["preparedOrderId"])
        order = self._state.orders.execute(
            said["preparedOrderId"], call.part("accountId"), call.part("kind"), self._state.clock.now()
        )
        self._state.counts.orders_executed += 1
        return success({"orderId": order.order_id, "status": "EXECUTED", "executedAt": self._date()})

    async def upload(self, call: Call) -> Answer:
        """Take a document, as multipart or as base64 inside JSON; its digest comes back with it."""
        body = await call.body.read()
        mark = multipart.boundary("".join(values(call.fields, "Content-Type")))
        document = _from_json(body) if mark is None else _from_parts(multipart.parts(body, mark))
        uploaded = {"customerId": call.part("customerId"), "status": "UPLOADED", "uploadedAt": self._date()}
        return as_json({"success": True, "data": {"documentId": str(uuid.uuid4()), **uploaded, **document}})

    async def documents(self, call: Call) -> Answer:
        """List a customer's documents: none is kept."""
        return as_json({"success": True, "data": {"customerId": call.part("customerId"), "documents": []}})

    async def cards(self, call: Call) -> Answer:
        """List virtual cards, with a number that must not turn up in any log (a test number, ISO 7812)."""
        forms.read_optional(await call.body.read())
        card = {"accountId": "card-1", "cardNumber": "4111111111111111", "status": "ACTIVE", "balance": "12.34"}
        return as_json({"success": True, "code": 200, "msg": "Success", "data": {"total": 1, "records": [card]}})

    async def subscribe(self, call: Call) -> Answer:
        """Take a webhook subscription."""
        form = forms.read(await call.body.read())
        said = forms.texts(form, ["url"])
        subscription = {"subscriptionId": str(uuid.uuid4()), "url": said["url"], "events": form.get("events", [])}
        return as_json({"success": True, "data": {**subscription, "status": "ACTIVE"}})

    async def not_found(self, call: Call) -> Answer:
        """Answer whatever else an authenticated caller asks for."""
        raise FinHubError(refusal(404, f"No such resource: {call.request.method} {call.path}", errorType="NOT_FOUND"))

    def _date(self, ahead: float = 0.0) -> str:
        """Return the wall clock's time `ahead` seconds from now, RFC 3339."""
        moment = dt.datetime.fromtimestamp(self._state.clock.instant().utc + ahead, dt.UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _from_parts(parts: list[multipart.Part]) -> dict[str, Any]:
    named = {part.name: part for part in parts}
    file = next((part for part in parts if part.filename), None)
    if file is None:
        raise malformed("file", "Missing required part: file", "Send the document as a part with a file name")
    if len(file.content) > _LARGEST_FILE:
        raise FinHubError(refusal(413, "The document is larger than 10 MB", field="file"))
    kind = named["documentType"].content.decode("utf-8", "replace") if "documentType" in named else "OTHER"
    return _document(kind, file.content)


def _from_json(body: bytes) -> dict[str, Any]:
    said = forms.texts(forms.read(body), ["documentType", "content"])
    return _document(said["documentType"], said["content"].encode())


def _document(kind: str, content: bytes) -> dict[str, Any]:
    return {"documentType": kind, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
