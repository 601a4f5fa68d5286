"""The judge of the chaos, held up against made-up wrongs: it finds each, and finds nothing where all is well."""

from __future__ import annotations

from dataclasses import replace

import pytest
from chaos.caller import HUNG, Got, Heard
from chaos.story import Door, Step, story
from chaos.talks import Talk, first, pattern, then
from chaos.verdict import LATE, Scene, complaints
from chaos.wiretap import Head, Wiretap
from relay import Kind, Strike, Way

from sidecar.emulator.seen import Seen

TOKEN = "t" * 200
DOWNLOAD = Talk(kind="bytes", name="g", size=10)
PAYMENT = Talk(kind="put", name="p", size=5)
STEP = Step(door=Door.API, strike=Strike(kind=Kind.RESET), talks=(DOWNLOAD,))
GARBLED = replace(STEP, door=Door.API_INSIDE, strike=Strike(kind=Kind.SLIP_IN))


def heard(talk: Talk = DOWNLOAD, **got: object) -> Heard:
    whole = Got(status=200, body=pattern(10) if talk is DOWNLOAD else b'{"target":"/api/echo/p"}')
    return Heard(first(talk), replace(whole, **got))  # type: ignore[arg-type]  # a test's own fields


def sent(name: str = "g", method: str = "GET", **more: object) -> Head:
    head = Head(name=name, method=method, at=10.0, tokens=(TOKEN,), tenants=("1234567",))
    return replace(head, **more)  # type: ignore[arg-type]  # as above


def seen(name: str = "g", status: int = 200, digest: str = "") -> Seen:
    return Seen(
        number=1,
        scope="api",
        method="GET",
        path="/",
        query="",
        status=status,
        client_certificate=None,
        fields=(("X-Request-ID", name),),
        body_length=0,
        body_sha256=digest or str(first(PAYMENT).digest),
        fault=None,
    )


def scene(**more: object) -> Scene:
    fine = Scene(step=STEP, heard=[heard()], sent=[sent()], seen=[seen()], tenant="1234567", dead={})
    return replace(fine, **more)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    "fine",
    [
        scene(),
        scene(heard=[heard(error="ConnectionResetError", body=b"")]),
        scene(heard=[heard(PAYMENT)], sent=[sent("p", "PUT"), sent("p", "PUT")], seen=[seen("p", 401), seen("p")]),
        scene(heard=[heard(status=502, fields={"proxy-status": "finhub-sidecar"}, body=b"")], seen=[]),
        scene(heard=[heard(status=401, body=b"")], seen=[seen(status=401)]),
        scene(sent=[sent()] * 4),
        scene(step=GARBLED, heard=[heard(body=b"noise")]),
        scene(dead={sent().fingerprint: 10.0 - LATE / 2}),
    ],
)
def test_what_may_happen_is_no_complaint(fine: Scene) -> None:
    assert complaints(fine) == []


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (scene(sent=[sent(tokens=())]), "tokenless"),
        (scene(sent=[sent(tokens=("of-the-caller",))]), "tokenless"),
        (scene(sent=[sent(tokens=(TOKEN, TOKEN))]), "tokenless"),
        (scene(sent=[sent(tenants=("9",))]), "tenant"),
        (scene(dead={sent().fingerprint: 10.0 - 2 * LATE}), "tokenless"),
        (scene(sent=[sent()] * 5), "doubled"),
        (scene(heard=[heard(PAYMENT)], sent=[sent("p", "PUT")] * 2, seen=[seen("p")]), "doubled"),
        (scene(heard=[heard(PAYMENT)], sent=[sent("p", "PUT")] * 3, seen=[seen("p", 401)] * 3), "doubled"),
        (scene(heard=[heard(PAYMENT)], seen=[seen("p"), seen("p")]), "doubled"),
        (scene(heard=[heard(PAYMENT)], seen=[seen("p"), seen("p", 409)]), "doubled"),
        (scene(heard=[heard(PAYMENT)], seen=[seen("p", digest="other")]), "truncated"),
        (scene(heard=[heard(body=pattern(9))]), "truncated"),
        (scene(heard=[heard(PAYMENT, body=b'{"target":"/api/echo/q"}')], seen=[seen("p")]), "mixed up"),
        (scene(heard=[heard(PAYMENT, body=b"no JSON")], seen=[seen("p")]), "mixed up"),
        (scene(seen=[]), "invented"),
        (scene(heard=[heard(status=401)]), "401"),
        (scene(heard=[heard(status=401, fields={"proxy-status": "x"})], seen=[seen(status=401)]), "401"),
        (scene(heard=[heard(status=500, fields={"proxy-status": "x"})]), "500"),
        (scene(heard=[heard(error=HUNG)]), "hung"),
        (scene(step=GARBLED, heard=[heard(error=HUNG)]), "hung"),
    ],
)
def test_what_must_not_happen_is_found(wrong: Scene, word: str) -> None:
    assert any(word in complaint for complaint in complaints(wrong)), complaints(wrong)


def test_the_same_seed_tells_the_same_story() -> None:
    first_time, second_time = ([str(step) for _, step in zip(range(300), story(7), strict=False)] for _ in range(2))
    assert first_time == second_time


def test_a_payment_goes_on_with_the_order_that_was_prepared() -> None:
    ask = then(Talk(kind="pay", name="x"), b'{"data":{"preparedOrderId":"order-1"}}')
    assert ask is not None
    assert b"order-1" in ask.body


def test_the_wiretap_counts_a_request_whose_body_never_ends_and_tells_when_it_came() -> None:
    now = [1.0]
    tap = Wiretap(lambda: now[0])
    head = b"POST / HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\r\nAuthorization: Bearer t\r\nContent-Length: 5\r\n\r\n"
    tap.tap(1, Way.UP, head[:20])
    now[0] = 2.0
    tap.tap(1, Way.UP, head[20:] + b"12")
    tap.tap(1, Way.DOWN, b"HTTP/1.1 200 OK\r\n\r\n")
    assert [(each.name, each.at, each.tokens) for each in tap.take()] == [("a", 2.0, ("t",))]
    tap.tap(1, Way.UP, b"345GET /b HTTP/1.1\r\nX-Request-ID: b\r\n\r\n")
    assert [(each.name, each.tokens) for each in tap.take()] == [("b", ())]
    assert tap.take() == []
    assert tap.unsound == []


def test_the_wiretap_tells_of_bytes_that_are_no_request() -> None:
    tap = Wiretap(lambda: 0.0)
    tap.tap(1, Way.UP, b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
    tap.take()
    assert tap.unsound == ["the message is framed twice"]
