from __future__ import annotations

from dataclasses import replace

import pytest
from counting import changed_by, forwarded, text
from scrape import only, samples

from sidecar import events
from sidecar.observe import metric_table as table
from sidecar.observe.metrics import NOT_COUNTED, Metrics, Totals, summed

REQUEST = 'requests_total{{method="{}",reason="{}",source="{}",status="{}"}}'


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_counts_once_with_its_times_and_bytes() -> None:
    assert changed_by(forwarded()) == {
        REQUEST.format("GET", "none", "upstream", "2xx"): 1,
        "request_duration_seconds_count": 1,
        "request_duration_seconds_sum": 0.3,
        "upstream_duration_seconds_count": 1,
        "upstream_duration_seconds_sum": 0.2,
        "token_wait_seconds_count": 1,
        "token_wait_seconds_sum": 0.02,
        "request_body_bytes_total": 5,
        "reply_body_bytes_total": 12,
    }


def test_what_the_guard_refused_has_no_times_of_token_and_upstream() -> None:
    refused = {"status": 403, "upstream_status": 0, "source": "sidecar", "reason": "http_request_denied"}
    refused |= {"upstream_duration": 0.0, "session_wait": None, "received": 0, "attempts": 0}
    assert changed_by(forwarded(**refused, rule="host")) == {
        REQUEST.format("GET", "http_request_denied", "sidecar", "4xx"): 1,
        "request_duration_seconds_count": 1,
        "request_duration_seconds_sum": 0.3,
        "reply_body_bytes_total": 12,
        'refusals_total{rule="host"}': 1,
    }


def test_a_token_at_hand_is_a_wait_of_nothing() -> None:
    found = changed_by(forwarded(session_wait=None))
    assert found["token_wait_seconds_count"] == 1
    assert "token_wait_seconds_sum" not in found


@pytest.mark.parametrize("outcome", ["aborted", "caller_left"])
def test_a_reply_that_did_not_reach_its_end_is_counted_by_why(outcome: str) -> None:
    assert changed_by(forwarded(outcome=outcome))[f'unfinished_requests_total{{outcome="{outcome}"}}'] == 1


def test_a_request_without_a_token_waited_for_one_and_never_went_upstream() -> None:
    found = changed_by(forwarded(status=503, source="sidecar", reason="dns_error", attempts=0, upstream_duration=0.0))
    assert found["token_wait_seconds_count"] == 1
    assert found[REQUEST.format("GET", "dns_error", "sidecar", "5xx")] == 1
    assert "upstream_duration_seconds_count" not in found


def test_what_could_not_be_read_counts_as_a_request_of_no_duration() -> None:
    unread = {"method": "", "path": "", "status": 400, "source": "sidecar", "reason": "http_request_error"}
    unread |= {"session_wait": None, "attempts": 0, "received": 0, "sent": 0, "duration": 0.0}
    assert changed_by(forwarded(**unread)) == {REQUEST.format("other", "http_request_error", "sidecar", "4xx"): 1}


@pytest.mark.parametrize(
    ("status", "shown"),
    [(0, "none"), (101, "1xx"), (204, "2xx"), (304, "3xx"), (431, "4xx"), (504, "5xx"), (600, "other")],
)
def test_a_status_counts_by_its_class(status: int, shown: str) -> None:
    assert REQUEST.format("GET", "none", "upstream", shown) in changed_by(forwarded(status=status))


def test_how_long_a_tunnel_lasted_is_no_duration_of_a_request() -> None:
    tunnel = {"status": 101, "upstream_status": 101, "received": 7, "sent": 12, "duration": 3600.0}
    found = changed_by(forwarded(**tunnel, session_wait=None))
    assert [name for name in found if name.startswith("request_duration")] == []
    assert found["upstream_duration_seconds_count"] == 1
    assert (found["request_body_bytes_total"], found["reply_body_bytes_total"]) == (7, 12)


@pytest.mark.parametrize("method", ["get", "PURGE", "M-SEARCH", "", "GET2"])
def test_a_method_that_is_not_listed_counts_as_other(method: str) -> None:
    assert REQUEST.format("other", "none", "upstream", "2xx") in changed_by(forwarded(method=method))


@pytest.mark.parametrize("method", table.METHODS)
def test_a_method_that_is_listed_counts_under_its_name(method: str) -> None:
    assert REQUEST.format(method, "none", "upstream", "2xx") in changed_by(forwarded(method=method))


def test_a_thousand_paths_ids_and_methods_make_no_time_series() -> None:
    metrics = Metrics()
    metrics(forwarded(method="ODD-0"))
    before = set(samples(text(metrics)))
    for number in range(1000):
        metrics(forwarded(method=f"ODD-{number}", path=f"/{number}", request_id=str(number), duration=number / 7))
    assert set(samples(text(metrics))) == before
    assert samples(text(metrics))[REQUEST.format("other", "none", "upstream", "2xx")] == 1001


def test_a_duration_falls_into_the_buckets_from_its_own_upwards() -> None:
    metrics = Metrics()
    metrics(forwarded(duration=0.3))
    found = only(text(metrics), "request_duration_seconds_bucket")
    assert {float(key.split('"')[1]) for key, value in found.items() if value == 0} == {
        bound for bound in table.BUCKETS if bound < 0.3
    }
    assert len(found) == len(table.BUCKETS) + 1


@pytest.mark.parametrize(
    ("replay", "counted"),
    [
        (events.TOKEN_REFUSED, {'replays_total{reason="token_refused"}'}),
        (events.DEAD_CONNECTION, {'replays_total{reason="dead_connection"}'}),
        (f"{events.DEAD_CONNECTION}, {events.DEAD_CONNECTION}", {'replays_total{reason="dead_connection"}'}),
        (
            events.REFUSED_AGAIN,
            {'replays_total{reason="token_refused"}', 'unauthorized_total{reason="refused_again"}'},
        ),
        (events.NOT_EXPIRED, {'unauthorized_total{reason="not_expired"}'}),
        (events.NOT_REPEATABLE, {'unauthorized_total{reason="body_too_large"}'}),
        (events.STORM_BRAKE, {'unauthorized_total{reason="storm_brake"}'}),
    ],
)
def test_why_a_request_was_sent_again_or_not_is_counted(replay: str, counted: set[str]) -> None:
    found = changed_by(forwarded(replay=replay))
    assert {key: found[key] for key in found if "replays" in key or "unauthorized" in key} == dict.fromkeys(counted, 1)


# ── everything else ─────────────────────────────────────────────────────────────────────────────────────────────

MINTED = events.Minted(tenant="t", kind="login", fingerprint="f", expires_in=1.0, renew_in=0.9, duration=0.1)
FAILED = events.MintFailed(tenant="t", kind="login", gate="COOLING", cause="c", detail="d", remedy="r", retry_in=1.0)

LOST = events.TrailResumed(lost=7, refused=0)


@pytest.mark.parametrize(
    ("event", "counted"),
    [
        (MINTED, {'mints_total{kind="login",result="ok"}': 1}),
        (replace(MINTED, kind="refresh"), {'mints_total{kind="refresh",result="ok"}': 1}),
        (replace(MINTED, kind="unchanged"), {'mints_total{kind="unchanged",result="ok"}': 1}),
        (
            FAILED,
            {'mints_total{kind="login",result="failed"}': 1, 'mint_failures_total{gate="COOLING"}': 1},
        ),
        (replace(FAILED, kind="refresh", gate="BLOCKED"), {'mint_failures_total{gate="BLOCKED"}': 1}),
        (
            events.RefreshFailed(tenant="t", cause="c", detail="d"),
            {'mints_total{kind="refresh",result="failed"}': 1},
        ),
        (events.RefreshUnavailable(tenant="t", status=404), {'mints_total{kind="refresh",result="unsupported"}': 1}),
        (
            events.TokenRejected(tenant="t", fingerprint="f", braked=False),
            {'token_rejections_total{braked="false"}': 1},
        ),
        (
            events.TokenRejected(tenant="t", fingerprint="f", braked=True),
            {'token_rejections_total{braked="true"}': 1},
        ),
        (
            events.SessionAdopted(
                tenant="t", gate="OPEN", cause="", fingerprint="f", expires_in=9.0, renew_in=8.0, retry_in=None
            ),
            {'session_adoptions_total{left="token"}': 1},
        ),
        (
            events.SessionAdopted(
                tenant="t", gate="BLOCKED", cause="c", fingerprint="", expires_in=None, renew_in=None, retry_in=9.0
            ),
            {'session_adoptions_total{left="gate"}': 1},
        ),
        (events.StoreLost(tenant="t", detail="d", remedy="r"), {"store_losses_total": 1}),
        (events.StoreBack(tenant="t", seconds=5.0), {}),
        (events.StoreIgnored(tenant="t", why="w", remedy="r"), {}),
        (events.Reloaded(what=("secrets",)), {'reloads_total{result="ok"}': 1}),
        (events.ReloadFailed(what="SecretError", detail="d", remedy="r"), {'reloads_total{result="failed"}': 1}),
        (events.Bug(request_id="", kind="ValueError", where="f"), {"bugs_total": 1}),
        (events.Shaped(request_id="r", seconds=0.2, refused=False), {"shaping_waits_total": 1}),
        (events.Shaped(request_id="r", seconds=0.0, refused=True), {"shaping_refusals_total": 1}),
        (LOST, {"audit_lines_lost_total": 7}),
        (events.TrailFailed(detail="d", remedy="r", stops=True), {}),
        (events.TrailHead(why="opened", file="f", seq=1, head="h"), {}),
        (events.Controlled(action="quit", peer="", uid=0, status=200, outcome="done"), {}),
        (events.IdentityLoaded(subject="s", not_after_utc="n", days_left=1, warnings=()), {}),
        (events.Listening(listen="l", admin="a", environment="production", version="0"), {}),
        (events.Caution(detail="d", remedy="r"), {}),
        (events.Draining(why="SIGTERM", in_flight=2, limit=25.0), {}),
        (events.Stopped(cut=0), {}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_event_counts_as_it_says_and_nothing_else_moves(event: events.Event, counted: dict[str, float]) -> None:
    assert changed_by(event) == counted


def test_every_kind_of_event_is_counted_or_listed_as_not() -> None:
    kinds = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)}
    assert Metrics().counted | NOT_COUNTED == kinds - {events.Event}
    assert Metrics().counted & NOT_COUNTED == set()


# ── summed up ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_totals_tell_whose_errors_they_were() -> None:
    metrics = Metrics()
    for event in (
        forwarded(duration=0.001),
        forwarded(status=500, duration=200.0),
        forwarded(status=404),
        forwarded(status=502, source="sidecar", reason="connection_refused"),
        forwarded(status=403, source="sidecar", reason="http_request_denied", rule="host"),
        forwarded(status=0, source="sidecar", outcome="caller_left"),
        forwarded(replay=events.TOKEN_REFUSED),
        MINTED,
        replace(MINTED, kind="unchanged"),
        FAILED,
        replace(FAILED, kind="refresh"),
    ):
        metrics(event)
    seconds = [0] * (len(table.BUCKETS) + 1)
    seconds[0], seconds[table.BUCKETS.index(0.5)], seconds[-1] = 1, 5, 1
    assert metrics.totals() == Totals(
        requests=7,
        upstream_errors=1,
        sidecar_errors=1,
        refused=1,
        replays=1,
        mints=2,
        mints_failed=2,
        seconds=tuple(seconds),
    )


def test_a_refusal_after_FinHub_answered_makes_no_negative_count() -> None:  # noqa: N802  # its name
    metrics = Metrics()
    metrics(forwarded(rule="max_body", reason="http_request_error"))
    assert (metrics.totals().refused, metrics.totals().sidecar_errors) == (1, 0)


def test_what_was_counted_before_a_snapshot_is_in_it_and_what_comes_later_is_not() -> None:
    metrics = Metrics()
    metrics(forwarded())
    taken = metrics.snapshot()
    metrics(forwarded())
    key = ("GET", "2xx", "upstream", "none")
    assert taken.counts[table.REQUESTS][key] == 1
    assert (taken.counts[table.RECEIVED], taken.counts[table.SENT]) == ({(): 5}, {(): 12})
    assert sum(taken.durations[table.REQUEST_SECONDS][0]) == 1
    assert metrics.snapshot().counts[table.REQUESTS][key] == 2


def test_a_counter_of_few_series_shows_all_of_them_as_0_from_the_beginning() -> None:
    counted = Metrics().snapshot().counts
    assert all(counted[spec] == dict.fromkeys(spec.series, 0) for spec in table.COUNTERS)


def test_no_event_makes_a_series_that_the_table_does_not_know() -> None:
    """But for the requests themselves: they are as many as they are."""
    metrics = Metrics()
    for outcome in ("complete", "aborted", "caller_left"):
        for replay in (events.TOKEN_REFUSED, events.DEAD_CONNECTION, events.REFUSED_AGAIN, events.STORM_BRAKE):
            metrics(forwarded(outcome=outcome, replay=replay))
    for kind in ("login", "refresh", "unchanged"):
        metrics(replace(MINTED, kind=kind))
    for gate in ("COOLING", "BLOCKED"):
        metrics(replace(FAILED, gate=gate))
    counted = metrics.snapshot().counts
    known = [spec for spec in table.COUNTERS if spec is not table.REQUESTS]
    assert all(set(counted[spec]) == set(spec.series) for spec in known)


def test_what_several_counted_is_summed_up() -> None:
    one, other = Metrics(), Metrics()
    for metrics, times in ((one, 1), (other, 2)):
        for _ in range(times):
            metrics(forwarded())
    total = summed([one.totals(), other.totals()])
    assert (total.requests, sum(total.seconds)) == (3, 3)
    assert summed([one.totals()]) == one.totals()
