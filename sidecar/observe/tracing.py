"""Requests, attempts and mints as OpenTelemetry's spans. Loaded only where `tracing.endpoint` is set.

A span of the caller's is continued; to FinHub goes the context of the attempt's own span. A mint belongs to the request
that began it, and requests that lived to see it are linked to it.
"""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Self

from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from sidecar import __version__
from sidecar.observe import span_attributes as words
from sidecar.observe import trace_context
from sidecar.observe.span_attributes import Place, place_listened_at, place_of
from sidecar.observe.span_export import Export, Spans
from sidecar.observe.traced_endpoint import TracedEndpoint
from sidecar.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.events import Event, Forwarded
    from sidecar.rawfields import RawFields
    from sidecar.session.dialect import Dialect
    from sidecar.session.source import TokenEndpoint

_ROOT: Final = Context()

_LONGEST_ATTRIBUTE: Final = 2048
"""Characters of an attribute: what a path may have, and no more than memory has room for."""

_current: ContextVar[Span | None] = ContextVar("span", default=None)
"""The span of what this task does; a mint begun in it inherits it."""


class Tracing:
    """All traces of one process, sent to the collector at `endpoint`, an origin.

    `sample` is the share of traces begun here that is kept; `upstream` and `tokens` are the origins of FinHub's API and
    token endpoint.

    Attributes:
        listen: where callers reach us.
        upstream, tokens: where FinHub answers.
        last_mint: the one that ended last.
    """

    def __init__(self, endpoint: str, sample: float, *, environment: str, upstream: str, tokens: str) -> None:
        _quieten()
        self.listen = Place("", 0)
        self.upstream = place_of(upstream)
        self.tokens = place_of(tokens)
        self.last_mint: Mint | None = None
        self._export = Export(endpoint)
        self._spans = Spans(self._export)
        provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(sample),
            resource=_resource(environment),
            shutdown_on_exit=False,  # `close` is, and does not wait for ever
            span_limits=SpanLimits(max_span_attribute_length=_LONGEST_ATTRIBUTE),
        )
        provider.add_span_processor(self._spans)
        self._tracer = provider.get_tracer("finhub-sidecar", __version__)

    @property
    def dropped(self) -> int:
        """Return how many spans never reached the collector."""
        return self._spans.dropped

    def listening(self, address: str, tell: Callable[[Event], object]) -> None:
        """Note where callers reach us, and what to call, from a thread of ours, with what an operator should know."""
        self.listen = place_listened_at(address)
        self._export.tell = tell

    def start(self, name: str, kind: SpanKind, parent: Span | None) -> Span:
        """Begin a span under `parent`, or a trace."""
        return self._tracer.start_span(name, _ROOT if parent is None else set_span_in_context(parent, _ROOT), kind)

    def begin(self, method: str, path: str, fields: RawFields) -> RequestTrace:
        """Return what follows a request; see `Tracing` in the gateway."""
        caller = trace_context.read(fields)
        span = self.start(words.name_of(method), SpanKind.SERVER, _span_of(caller))
        _current.set(span)
        return RequestTrace(self, span, method, path, is_continued=caller is not None)

    def mint(self, kind: str, method: str, path: str) -> Mint:
        """Return what follows one call of the token endpoint, in a `with` statement around it."""
        return Mint(self, kind, method, path)

    def endpoint(self, endpoint: TokenEndpoint, dialect: Dialect) -> TracedEndpoint:
        """Return a token endpoint that asks `endpoint`, with a span around each call that may bring a token."""
        return TracedEndpoint(endpoint, dialect, self)

    def own_call(self, fields: RawFields) -> RawFields:
        """Return the fields of a call of ours with the context of the span that this task is in, if any."""
        span = _current.get()
        return fields if span is None else _carrying(fields, span, is_continued=False)

    async def close(self) -> None:
        """Send what waits; see `Spans.close`."""
        await self._spans.close()


class RequestTrace:
    """One request's span and those of its attempts."""

    __slots__ = ("_attempt", "_began", "_is_continued", "_method", "_path", "_sendings", "_span", "_tracing")

    def __init__(self, tracing: Tracing, span: Span, method: str, path: str, *, is_continued: bool) -> None:
        self._tracing = tracing
        self._span = span
        self._began = time.monotonic()
        self._method = method
        self._path = redact(path) if span.is_recording() else ""
        self._is_continued = is_continued
        self._attempt: Span | None = None
        self._sendings = 0

    def asks(self, fields: RawFields) -> RawFields:
        """Begin an attempt, and return `fields` with its context in them."""
        self._end_attempt(0, "connection_terminated")
        self._attempt = self._tracing.start(words.name_of(self._method), SpanKind.CLIENT, self._span)
        self._sendings += 1
        return _carrying(fields, self._attempt, is_continued=self._is_continued)

    def hears(self, status: int) -> None:
        """End the attempt: FinHub has answered it."""
        self._end_attempt(status, words.error_of_status(status))

    def over(self, event: Forwarded) -> None:
        """End the request, and an attempt that was not answered."""
        self._end_attempt(0, event.reason or event.outcome)
        if self._span.is_recording():
            self._link()
            self._span.set_attributes(words.of_request(event, self._path, self._tracing.listen))
        _end(self._span, words.error_of_request(event))

    def _end_attempt(self, status: int, error: str) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            return
        if attempt.is_recording():
            attempt.set_attributes(words.of_call(self._method, self._path, self._tracing.upstream, status, error))
            if self._sendings > 1:
                attempt.set_attribute("http.request.resend_count", self._sendings - 1)
        _end(attempt, error)

    def _link(self) -> None:
        """Link to a mint that ended meanwhile and that another request began: this one may have waited for it."""
        mint = self._tracing.last_mint
        if mint is not None and mint.ended >= self._began and mint.parent is not self._span:
            self._span.add_link(mint.span.get_span_context())


class Mint:
    """One call of the token endpoint, around which it stands in a `with` statement.

    Attributes:
        parent: the span of the request that began it, None where no request did.
        ended: when, on the clock that does not jump.
    """

    def __init__(self, tracing: Tracing, kind: str, method: str, path: str) -> None:
        self.parent = _current.get()
        self.ended = 0.0
        name = f"{words.name_of(method)} {path}".rstrip()
        self.span = tracing.start(name, SpanKind.CLIENT, self.parent)
        self._tracing = tracing
        self._call = (kind, method, path)
        self._answer = (0, "aborted")
        self._is_call = True

    def __enter__(self) -> Self:
        self._before = _current.set(self.span)
        return self

    def came(self, status: int, error: str) -> None:
        """Note what came: `status` is 0 where FinHub did not answer, `error` "" where a token came."""
        self._answer = (status, error)

    def never_was(self) -> None:
        """Tell of nothing: there was no such call."""
        self._is_call = False

    def __exit__(self, *_: object) -> None:
        _current.reset(self._before)
        if not self._is_call:
            return
        self.ended = time.monotonic()
        kind, method, path = self._call
        status, error = self._answer
        if self.span.is_recording():
            self._tracing.last_mint = self
            self.span.set_attributes(words.of_call(method, path, self._tracing.tokens, status, error))
            self.span.set_attribute("finhub.mint", kind)
        _end(self.span, error)


def _span_of(caller: trace_context.Caller | None) -> Span | None:
    if caller is None:
        return None
    return NonRecordingSpan(
        SpanContext(caller.trace_id, caller.span_id, is_remote=True, trace_flags=TraceFlags(caller.flags))
    )


def _carrying(fields: RawFields, span: Span, *, is_continued: bool) -> RawFields:
    context = span.get_span_context()
    if not context.is_valid:  # OTEL_SDK_DISABLED
        return fields
    parent = trace_context.spelt(context.trace_id, context.span_id, context.trace_flags)
    return trace_context.carrying(fields, parent, is_continued=is_continued)


def _end(span: Span, error: str) -> None:
    if error:
        span.set_status(StatusCode.ERROR)
    span.end()


def _resource(environment: str) -> Resource:
    """Return what all spans have in common. OpenTelemetry's own variables may add to it, and name the service."""
    named = Resource.create({"service.version": __version__, "deployment.environment.name": environment})
    if not str(named.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return named
    return named.merge(Resource({SERVICE_NAME: "finhub-sidecar"}))


def _quieten() -> None:
    """Let the libraries log nothing: they quote what they were given, and repeat themselves while a collector is gone.

    What an operator should know is told by `Export`.
    """
    for name in ("opentelemetry", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
