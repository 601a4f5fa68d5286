from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from finhub import Client

TRANSFER = "/api/v2.1/fintrans/acc-1/types/transfer"
DOCUMENTS = "/api/v2.1/customer/individual/7/documents"
MULTIPART = "multipart/form-data; boundary=xx"


def form(content: bytes, head: bytes = b'name="file"; filename="p.pdf"') -> bytes:
    return (
        b'--xx\r\nContent-Disposition: form-data; name="documentType"\r\n\r\nPASSPORT\r\n'
        b"--xx\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n--xx--\r\n"
    )


async def prepared(client: Client) -> str:
    amount = {"amount": {"value": "12", "currency": "EUR", "scale": 2}}
    reply = await client.call("POST", f"{TRANSFER}/prepare", content=amount)
    assert reply.json["data"]["summary"]["amount"] == amount["amount"]
    return str(reply.json["data"]["preparedOrderId"])


async def test_a_wallet_counts_in_decimals_that_a_parser_would_change(client: Client) -> None:
    reply = await client.call("GET", '/api/v2.1/wallets/w"1/balance')
    assert b'"value":5000.00,' in reply.body
    assert reply.json["data"]["walletId"] == 'w"1'
    assert set(reply.json["data"]["balances"]) == {"available", "pending", "reserved", "total"}


async def test_an_account_counts_in_minor_units_as_text(client: Client) -> None:
    data = (await client.call("GET", "/api/v2.1/fintrans/acc-1/balance")).json["data"]
    assert (data["accountId"], data["balance"]["value"]) == ("acc-1", "500000")


async def test_a_transfer_is_executed_once(client: Client) -> None:
    order = {"preparedOrderId": await prepared(client)}
    statuses = [(await client.call("POST", f"{TRANSFER}/execute", content=order)).status for _ in range(2)]
    assert statuses == [200, 409]
    assert client.emulator.counts.orders_executed == 1


async def test_an_unknown_kind_of_transfer_is_404(client: Client) -> None:
    assert (await client.call("POST", "/api/v2.1/fintrans/acc-1/types/gift/prepare", content={})).status == 404


async def test_an_upload_comes_back_with_its_digest(client: Client) -> None:
    content = bytes(range(256)) * 4096
    reply = await client.call("POST", DOCUMENTS, content=form(content), Content_Type=MULTIPART)
    data = reply.json["data"]
    assert (data["customerId"], data["documentType"], data["status"]) == ("7", "PASSPORT", "UPLOADED")
    assert (data["size"], data["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


async def test_an_upload_without_a_type_is_of_another(client: Client) -> None:
    body = b'--xx\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nx\r\n--xx--\r\n'
    reply = await client.call("POST", DOCUMENTS, content=body, Content_Type=MULTIPART)
    assert reply.json["data"]["documentType"] == "OTHER"


async def test_an_upload_may_be_base64_inside_json(client: Client) -> None:
    reply = await client.call("POST", DOCUMENTS, content={"documentType": "BILL", "content": "QUJD" * 3_000_000})
    assert (reply.json["data"]["documentType"], reply.json["data"]["size"]) == ("BILL", 12_000_000)


async def test_an_upload_without_a_file_is_400(client: Client) -> None:
    reply = await client.call("POST", DOCUMENTS, content=form(b"x", b'name="file"'), Content_Type=MULTIPART)
    assert (reply.status, reply.json["data"]["field"]) == (400, "file")


@pytest.mark.parametrize("size", [10 * 1024 * 1024 + 1, 17 * 1024 * 1024])
async def test_an_upload_beyond_ten_megabytes_is_413(client: Client, size: int) -> None:
    reply = await client.call("POST", DOCUMENTS, content=form(bytes(size)), Content_Type=MULTIPART)
    assert reply.status == 413


async def test_documents_can_be_listed(client: Client) -> None:
    assert (await client.call("GET", DOCUMENTS)).json["data"]["documents"] == []


async def test_cards_come_with_a_number_that_must_not_be_logged(client: Client) -> None:
    reply = await client.call("POST", "/api/v2.1/fincard/virtual/account/list", content=b"")
    assert reply.json["data"]["records"][0]["cardNumber"] == "4111111111111111"


async def test_a_webhook_can_be_subscribed(client: Client) -> None:
    subscription = {"url": "https://example.org/hook", "events": ["transfer"]}
    reply = await client.call("POST", "/api/v2.1/webhooks/subscriptions", content=subscription)
    assert reply.json["data"].items() >= {**subscription, "status": "ACTIVE"}.items()


async def test_anything_else_is_404_in_finhubs_shape(client: Client) -> None:
    reply = await client.call("PATCH", "/api/v9/nothing?x=1")
    assert (reply.status, json.loads(reply.body)["code"]) == (404, 404)
    assert client.emulator.seen[-1].path == "/api/v9/nothing"
