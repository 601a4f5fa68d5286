"""Traces of a whole sidecar, in front of an emulator and beside a collector, as both saw them."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from collector import Collector, collecting
from operating import Operated, assembled, finhub, operated, until

from sidecar import events
from sidecar.app import tracing
from sidecar.config.build import build
from sidecar.config.defaults import defaults
from sidecar.errors import ConfigError
from sidecar.redact import living

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from collector import Got
    from operating import Files

    from sidecar.config.model import Config

BALANCE = "/api/v2.1/wallets/w-1/balance"
LOGIN = "POST /api/v2/auth/token"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = f"traceparent: 00-{TRACE}-{PARENT}-01".encode()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def config(**tracing: Any) -> Config:
    given = {"environment": "playground", "credentials": {"tenant_id": "1234567"}, "tracing": tracing}
    return build(given, defaults("playground"))


# ── with it, or without ─────────────────────────────────────────────────────────────────────────────────────────


def test_without_an_endpoint_nobody_traces() -> None:
    tracing.require(config())
    assert tracing.build(config()) is None


@pytest.mark.parametrize("missing", ["opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http", "requests"])
def test_what_is_missing_is_told_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(tracing, "find_spec", lambda name: None if name == missing else find(name))
    tracing.require(config())
    with pytest.raises(ConfigError) as raised:
        tracing.require(config(endpoint="http://127.0.0.1:4318"))
    assert raised.value.detail.startswith("tracing.endpoint: ")
    assert "pip install 'finhub-sidecar[otel]'" in raised.value.remedy


def test_what_is_missing_with_all_that_it_would_be_in_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_NEEDED", ("no_such_package.of_any_kind",))
    with pytest.raises(ConfigError):
        tracing.require(config(endpoint="http://127.0.0.1:4318"))


# ── a request ───────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def traced(
    folder: Path, collector: Collector, *, sample: float = 1.0, login: str = "lazy", **settings: Any
) -> AsyncIterator[Operated]:
    """Serve in front of an emulator, traced; all spans are with the collector once `all_spans` has returned."""
    async with finhub(folder, **settings) as files:
        files.add("tracing", f'endpoint = "{collector.url}"\nsample = {sample}')
        files.add("session", f'login = "{login}"')
        async with operated(files) as one:
            if login == "eager":
                await one.logged_in()
            yield one


async def all_spans(one: Operated, collector: Collector) -> list[Got]:
    """End the sidecar and return its spans, in the order in which they began."""
    one.sidecar.stop("enough")
    await one.done
    return sorted(collector.spans, key=lambda span: span.begin)


def contexts(files: Files, path: str) -> list[list[str]]:
    """Return what FinHub got as context for a path, request by request."""
    return [seen.values("traceparent") for seen in files.emulator.seen if seen.path == path]


def flagless(contexts: list[list[str]]) -> list[str]:
    """Return the one context of each request, without its flags."""
    assert {len(each) for each in contexts} == {1}
    return [context.rpartition("-")[0] for (context,) in contexts]


async def test_a_request_whose_token_was_revoked_is_told_as_a_tree_and_FinHub_saw_its_ids(  # noqa: N802  # its name
    tmp_path: Path, collector: Collector
) -> None:
    async with traced(tmp_path, collector, login="eager") as one:
        one.files.emulator.revoke()
        heard = await one.call("GET", f"{BALANCE}?key=value", CALLER, b"tracestate: v=1", b"baggage: k=v")
        assert heard.status == 200
        spans = await all_spans(one, collector)
        eager, top, first, mint, second = spans
        assert [span.name for span in spans] == [LOGIN, "GET", "GET", LOGIN, "GET"]
        assert [span.kind for span in spans] == ["CLIENT", "SERVER", "CLIENT", "CLIENT", "CLIENT"]
        assert (top.trace, top.parent) == (TRACE, PARENT)
        assert [span.parent for span in (first, mint, second)] == [top.id] * 3
        assert [span.attributes["http.response.status_code"] for span in spans] == [200, 200, 401, 200, 200]
        assert [span.failed for span in spans] == [False, False, True, False, False]
        assert (eager.parent, eager.trace != TRACE) == ("", True)
        assert flagless(contexts(one.files, BALANCE)) == [first.context, second.context]
        assert flagless(contexts(one.files, "/api/v2/auth/token")) == [eager.context, mint.context]
        (line,) = one.events(events.Forwarded)
        assert (top.attributes["finhub.request_id"], top.attributes["finhub.replay"]) == (line.request_id, line.replay)
        assert (top.attributes["server.address"], top.attributes["server.port"]) == ("127.0.0.1", one.port)
        for seen in one.files.emulator.seen:
            mine = ["v=1"], ["k=v"]
            assert (seen.values("tracestate"), seen.values("baggage")) == (mine if seen.path == BALANCE else ([], []))


async def test_a_refresh_is_a_mint_too_and_so_is_a_login_that_fails(tmp_path: Path, collector: Collector) -> None:
    async with traced(tmp_path, collector, token_lifetime=3.0) as one:
        assert (await one.call("GET", BALANCE)).status == 200
        await until(lambda: one.session()["state"] == "RENEWABLE")
        assert (await one.call("GET", BALANCE)).status == 200
        await until(lambda: one.session()["state"] == "FRESH")
        one.files.emulator.revoke()
        one.files.emulator.fault("login:status=500")
        assert (await one.call("GET", BALANCE)).status == 503
        spans = await all_spans(one, collector)
        mints = [span for span in spans if "finhub.mint" in span.attributes]
        assert [(span.attributes["finhub.mint"], span.attributes.get("error.type")) for span in mints] == [
            ("login", None),
            ("refresh", None),
            ("login", "500"),
        ]
        tops = [span for span in spans if span.kind == "SERVER"]
        assert [span.parent for span in mints] == [top.id for top in tops]
        assert (tops[2].failed, tops[2].attributes["finhub.source"]) == (True, "sidecar")


async def test_who_waits_for_the_mint_of_another_is_linked_to_it(tmp_path: Path, collector: Collector) -> None:
    async with traced(tmp_path, collector) as one:
        one.files.emulator.fault("login:delay=0.2")
        heard = await asyncio.gather(*(one.call("GET", BALANCE) for _ in range(5)))
        assert {each.status for each in heard} == {200}
        spans = await all_spans(one, collector)
        (mint,) = [span for span in spans if span.name == LOGIN]
        tops = [span for span in spans if span.kind == "SERVER"]
        assert sorted(top.links for top in tops) == [(), *[(mint.id,)] * 4]
        assert [top.id for top in tops if not top.links] == [mint.parent]
        assert len({top.trace for top in tops}) == 5


async def test_what_the_guard_refuses_has_a_span_and_no_attempt(tmp_path: Path, collector: Collector) -> None:
    async with traced(tmp_path, collector) as one:
        assert (await one.call("GET", BALANCE, b"Origin: http://evil.example")).status == 403
        (top,) = await all_spans(one, collector)
        assert (top.kind, top.failed, top.attributes["finhub.rule"]) == ("SERVER", False, "origin")


async def test_of_what_is_not_kept_nothing_is_sent_and_its_context_goes_on(
    tmp_path: Path, collector: Collector
) -> None:
    async with traced(tmp_path, collector, sample=0.0) as one:
        assert (await one.call("GET", BALANCE)).status == 200
        assert (await one.call("GET", BALANCE, CALLER[:-2] + b"00")).status == 200
        assert await all_spans(one, collector) == []
        fresh, continued = flagless(contexts(one.files, BALANCE))
        assert fresh.split("-")[1] != TRACE
        assert continued.split("-")[1] == TRACE
        assert {context[-1] for (context,) in contexts(one.files, BALANCE)} <= {"0", "2"}


# ── what is never in a span ─────────────────────────────────────────────────────────────────────────────────────


async def test_neither_secret_nor_query_nor_field_nor_body_of_anybody_is_sent(
    tmp_path: Path, collector: Collector
) -> None:
    async with traced(tmp_path, collector) as one:
        account = one.files.emulator.account
        for path in (f"{BALANCE}?password=in-the-query", f"/a/{account.password.reveal()}"):
            await one.call(
                "POST", path, b"Authorization: Bearer callers-own", b"Cookie: crumbs", b"tracestate: vendor=state",
                b"baggage: k=luggage", b"User-Agent: browser/1", body=b"in-the-body",
            )  # fmt: skip  # a field each
        await all_spans(one, collector)
        sent = b"".join(collector.raw)
        assert b"/a/[redacted]" in sent
        secrets = [secret.reveal().encode() for secret in living() if len(secret.reveal()) > 8]
        words = [b"in-the-query", b"callers-own", b"crumbs", b"vendor", b"luggage", b"browser", b"in-the-body"]
        assert [word for word in (*secrets, *words) if word in sent] == []
        assert account.password in living()


# ── a collector in trouble ──────────────────────────────────────────────────────────────────────────────────────


async def test_without_a_collector_requests_go_on_and_one_caution_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")  # ten seconds otherwise
    with collecting() as gone:
        pass
    async with traced(tmp_path, gone) as one:
        for _ in range(3):
            assert (await one.call("GET", BALANCE)).status == 200
        await until(lambda: bool(one.events(events.Caution)))
        assert (await one.call("GET", BALANCE)).status == 200
        one.sidecar.stop("enough")
        await one.done
        (caution,) = one.events(events.Caution)
        assert caution.detail == f"spans are dropped: {gone.url} does not take them (ConnectionError)"


async def test_a_collector_that_hangs_holds_up_neither_requests_nor_for_long_the_end(tmp_path: Path) -> None:
    hold = threading.Event()
    with collecting(hold=hold) as collector:
        async with traced(tmp_path, collector) as one:
            assert (await one.call("GET", BALANCE)).status == 200
            await until(lambda: bool(collector.paths))  # a batch is on its way, and is held up
            assert (await one.call("GET", BALANCE)).status == 200
            began = time.monotonic()
            one.sidecar.stop("enough")
            await one.done
            assert time.monotonic() - began < 3.0
        hold.set()


async def test_whoever_is_in_a_hurry_waits_for_no_collector(tmp_path: Path) -> None:
    hold = threading.Event()
    with collecting(hold=hold) as collector:
        async with traced(tmp_path, collector) as one:
            assert (await one.call("GET", BALANCE)).status == 200
            began = time.monotonic()
            one.sidecar.hurry.set()
            one.sidecar.stop("enough")
            await one.done
            assert time.monotonic() - began < 1.0
        hold.set()


async def test_a_sidecar_that_never_served_leaves_no_thread(tmp_path: Path, collector: Collector) -> None:
    async with finhub(tmp_path) as files:
        files.add("tracing", f'endpoint = "{collector.url}"')
        before = set(threading.enumerate())
        async with await assembled(files, []):
            (worker,) = (each for each in set(threading.enumerate()) - before if each.name.startswith("OtelBatch"))
        await until(lambda: not worker.is_alive())
