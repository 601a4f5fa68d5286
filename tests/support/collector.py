"""A collector of spans: OTLP over HTTP on a real socket, on threads of its own, so that a test may block."""

from __future__ import annotations

import contextlib
import http.server
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KINDS: Final = {trace_pb2.Span.SPAN_KIND_SERVER: "SERVER", trace_pb2.Span.SPAN_KIND_CLIENT: "CLIENT"}


@dataclass(frozen=True, slots=True)
class Got:
    """One span as it came; ids are in hexadecimal, `parent` and `links` are ids of spans."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    failed: bool
    attributes: Mapping[str, str | int]
    links: tuple[str, ...]
    begin: int
    end: int

    @property
    def context(self) -> str:
        """Return the context that whoever is called within this span gets, without its flags."""
        return f"00-{self.trace}-{self.id}"


@dataclass
class Collector:
    """What was received. `status` is what it answers, and `hold` keeps every answer back until it is set.

    Attributes:
        spans: the spans received, oldest first; those refused are not among them.
        resources: what was said of the sender, once for each batch.
        paths, fields: where the batches were posted to, and the fields that came with them, by lower-case names.
        raw: the batches, byte for byte.
    """

    port: int = 0
    status: int = 200
    hold: threading.Event | None = None
    location: str = ""
    spans: list[Got] = field(default_factory=list)
    resources: list[Mapping[str, str | int]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    fields: list[Mapping[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def of(self, name: str) -> list[Got]:
        """Return the spans of a name."""
        return [span for span in self.spans if span.name == name]

    def children(self, parent: Got) -> list[Got]:
        """Return the spans under one, in the order in which they began."""
        return sorted((span for span in self.spans if span.parent == parent.id), key=lambda span: span.begin)

    def take(self, body: bytes) -> None:
        """Take what was posted."""
        self.raw.append(body)
        for of_one in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(_plain(of_one.resource.attributes))
            for scope in of_one.scope_spans:
                self.spans += [_got(span) for span in scope.spans]


def _got(span: Any) -> Got:
    return Got(
        name=span.name,
        kind=KINDS.get(span.kind, "?"),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        attributes=_plain(span.attributes),
        links=tuple(link.span_id.hex() for link in span.links),
        begin=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
    )


def _plain(attributes: Any) -> dict[str, str | int]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, collector: Collector) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.collector = collector

    def handle_error(self, *_: object) -> None:
        """Keep quiet about a sender that is gone."""

    def __enter__(self) -> Self:
        return self


class _Desk(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        collector = self.server.collector  # type: ignore[attr-defined]  # it is ours
        body = self.rfile.read(int(self.headers["Content-Length"]))
        collector.paths.append(self.path)
        collector.fields.append({name.lower(): value for name, value in self.headers.items()})
        if collector.hold is not None:
            collector.hold.wait()
        if collector.status == 200:
            collector.take(body)
        self.send_response(collector.status)
        if collector.location:
            self.send_header("Location", collector.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def collecting(**settings: Any) -> Iterator[Collector]:
    """Run a collector until the block ends."""
    collector = Collector(**settings)
    with _Server(collector) as server:
        collector.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield collector
        finally:
            if collector.hold is not None:
                collector.hold.set()
            server.shutdown()
            thread.join()
