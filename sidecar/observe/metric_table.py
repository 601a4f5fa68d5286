"""Every metric by name, type, labels and meaning: what is shown and docs/metrics.md are made of it.

Pure. No label takes a value from outside: a method that is not listed counts as "other", and everything else is a word
of our own code, or the name of a tenant in the configuration, where there are several. So the number of time series
has a bound, and none holds a path or a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PREFIX: Final = "finhub_sidecar_"

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

RULES: Final = (
    "user",
    "peer",
    "host",
    "origin",
    "sec_fetch_site",
    "preflight",
    "caller_key",
    "method",
    "login_endpoint",
    "tenant",
    "allow",
    "version",
    "target",
    "fields",
    "framing",
    "max_body",
)
"""The guard's, as `guard/refusal.py` names them."""

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Upper bounds in seconds: FinHub next door, FinHub on a bad day, and beyond what the time-outs allow by default."""


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """One metric: its full name, "counter", "histogram", "gauge" or "info", and its meaning in a sentence.

    `series` are the values of its labels for which it shows 0 from the beginning: who asks how much a counter has
    grown would otherwise never hear of its first event.
    """

    name: str
    type: str
    labels: tuple[str, ...]
    meaning: str
    series: tuple[tuple[str, ...], ...] = ()


def _counter(name: str, meaning: str, *labels: str, series: tuple[tuple[str, ...], ...] = ()) -> Spec:
    return Spec(f"{PREFIX}{name}_total", "counter", labels, meaning, series if labels else ((),))


def _histogram(name: str, meaning: str) -> Spec:
    return Spec(f"{PREFIX}{name}_seconds", "histogram", (), meaning)


def _gauge(name: str, meaning: str, *labels: str) -> Spec:
    return Spec(PREFIX + name, "gauge", labels, meaning)


# ── counted as it happens ───────────────────────────────────────────────────────────────────────────────────────

REQUESTS: Final = _counter(
    "requests",
    "Callers' requests that are over, what could not be read as a request included.",
    "method",
    "status",
    "source",
    "reason",
)
UNFINISHED: Final = _counter(
    "unfinished_requests",
    "Requests whose reply did not reach its end, by why.",
    "outcome",
    series=(("aborted",), ("caller_left",)),
)
RECEIVED: Final = _counter("request_body_bytes", "Body bytes that came from callers.")
SENT: Final = _counter("reply_body_bytes", "Body bytes that went to callers.")
REPLAYS: Final = _counter(
    "replays",
    "Requests to be sent once more; one with both reasons counts as token_refused.",
    "reason",
    series=(("token_refused",), ("dead_connection",)),
)
UNAUTHORIZED: Final = _counter(
    "unauthorized",
    "401s of FinHub that were left to the caller, by why.",
    "reason",
    series=(("refused_again",), ("not_expired",), ("body_too_large",), ("storm_brake",)),
)
REFUSALS: Final = _counter(
    "refusals", "Requests that the guard refused.", "rule", series=tuple((rule,) for rule in RULES)
)
MINTS: Final = _counter(
    "mints",
    "Calls of FinHub's token endpoint that came to an end.",
    "kind",
    "result",
    series=(
        ("login", "ok"),
        ("login", "failed"),
        ("refresh", "ok"),
        ("refresh", "failed"),
        ("refresh", "unsupported"),
        ("unchanged", "ok"),
    ),
)
FLIGHTS_FAILED: Final = _counter(
    "mint_failures",
    "Mints that ended without a token, by what follows.",
    "gate",
    series=(("COOLING",), ("BLOCKED",)),
)
REJECTIONS: Final = _counter(
    "token_rejections",
    "Times that FinHub said 401 to the current token; braked: the storm brake kept the token.",
    "braked",
    series=(("false",), ("true",)),
)
ADOPTIONS: Final = _counter(
    "session_adoptions",
    "Times that another process's mint was taken over from session.store, by what it left: a token, or a closed gate.",
    "left",
    series=(("token",), ("gate",)),
)
STORE_LOSSES: Final = _counter("store_losses", "Times that the engine of session.store stopped answering.")
RELOADS: Final = _counter(
    "reloads",
    "Changes of configuration, identity, trust or secrets: in use (ok), or not usable (failed, each told once).",
    "result",
    series=(("ok",), ("failed",)),
)
TRAIL_LOST: Final = _counter(
    "audit_lines_lost", "Lines of the audit trail that could not be written, counted once it can be written again."
)
SPANS_LOST: Final = _counter("tracing_spans_dropped", "Spans that the collector did not take; 0 without tracing.")
BUGS: Final = _counter("bugs", "Failures that should not be possible; the log tells where.")
SHAPING_WAITS: Final = _counter(
    "shaping_waits", "Times that a request waited for its turn under limits.requests_per_second."
)
SHAPING_REFUSALS: Final = _counter(
    "shaping_refusals", "Times that a request got 429 since more waited for their turn than limits.queue allows."
)

REQUEST_SECONDS: Final = _histogram(
    "request_duration",
    "Seconds from a request's head to the end of its reply; tunnels are left out, and what could not be read as one.",
)
UPSTREAM_SECONDS: Final = _histogram(
    "upstream_duration",
    "Seconds until FinHub's reply began, the wait for a free connection included, for requests that got a token.",
)
TOKEN_SECONDS: Final = _histogram(
    "token_wait",
    "Seconds that a request waited for a token, both waits of a replay together, also where it got none.",
)

# ── read when asked ─────────────────────────────────────────────────────────────────────────────────────────────

READY: Final = _gauge("ready", "1 while /readyz says 200, else 0.")
IN_FLIGHT: Final = _gauge("requests_in_flight", "Callers' requests on their way now.")
STATE: Final = _gauge("session_state", "1 for the session's state, 0 for the others.", "state")
TOKEN_EXPIRY: Final = _gauge(
    "token_expiry_timestamp_seconds", "When the current token expires, in Unix time; absent without a token."
)
CERTIFICATE_EXPIRY: Final = _gauge(
    "certificate_expiry_timestamp_seconds",
    "When a certificate expires, in Unix time; absent where there is none, or none was seen yet.",
    "of",
)
UPSTREAM_OPEN: Final = _gauge("upstream_connections", "Connections to FinHub that are open now.", "state")
UPSTREAM_MOST: Final = _gauge("upstream_connections_max", "upstream.max_connections: so many may be in use.")
UPSTREAM_WAITING: Final = _gauge("upstream_requests_waiting", "Requests that wait for a connection to FinHub now.")
CALLERS_OPEN: Final = _gauge("caller_connections", "Callers' connections that are open now.")
CALLERS_MOST: Final = _gauge("caller_connections_max", "listen.max_connections: so many may be open.")
TRAIL_FAILS: Final = _gauge("audit_failing", "1 while the audit trail cannot be written, else 0.")
STORE_UP: Final = _gauge("store_up", "1 while the engine of session.store answers, else 0; absent without one.")
BUILD: Final = Spec(f"{PREFIX}build_info", "info", ("version", "python"), "Always 1.")

COUNTERS: Final = (
    REQUESTS,
    UNFINISHED,
    RECEIVED,
    SENT,
    REPLAYS,
    UNAUTHORIZED,
    REFUSALS,
    MINTS,
    FLIGHTS_FAILED,
    REJECTIONS,
    ADOPTIONS,
    STORE_LOSSES,
    RELOADS,
    TRAIL_LOST,
    SPANS_LOST,
    BUGS,
    SHAPING_WAITS,
    SHAPING_REFUSALS,
)
HISTOGRAMS: Final = (REQUEST_SECONDS, UPSTREAM_SECONDS, TOKEN_SECONDS)
GAUGES: Final = (
    READY,
    IN_FLIGHT,
    STATE,
    TOKEN_EXPIRY,
    CERTIFICATE_EXPIRY,
    UPSTREAM_OPEN,
    UPSTREAM_MOST,
    UPSTREAM_WAITING,
    CALLERS_OPEN,
    CALLERS_MOST,
    TRAIL_FAILS,
    STORE_UP,
    BUILD,
)

OF_THE_PROCESS: Final = frozenset({TRAIL_LOST, SPANS_LOST, CALLERS_OPEN, CALLERS_MOST, TRAIL_FAILS, BUILD})
"""What is no single tenant's, however many there are."""

LABELS: Final = {
    "method": f"{', '.join(METHODS)}, or `other`",
    "status": (
        "`2xx` to `5xx`, what the caller saw; `1xx` for a tunnel that has ended, `none` where it saw none, "
        "`other` for a status of FinHub's beyond"
    ),
    "source": "`upstream` where FinHub answered, else `sidecar`",
    "reason": (
        "of requests: the RFC 9209 name that `Proxy-Status` carries, else `none`; of replays: `token_refused`, "
        "`dead_connection`; of 401s: `refused_again` (on a fresh token), `not_expired` (`session.expired_when`), "
        "`body_too_large` (to be repeated), `storm_brake`"
    ),
    "outcome": "`aborted` (FinHub or we ended the reply), `caller_left`",
    "rule": ", ".join(f"`{rule}`" for rule in RULES),
    "kind": "`login`, `refresh`, `unchanged` (a refresh that told how long the token still lives)",
    "gate": "`COOLING` (tried again by itself), `BLOCKED` (rejected: new secrets, or an operator's word)",
    "result": "`ok`, `failed`; of a refresh also `unsupported` (FinHub has none here)",
    "braked": "`true`, `false`",
    "left": "`token`, `gate` (a pause or a rejection)",
    "of": "`identity` (ours), `upstream` (what FinHub presented on its newest connection)",
    "state": (
        "of the session, as `/status` shows it: `EMPTY`, `FRESH`, `RENEWABLE`, `EXPIRED`, `MINTING`, `COOLING`, "
        "`BLOCKED`; of connections: `busy`, `idle`"
    ),
    "version": "the sidecar's",
    "python": "the interpreter's",
    "tenant": (
        "only where there are `[[tenants]]`, and then on every metric: the name of one of them; empty where it is the "
        "process's (audit, tracing, callers' connections, `ready` of all) or nobody's (what was refused before anybody "
        "knew whose it was)"
    ),
}
"""Each label's values, in Markdown."""
