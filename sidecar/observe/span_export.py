"""Ended spans on their way to the collector, which nobody waits for: what it does not take is dropped and counted.

OpenTelemetry's own batches, in a thread of their own, between two counts of ours: they neither tell how many spans
they dropped, nor end within a time of our choice.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from sidecar import events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

MOST_WAITING: Final = 2048
"""Spans that wait for the collector; while there are so many, new ones are dropped."""

_MOST_AT_ONCE: Final = 512
_MILLISECONDS: Final = 1000
_PAUSE: Final = 60.0
"""Seconds between two complaints about a collector that comes and goes."""


class Session(requests.Session):
    """Goes straight to the collector: by no proxy and with no password of the environment's, and nowhere else.

    Attributes:
        heard: how the last request ended, in a word or two.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.heard = "no answer"

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request and note what came of it. A redirect is an error: the exporter would take it for success."""
        try:
            response = super().send(request, **{**kwargs, "allow_redirects": False})
        except Exception as error:
            self.heard = type(error).__name__
            raise
        self.heard = f"status {response.status_code}"
        if response.is_redirect:
            raise requests.TooManyRedirects
        return response


class Export(SpanExporter):
    """Takes spans to the collector at `endpoint`, an origin. All of it runs in the thread of the batches.

    Attributes:
        taken: spans that came out of the batches so far.
        lost: those of them that the collector did not take.
        tell: is called with what an operator should know; from that thread.
    """

    def __init__(self, endpoint: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.taken = 0
        self.lost = 0
        self.tell: Callable[[events.Event], object] = lambda _: None
        self._endpoint = endpoint
        self._clock = clock
        self._session = Session()
        self._otlp = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", session=self._session)
        self._is_failing = False
        self._complained_at = float("-inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans; what is not taken is lost."""
        self.taken += len(spans)
        result = self._attempt(spans)
        if result is SpanExportResult.SUCCESS:
            self._is_failing = False
        else:
            self.lost += len(spans)
            self._complain()
        return result

    def shutdown(self) -> None:
        """Let go of the connection."""
        self._otlp.shutdown()  # type: ignore[no-untyped-call]  # foreign, and so annotated

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Do nothing: nothing waits here."""
        del timeout_millis
        return True

    def _attempt(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            return self._otlp.export(spans)
        except Exception:  # noqa: BLE001  # older versions raise: whatever it is, spans are lost and no more
            return SpanExportResult.FAILURE

    def _complain(self) -> None:
        """Tell once that spans are lost, and again after the collector was there in between."""
        was_failing, self._is_failing = self._is_failing, True
        now = self._clock()
        if was_failing or now - self._complained_at < _PAUSE:
            return
        self._complained_at = now
        detail = f"spans are dropped: {self._endpoint} does not take them ({self._session.heard})"
        with contextlib.suppress(RuntimeError):  # the event loop that would tell is closed
            self.tell(events.Caution(detail=detail, remedy="Start the collector, or correct tracing.endpoint."))


class Spans(SpanProcessor):
    """The spans that have ended. `on_end` costs the event loop a moment, whatever the collector does."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._refused = 0
        self._passed = 0
        self._is_closed = False
        self._batches = BatchSpanProcessor(
            export,
            max_queue_size=2 * MOST_WAITING,  # never full: what it drops it would not tell
            schedule_delay_millis=_MILLISECONDS,
            max_export_batch_size=_MOST_AT_ONCE,
        )

    @property
    def dropped(self) -> int:
        """Return how many spans never reached the collector, those apart that wait."""
        return self._refused + self._export.lost

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended, or drop it where too many wait."""
        if self._is_closed or self._passed - self._export.taken >= MOST_WAITING:
            self._refused += 1
            return
        self._passed += 1
        self._batches.on_end(span)

    async def close(self) -> None:
        """Return once all that waits has been sent, or given up by the exporter; whoever cannot wait cancels this.

        In a daemon thread: a collector that hangs holds up nobody, the end of the process least of all.
        """
        if self._is_closed:
            return
        self._is_closed = True
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut() -> None:
            self._batches.shutdown()  # type: ignore[no-untyped-call]  # as above
            with contextlib.suppress(RuntimeError):  # nobody waited so long
                loop.call_soon_threadsafe(done.set)

        threading.Thread(target=shut, name="spans-end", daemon=True).start()
        await done.wait()
