"""Every client gets what it asks for, FinHub sees each request once, and docs/clients.md is what a run shows."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
from typing import TYPE_CHECKING

import behaviours
import clienttable
import pytest
from behaviours import BEHAVIOURS, PAYMENT, Exchange, Scene, Told, common
from callers import CLIENTS, Missing
from clientplay import theatre
from messages import Reply, Request

from sidecar.emulator import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clientplay import Cell, Theatre


class Plays(dict[str, "dict[str, Cell]"]):
    """Clients, each played when it is first asked for: a worker plays only those of which it is given tests."""

    def __init__(self, stage: Theatre) -> None:
        super().__init__()
        self._stage = stage

    def __missing__(self, name: str) -> dict[str, Cell]:
        try:
            self[name] = self._stage.play(CLIENTS[name])
        except Missing as missing:
            pytest.skip(str(missing))
        return self[name]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    """All clients on one stage, each played at most once."""
    with theatre(tmp_path_factory.mktemp("clients")) as stage:
        yield Plays(stage)


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_what_it_asks_for_and_finhub_sees_it_once(client: str, behaviour: str, played: Plays) -> None:
    assert played[client][behaviour].faults == []


def test_the_page_is_what_a_run_shows(played: Plays, figures: Callable[[str], None]) -> None:
    written = clienttable.PAGE.read_text(encoding="utf-8").splitlines()
    shown = clienttable.page({name: clienttable.row(name, played[name]) for name in CLIENTS}).splitlines()
    diff = difflib.unified_diff(written, shown, "docs/clients.md", "this run", lineterm="")
    assert list(diff) == [], "renew it with: python tests/proof/clients/clienttable.py --write"
    lacking = sum(len(client.lacks) for client in CLIENTS.values())
    cells = len(CLIENTS) * len(BEHAVIOURS)
    figures(f"{len(CLIENTS)} clients, {cells - lacking} cells seen at both ends, {lacking} that the library lacks")


def test_a_client_whose_program_is_not_here_is_told_from_one_that_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="ruby is not installed"):
        CLIENTS["ruby-net-http"].command(tmp_path)


def test_a_reason_is_given_for_behaviours_that_there_are() -> None:
    assert all(client.lacks.keys() <= BEHAVIOURS.keys() for client in CLIENTS.values())
    assert all(reason for client in CLIENTS.values() for reason in client.lacks.values())


# ── the checks themselves, held up against made-up wrongs ───────────────────────────────────────────────────────

SENT = Request(
    method=b"POST", target=b"/api/echo/payments", version=b"HTTP/1.1", fields=((b"Host", b"x"),), framing="length"
)
GOT = Reply(version=b"HTTP/1.1", status=200, reason=b"OK", fields=(), framing="length", body=b"fine")
DONE = Exchange(connection=1, request=SENT, body=PAYMENT, reply=GOT, waited=False)
TOLD = Told(status=200, body=b"fine", size=4)
ARRIVED = Seen(
    number=2,
    scope="api",
    method="POST",
    path="/api/echo/payments",
    query="",
    status=200,
    client_certificate="commonName=finhub-sidecar",
    fields=(("Authorization", "Bearer sha256:1"), ("X-Tenant-ID", "1234567"), ("Content-Type", "application/json")),
    body_length=len(PAYMENT),
    body_sha256=hashlib.sha256(PAYMENT).hexdigest(),
    fault=None,
)
REFUSED = dataclasses.replace(ARRIVED, number=1, status=401)
FINE = Scene(
    told=[TOLD], exchanges=[DONE], arrivals=[REFUSED, ARRIVED], mints=1, together=0, alone=0, upstream="https://finhub"
)


def faults(scene: Scene, check: Callable[[Scene], str] = behaviours.revoked) -> list[str]:
    fresh = dataclasses.replace(scene, faults=[])
    check(fresh)
    common(fresh)
    return fresh.faults


def arrived(**wrong: object) -> Seen:
    return dataclasses.replace(ARRIVED, **wrong)  # type: ignore[arg-type]  # a case's own fields


def with_fields(*fields: tuple[bytes, bytes], status: int = 200) -> Exchange:
    return dataclasses.replace(DONE, reply=dataclasses.replace(GOT, fields=fields, status=status))


def test_nothing_is_found_where_all_is_well() -> None:
    assert faults(FINE) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"told": []},
        {"told": [dataclasses.replace(TOLD, status=401)]},
        {"told": [dataclasses.replace(TOLD, size=3, body=b"fin")]},
        {"arrivals": [ARRIVED]},
        {"arrivals": [REFUSED]},
        {"arrivals": [REFUSED, ARRIVED, ARRIVED]},
        {"arrivals": [REFUSED, arrived(method="GET")]},
        {"arrivals": [REFUSED, arrived(query="x=1")]},
        {"arrivals": [REFUSED, arrived(body_sha256="0")]},
        {"arrivals": [REFUSED, arrived(client_certificate=None)]},
        {"arrivals": [REFUSED, arrived(fields=(*ARRIVED.fields, ("Authorization", "Bearer sha256:2")))]},
        {"arrivals": [REFUSED, arrived(fields=(*ARRIVED.fields, ("Connection", "close")))]},
        {"arrivals": [REFUSED, arrived(fields=ARRIVED.fields[:2])]},
        {"mints": 2},
        {"exchanges": [dataclasses.replace(DONE, body=b"{}")]},
        {"exchanges": [DONE, DONE]},
    ],
    ids=str,
)
def test_what_is_wrong_is_found(wrong: dict[str, object]) -> None:
    assert faults(dataclasses.replace(FINE, **wrong)) != []  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("check", "scene"),
    [
        (behaviours.redirect, {"exchanges": [with_fields((b"Location", b"http://127.0.0.1/"), status=302)]}),
        (behaviours.zipped, {"exchanges": [with_fields((b"Content-Encoding", b"gzip"))]}),
        (behaviours.close, {"exchanges": [DONE, DONE], "told": [TOLD, TOLD]}),
        (
            behaviours.keep_alive,
            {"exchanges": [DONE, DONE, dataclasses.replace(DONE, connection=2)], "told": [TOLD] * 3},
        ),
        (behaviours.parallel, {"exchanges": [DONE] * 20, "told": [TOLD] * 20, "together": 19}),
        (behaviours.chunked, {}),
        (behaviours.expect, {}),
        (behaviours.multipart, {}),
        (behaviours.head, {}),
        (behaviours.no_content, {}),
        (behaviours.get, {}),
        (behaviours.streamed, {}),
    ],
)
def test_each_check_finds_what_is_not_its_own(check: Callable[[Scene], str], scene: dict[str, object]) -> None:
    assert faults(dataclasses.replace(FINE, **scene), check) != []  # type: ignore[arg-type]  # as above
