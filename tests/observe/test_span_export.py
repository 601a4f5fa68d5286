"""Spans on their way: to a collector that is there, slow, refusing, hanging or gone; nobody waits for any of them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

import pytest
from collector import Collector, collecting
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from sidecar import events
from sidecar.observe.span_export import MOST_WAITING, Export, Spans

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Tracer

A_BATCH = 512
NOBODY = "http://127.0.0.1:9"


class Bench:
    """Spans from their end to the collector, and what was told meanwhile."""

    def __init__(self, endpoint: str) -> None:
        self.now = 0.0
        self.told: list[events.Caution] = []
        self.export = Export(endpoint, clock=lambda: self.now)
        self.export.tell = self._hear
        self.spans = Spans(self.export)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(self.spans)
        self.tracer: Tracer = provider.get_tracer("test")

    def _hear(self, event: events.Event) -> None:
        assert isinstance(event, events.Caution)
        self.told.append(event)

    def end(self, count: int) -> None:
        for number in range(count):
            self.tracer.start_span(f"s{number}").end()

    async def close(self) -> None:
        async with asyncio.timeout(10):
            await self.spans.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # what a thread does tells no loop
            await asyncio.sleep(0.005)


async def test_what_waits_is_sent_at_the_end() -> None:
    with collecting() as collector:
        bench = Bench(collector.url)
        bench.end(3)
        await bench.close()
        assert [span.name for span in collector.spans] == ["s0", "s1", "s2"]
        assert (bench.spans.dropped, bench.told) == (0, [])
        assert collector.paths == ["/v1/traces"]
        assert collector.fields[0]["content-type"] == "application/x-protobuf"


async def test_what_ends_after_the_end_is_dropped_and_counted_and_a_second_end_is_none() -> None:
    with collecting() as collector:
        bench = Bench(collector.url)
        await bench.close()
        bench.end(2)
        await bench.close()
        assert (bench.spans.dropped, collector.spans) == (2, [])


async def test_while_too_many_wait_new_ones_are_dropped_and_each_of_them_counts() -> None:
    hold = threading.Event()
    with collecting(hold=hold) as collector:
        bench = Bench(collector.url)
        bench.end(A_BATCH)  # which are on their way, and held up
        await until(lambda: len(collector.paths) == 1)
        bench.end(MOST_WAITING)
        assert bench.spans.dropped == 0
        bench.end(7)
        assert bench.spans.dropped == 7
        hold.set()
        await bench.close()
        assert len(collector.spans) == A_BATCH + MOST_WAITING
        assert bench.spans.dropped == 7


async def test_the_end_waits_for_a_collector_that_hangs_until_whoever_waits_gives_up() -> None:
    hold = threading.Event()
    with collecting(hold=hold) as collector:
        bench = Bench(collector.url)
        bench.end(1)
        closing = asyncio.create_task(bench.spans.close())
        await until(lambda: len(collector.paths) == 1)
        closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await closing
        (thread,) = [each for each in threading.enumerate() if each.name == "spans-end"]
        assert thread.daemon
        hold.set()
        await until(lambda: not thread.is_alive())


# ── what is lost ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [404, 401, 302])
async def test_what_the_collector_refuses_is_counted_and_told_in_one_caution(status: int) -> None:
    with collecting() as other, collecting(status=status, location=f"{other.url}/v1/traces") as collector:
        bench = Bench(collector.url)
        bench.end(3)
        await bench.close()
        assert bench.spans.dropped == 3
        (caution,) = bench.told
        assert caution.detail == f"spans are dropped: {collector.url} does not take them (status {status})"
        assert caution.remedy == "Start the collector, or correct tracing.endpoint."
        assert (len(collector.paths), other.paths) == (1, [])


def failing(bench: Bench, collector: Collector, *, times: int, status: int = 404) -> None:
    """Have so many batches of one span refused."""
    collector.status = status
    for _ in range(times):
        span = bench.tracer.start_span("s")
        bench.export.export([span])  # type: ignore[list-item]  # what the SDK makes can be read


def test_told_once_it_is_told_again_only_when_the_collector_was_there_meanwhile_and_not_within_a_minute() -> None:
    with collecting() as collector:
        bench = Bench(collector.url)
        failing(bench, collector, times=3)
        assert (len(bench.told), bench.export.lost) == (1, 3)
        failing(bench, collector, times=1, status=200)
        failing(bench, collector, times=1)
        assert len(bench.told) == 1
        bench.now = 60.0
        failing(bench, collector, times=1)
        assert len(bench.told) == 1
        failing(bench, collector, times=1, status=200)
        failing(bench, collector, times=2)
        assert (len(bench.told), bench.export.lost) == (2, 7)
        assert bench.export.force_flush()
        bench.export.shutdown()


def test_nobody_there_to_be_told_is_no_failure() -> None:
    with collecting() as collector:
        bench = Bench(collector.url)

        def closed(_: object) -> None:
            raise RuntimeError("Event loop is closed")

        bench.export.tell = closed
        failing(bench, collector, times=1)
        assert bench.export.lost == 1


# ── the way there ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_no_proxy_and_no_password_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, NOBODY)
    monkeypatch.delenv("no_proxy", raising=False)
    netrc = f"{tmp_path}/netrc"
    await asyncio.to_thread(_write, netrc, "machine 127.0.0.1 login alice password wonderland")
    monkeypatch.setenv("NETRC", netrc)
    with collecting() as collector:
        bench = Bench(collector.url)
        bench.end(1)
        await bench.close()
        assert len(collector.spans) == 1
        assert "authorization" not in collector.fields[0]


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123  # a text is at hand
        file.write(text)


async def test_fields_for_the_collector_come_from_opentelemetrys_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=k1")
    with collecting() as collector:
        bench = Bench(collector.url)
        bench.end(1)
        await bench.close()
        assert collector.fields[0]["x-api-key"] == "k1"


def test_an_exporter_that_raises_has_lost_its_spans_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(_: object, __: object) -> None:
        raise ValueError("as older versions do")

    monkeypatch.setattr(OTLPSpanExporter, "export", raising)
    bench = Bench(NOBODY)
    assert bench.export.export([bench.tracer.start_span("s")]) is SpanExportResult.FAILURE  # type: ignore[list-item]  # as above
    assert (bench.export.lost, len(bench.told)) == (1, 1)
