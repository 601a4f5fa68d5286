"""Spans of requests, attempts and mints, told to a tracer by hand and read by a collector."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import importlib
import logging
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import told
from collector import Collector, Got, collecting
from opentelemetry.semconv import attributes

from sidecar import __version__, events
from sidecar.observe.tracing import Tracing
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sidecar.rawfields import RawFields

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PLAIN = told.PLAIN


class Traced:
    """A tracer and its collector, and the spans once all have been sent."""

    def __init__(self, collector: Collector, sample: float) -> None:
        self.collector = collector
        self.tracing = Tracing(
            collector.url,
            sample,
            environment="playground",
            upstream="https://api.finhub.cloud",
            tokens="https://login.finhub.cloud:444",
        )
        self.tracing.listening("127.0.0.1:8080", lambda _: None)

    async def spans(self) -> list[Got]:
        """Return all spans, in the order in which they began."""
        await self.tracing.close()
        return sorted(self.collector.spans, key=lambda span: span.begin)

    def carry(
        self, *statuses: int, fields: RawFields = (), method: str = "GET", path: str = "/a", **changes: Any
    ) -> list[str]:
        """Carry a request with an attempt for each status, 0: unanswered; return what FinHub got as context."""
        return contextvars.copy_context().run(self._carry, statuses, fields, method, path, changes)

    def _carry(
        self, statuses: tuple[int, ...], fields: RawFields, method: str, path: str, changes: dict[str, Any]
    ) -> list[str]:
        trace = self.tracing.begin(method, path, fields)
        sent = []
        for status in statuses:
            sent.append(context_of(trace.asks(fields)))
            if status:
                trace.hears(status)
        trace.over(dataclasses.replace(PLAIN, method=method, path=path, **changes))
        return sent


def context_of(fields: RawFields) -> str:
    (value,) = [value for name, value in fields if name == b"traceparent"]
    return value.decode()


def caller(flags: str = "01") -> RawFields:
    return ((b"Host", b"h"), (b"traceparent", f"00-{TRACE}-{PARENT}-{flags}".encode()), (b"tracestate", b"v=1"))


@pytest.fixture
def make() -> Callable[..., contextlib.AbstractAsyncContextManager[Traced]]:
    @contextlib.asynccontextmanager
    async def making(sample: float = 1.0) -> AsyncIterator[Traced]:
        with collecting() as collector:
            traced = await asyncio.to_thread(Traced, collector, sample)
            try:
                yield traced
            finally:
                await traced.tracing.close()

    return making


Make = Any  # the fixture's type is long, and says no more


# ── the tree ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_request_and_its_attempts_are_a_tree_and_FinHub_gets_the_attempts_ids(make: Make) -> None:  # noqa: N802  # its name
    async with make() as traced:
        sent = traced.carry(401, 200)
        top, first, second = await traced.spans()
        assert [span.kind for span in (top, first, second)] == ["SERVER", "CLIENT", "CLIENT"]
        assert (top.parent, first.parent, second.parent) == ("", top.id, top.id)
        assert [context[:-3] for context in sent] == [one.context for one in (first, second)]
        assert {int(context[-2:], 16) & 1 for context in sent} == {1}
        assert {context.split("-")[1] for context in sent} == {top.trace}
        assert first.trace == second.trace == top.trace
        assert [span.failed for span in (top, first, second)] == [False, True, False]
        assert top.begin <= first.begin <= first.end <= second.begin <= second.end <= top.end


async def test_a_callers_trace_is_continued(make: Make) -> None:
    async with make() as traced:
        sent = traced.carry(200, fields=caller())
        top, attempt = await traced.spans()
        assert (top.trace, top.parent) == (TRACE, PARENT)
        assert [context[:-3] for context in sent] == [attempt.context]


async def test_only_the_context_of_a_request_changes_and_state_goes_on_with_its_own_trace(make: Make) -> None:
    async with make() as traced:
        fields = (*caller(), (b"Authorization", b"Bearer x"))
        trace = traced.tracing.begin("GET", "/a", fields)
        assert [pair for pair in trace.asks(fields) if pair[0] != b"traceparent"] == [
            pair for pair in fields if pair[0] != b"traceparent"
        ]
        broken = (fields[0], (b"traceparent", b"nonsense"), *fields[2:])
        trace = traced.tracing.begin("GET", "/a", broken)
        assert {name for name, _ in trace.asks(broken)} == {b"Host", b"Authorization", b"traceparent"}


@pytest.mark.parametrize("value", [b"nonsense", b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01"])
async def test_behind_a_broken_context_a_trace_begins(make: Make, value: bytes) -> None:
    async with make() as traced:
        traced.carry(200, fields=((b"traceparent", value),))
        top, _ = await traced.spans()
        assert top.parent == ""
        assert top.trace not in {TRACE, "0" * 32}


async def test_every_request_that_brings_none_has_a_trace_of_its_own(make: Make) -> None:
    async with make() as traced:
        for _ in range(3):
            traced.carry(200)
        assert len({span.trace for span in await traced.spans()}) == 3


# ── which are kept ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("sample", "flags", "kept"), [(0.0, "01", 2), (1.0, "00", 0), (0.0, "03", 2), (1.0, "02", 0)])
async def test_what_the_caller_said_about_keeping_counts_and_its_trace_goes_on_all_the_same(
    make: Make, sample: float, flags: str, kept: int
) -> None:
    async with make(sample) as traced:
        (sent,) = traced.carry(200, fields=caller(flags))
        assert len(await traced.spans()) == kept
        version, trace, span, sent_flags = sent.split("-")
        assert (version, trace, int(sent_flags, 16) & 1) == ("00", TRACE, int(flags, 16) & 1)
        assert span not in {PARENT, "0" * 16}


async def test_of_traces_begun_here_a_share_is_kept_whole(make: Make) -> None:
    async with make(0.5) as traced:
        sent = [traced.carry(401, 200) for _ in range(200)]
        spans = await traced.spans()
        kept = {span.trace for span in spans}
        assert len(spans) == 3 * len(kept)
        assert 50 < len(kept) < 150
        for one in sent:
            for context in one:
                _, trace, _, flags = context.split("-")
                assert (int(flags, 16) & 1) == (trace in kept)


# ── what they say ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_request_says_what_the_log_says(make: Make) -> None:
    async with make() as traced:
        traced.carry(503, method="POST", path="/pay", status=503)
        top, attempt = await traced.spans()
        assert (top.name, attempt.name, top.failed, attempt.failed) == ("POST", "POST", True, True)
        assert top.attributes == {
            "http.request.method": "POST",
            "url.path": "/pay",
            "url.scheme": "http",
            "server.address": "127.0.0.1",
            "server.port": 8080,
            "http.response.status_code": 503,
            "error.type": "503",
            "finhub.request_id": "r-1",
            "finhub.source": "upstream",
            "finhub.outcome": "complete",
        }
        assert attempt.attributes == {
            "http.request.method": "POST",
            "url.full": "https://api.finhub.cloud/pay",
            "server.address": "api.finhub.cloud",
            "server.port": 443,
            "network.protocol.version": "1.1",
            "http.response.status_code": 503,
            "error.type": "503",
        }


async def test_each_sending_after_the_first_counts_and_one_that_died_says_so(make: Make) -> None:
    async with make() as traced:
        traced.carry(0, 401, 200)
        _, *attempts = await traced.spans()
        assert [span.attributes.get("http.request.resend_count") for span in attempts] == [None, 1, 2]
        assert [span.attributes.get("error.type") for span in attempts] == ["connection_terminated", "401", None]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"status": 504, "reason": "http_response_timeout"}, "http_response_timeout"),
        ({"status": 0, "outcome": "caller_left"}, "caller_left"),
        ({"status": 0, "outcome": "aborted"}, "aborted"),
    ],
)
async def test_an_attempt_that_nobody_answered_ends_with_the_request_and_says_why(
    make: Make, changes: dict[str, Any], error: str
) -> None:
    async with make() as traced:
        traced.carry(0, **changes)
        top, attempt = await traced.spans()
        assert (attempt.failed, attempt.attributes["error.type"]) == (True, error)
        assert top.failed == (error != "caller_left")


async def test_no_secret_stands_in_a_path(make: Make) -> None:
    secret = Secret("a secret that lives")
    async with make() as traced:
        traced.carry(200, path=f"/a/{secret.reveal()}/b")
        spans = await traced.spans()
        assert [span.attributes.get("url.path") or span.attributes.get("url.full") for span in spans] == [
            "/a/[redacted]/b",
            "https://api.finhub.cloud/a/[redacted]/b",
        ]
        assert secret.reveal().encode() not in b"".join(traced.collector.raw)


async def test_a_path_without_end_is_cut(make: Make) -> None:
    async with make() as traced:
        traced.carry(200, path="/" + "a" * 10_000)
        top, _ = await traced.spans()
        assert len(str(top.attributes["url.path"])) == 2048


@pytest.mark.parametrize("name", [None, "shop"])
async def test_the_sender_says_who_it_is(make: Make, monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    if name is not None:
        monkeypatch.setenv("OTEL_SERVICE_NAME", name)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=p-1,service.version=0")
    async with make() as traced:
        traced.carry(200)
        await traced.spans()
        (resource,) = traced.collector.resources
        assert resource.items() >= {
            ("service.name", name or "finhub-sidecar"),
            ("service.version", __version__),
            ("deployment.environment.name", "playground"),
            ("k8s.pod.name", "p-1"),
        }


async def test_switched_off_by_opentelemetrys_own_variable_context_passes_as_it_came(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    async with make() as traced:
        for fields in (caller(), ()):
            trace = traced.tracing.begin("GET", "/a", fields)
            assert dict(trace.asks(fields)).get(b"traceparent") == dict(fields).get(b"traceparent")
            trace.hears(200)
            trace.over(PLAIN)
        assert await traced.spans() == []


# ── mints ───────────────────────────────────────────────────────────────────────────────────────────────────────


def mint(tracing: Tracing, status: int = 200, error: str = "") -> RawFields:
    """Mint, and return the fields of the call."""
    with tracing.mint("login", "POST", "/token") as span:
        fields = tracing.own_call(((b"User-Agent", b"u"),))
        span.came(status, error)
    return fields


async def test_a_mint_is_a_part_of_the_request_that_began_it(make: Make) -> None:
    async with make() as traced:

        def request() -> RawFields:
            trace = traced.tracing.begin("GET", "/a", ())
            fields = mint(traced.tracing)
            trace.asks(())
            trace.hears(200)
            trace.over(PLAIN)
            return fields

        fields = contextvars.copy_context().run(request)
        top, minted, attempt = await traced.spans()
        assert (minted.name, minted.kind, minted.parent, attempt.parent) == ("POST /token", "CLIENT", top.id, top.id)
        assert fields[0] == (b"User-Agent", b"u")
        assert context_of(fields)[:-3] == minted.context
        assert minted.attributes == {
            "http.request.method": "POST",
            "url.full": "https://login.finhub.cloud:444/token",
            "server.address": "login.finhub.cloud",
            "server.port": 444,
            "network.protocol.version": "1.1",
            "http.response.status_code": 200,
            "finhub.mint": "login",
        }
        assert top.links == ()


async def test_a_mint_that_nobody_waits_for_is_a_trace_of_its_own(make: Make) -> None:
    async with make() as traced:
        assert traced.tracing.own_call(((b"A", b"b"),)) == ((b"A", b"b"),)
        mint(traced.tracing, 401, "401")
        mint(traced.tracing, 0, "connection_refused")
        assert traced.tracing.own_call(()) == ()
        one, other = await traced.spans()
        assert (one.parent, other.parent, one.trace != other.trace) == ("", "", True)
        assert [span.attributes.get("error.type") for span in (one, other)] == ["401", "connection_refused"]
        assert [span.attributes.get("http.response.status_code") for span in (one, other)] == [401, None]
        assert (one.failed, other.failed) == (True, True)


async def test_who_lived_to_see_the_mint_of_another_is_linked_to_it_and_nobody_else(make: Make) -> None:
    async with make() as traced:
        mint(traced.tracing)  # before its time
        waiter = contextvars.copy_context().run(traced.tracing.begin, "GET", "/waiter", ())
        mint(traced.tracing)
        waiter.over(dataclasses.replace(PLAIN, path="/waiter"))
        traced.carry(200, path="/late")
        _, top, minted, late, _ = await traced.spans()
        assert (top.links, late.links) == ((minted.id,), ())


async def test_a_mint_that_ends_by_an_exception_has_ended_and_one_that_never_was_is_none(make: Make) -> None:
    async with make() as traced:
        with pytest.raises(asyncio.CancelledError), traced.tracing.mint("refresh", "POST", ""):
            raise asyncio.CancelledError
        with traced.tracing.mint("refresh", "POST", "/refresh") as span:
            span.never_was()
        (one,) = await traced.spans()
        assert (one.name, one.failed, one.attributes["error.type"]) == ("POST", True, "aborted")
        assert one.attributes["url.full"] == "https://login.finhub.cloud:444"


# ── what is lost ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_lost_is_counted_and_told_and_the_libraries_say_nothing(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[events.Event] = []
    async with make() as traced:
        traced.tracing.listening("unix:/run/s.sock", heard.append)
        traced.collector.status = 404
        with caplog.at_level(logging.DEBUG):
            traced.carry(200, fields=((b"traceparent", b"x"), (b"tracestate", b"what,is=this")))
            assert await traced.spans() == []
        assert traced.tracing.dropped == 2
        assert [type(event) for event in heard] == [events.Caution]
        assert caplog.records == []


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────

PAGE = Path(__file__).parents[2] / "docs" / "tracing.md"


def documented() -> set[tuple[str, str]]:
    """Return the pairs of span and attribute in the page's table."""
    rows = [line.strip("|").split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    kinds = ("request", "attempt", "mint")
    return {
        (kind, name.strip(" `"))
        for name, *columns in rows
        for kind, column in zip(kinds, columns, strict=False)
        if column.strip() == "yes"
    }


def kind_of(span: Got) -> str:
    if span.kind == "SERVER":
        return "request"
    return "mint" if "finhub.mint" in span.attributes else "attempt"


async def test_the_pages_table_names_all_that_spans_say_and_nothing_else(make: Make) -> None:
    async with make() as traced:
        traced.carry(401, 200, method="PURGE", replay="token refused")
        traced.carry(status=403, source="sidecar", reason="http_request_denied", rule="host")
        traced.carry(503, status=503)
        mint(traced.tracing)
        mint(traced.tracing, 401, "401")
        said = {(kind_of(span), name) for span in await traced.spans() for name in span.attributes}
    assert said == await asyncio.to_thread(documented)


def stable() -> set[str]:
    """Return every attribute that the conventions call stable."""
    folder = attributes.__path__
    modules = [importlib.import_module(f"{attributes.__name__}.{each.name}") for each in pkgutil.iter_modules(folder)]
    return {value for module in modules for value in vars(module).values() if isinstance(value, str)}


def test_what_is_not_ours_is_of_the_stable_conventions() -> None:
    names = {name for _, name in documented()} | {"service.name", "service.version", "deployment.environment.name"}
    assert {name for name in names if not name.startswith("finhub.")} - stable() == set()
