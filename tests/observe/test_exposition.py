from __future__ import annotations

import platform
from dataclasses import replace

import prometheus_client
import prometheus_client.openmetrics.parser
import prometheus_client.parser
import pytest
from counting import READINGS, forwarded, text
from scrape import only, samples

from sidecar import __version__, events
from sidecar.observe import metric_table as table
from sidecar.observe.exposition import render
from sidecar.observe.metrics import Metrics

ALL = (*table.COUNTERS, *table.HISTOGRAMS, *table.GAUGES)
OPEN = "application/openmetrics-text; version=1.0.0; q=0.7, text/plain; version=0.0.4; q=0.5"

# ── gauges ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_gauges_show_what_is_read_at_the_scrape() -> None:
    shown = replace(
        READINGS,
        ready=False,
        in_flight=3,
        state="COOLING",
        token_expires=1_800_000_000.5,
        identity_expires=1_900_000_000.0,
        upstream_expires=1_950_000_000.0,
        upstream_busy=2,
        upstream_idle=4,
        upstream_waiting=1,
        callers_open=5,
        trail_fails=True,
        spans_dropped=9,
    )
    found = samples(text(Metrics(), shown))
    states = {key.split('"')[1]: value for key, value in found.items() if key.startswith("session_state")}
    assert states == {
        **dict.fromkeys(("EMPTY", "FRESH", "RENEWABLE", "EXPIRED", "MINTING", "BLOCKED"), 0),
        "COOLING": 1,
    }
    names = {spec.name.removeprefix(table.PREFIX) for spec in table.GAUGES} - {"session_state", "build_info"}
    names.add(table.SPANS_LOST.name.removeprefix(table.PREFIX))
    assert {key: value for key, value in found.items() if key.partition("{")[0] in names} == {
        "ready": 0,
        "requests_in_flight": 3,
        "token_expiry_timestamp_seconds": 1_800_000_000.5,
        'certificate_expiry_timestamp_seconds{of="identity"}': 1_900_000_000.0,
        'certificate_expiry_timestamp_seconds{of="upstream"}': 1_950_000_000.0,
        'upstream_connections{state="busy"}': 2,
        'upstream_connections{state="idle"}': 4,
        "upstream_connections_max": 100,
        "upstream_requests_waiting": 1,
        "caller_connections": 5,
        "caller_connections_max": 1024,
        "audit_failing": 1,
        "tracing_spans_dropped_total": 9,
    }


def test_what_is_not_there_has_no_sample_and_no_false_zero() -> None:
    found = samples(text(Metrics()))
    assert [key for key in found if "_timestamp_" in key] == []


def test_the_build_is_told() -> None:
    key = f'build_info{{python="{platform.python_version()}",version="{__version__}"}}'
    assert samples(text(Metrics()))[key] == 1


# ── counters and histograms ─────────────────────────────────────────────────────────────────────────────────────


def test_buckets_are_summed_up_from_below() -> None:
    metrics = Metrics()
    for seconds in (0.001, 0.3, 0.3, 500.0):
        metrics(forwarded(duration=seconds))
    found = only(text(metrics), "request_duration_seconds_bucket")
    assert {key.split('"')[1]: value for key, value in found.items()} == {
        **{str(bound): 1 if bound < 0.3 else 3 for bound in table.BUCKETS},
        "+Inf": 4,
    }


def test_every_family_is_one_of_the_table_with_its_type_and_labels() -> None:
    metrics = Metrics()
    metrics(forwarded())
    read = replace(READINGS, token_expires=1.0, identity_expires=1.0, upstream_expires=1.0)
    families = prometheus_client.parser.text_string_to_metric_families(text(metrics, read).decode())
    found = {}
    for family in families:
        if family.name.startswith(table.PREFIX):
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found[family.name] = (family.type, family.documentation, labels)
    wanted = {
        spec.name.removesuffix("_total"): (spec.type.replace("info", "gauge"), spec.meaning, set(spec.labels))
        for spec in ALL
    }
    assert found == wanted


# ── the text ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "text/html", "text/plain;version=0.0.4", "\xff;;=,", "application/openmetrics-text;version=abc"],
)
def test_the_text_is_of_the_format_that_everybody_reads(accept: str) -> None:
    kind, page = render(Metrics().snapshot(), READINGS, accept)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert b"# EOF" not in page


def test_whoever_asks_for_openmetrics_gets_it() -> None:
    kind, page = render(Metrics().snapshot(), READINGS, OPEN)
    assert kind.startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert page.endswith(b"# EOF\n")
    families = prometheus_client.openmetrics.parser.text_string_to_metric_families(page.decode())
    types = {family.name: family.type for family in families}
    assert types[f"{table.PREFIX}requests"] == "counter"
    assert types[f"{table.PREFIX}build"] == "info"


def test_what_the_process_uses_stands_behind_under_the_names_that_everybody_knows() -> None:
    names = [line.split()[2] for line in text(Metrics()).decode().splitlines() if line.startswith("# TYPE")]
    ours = [name for name in names if name.startswith(table.PREFIX)]
    assert names[: len(ours)] == ours
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= set(names)
    assert all(name.startswith("process_") for name in names[len(ours) :])


def test_two_sidecars_count_apart_and_the_librarys_own_registry_stays_as_it_was() -> None:
    one, other = Metrics(), Metrics()
    one(events.Bug(request_id="", kind="ValueError", where="f"))
    assert (samples(text(one))["bugs_total"], samples(text(other))["bugs_total"]) == (1, 0)
    assert table.PREFIX.encode() not in prometheus_client.generate_latest()


# ── several tenants ─────────────────────────────────────────────────────────────────────────────────────────────


def test_of_several_tenants_every_series_says_whose_it_is_and_what_is_nobodys_has_an_empty_label() -> None:
    own = {}
    for tenant, times in (("a", 1), ("b", 2)):
        metrics = Metrics()
        for _ in range(times):
            metrics(forwarded())
        own[tenant] = metrics.snapshot(), replace(READINGS, state="FRESH", ready=tenant == "a")
    house = Metrics()
    house(forwarded(status=403, source="sidecar", reason="http_request_denied", rule="tenant"))
    found = samples(
        render(house.snapshot(), replace(READINGS, ready=False, callers_open=7, spans_dropped=3), "", own)[1]
    )
    ended = {key: value for key, value in found.items() if key.startswith("requests_total{")}
    assert sorted(ended.values()) == [1, 1, 2]
    assert {key.rpartition("tenant=")[2] for key in ended} == {'""}', '"a"}', '"b"}'}
    assert found['caller_connections{tenant=""}'] == 7
    assert found['tracing_spans_dropped_total{tenant=""}'] == 3
    assert [found[f'ready{{tenant="{tenant}"}}'] for tenant in ("", "a", "b")] == [0, 1, 0]
    assert found['session_state{state="FRESH",tenant="b"}'] == 1
    assert 'session_state{state="FRESH",tenant=""}' not in found
    assert found['request_duration_seconds_count{tenant="b"}'] == 2
    assert found['request_duration_seconds_count{tenant=""}'] == 1
    assert 'mints_total{kind="login",result="ok",tenant=""}' not in found
    assert found['mints_total{kind="login",result="ok",tenant="a"}'] == 0


def test_without_anything_of_nobodys_only_the_process_has_series_of_its_own() -> None:
    own = {"a": (Metrics().snapshot(), READINGS)}
    found = samples(render(Metrics().snapshot(), READINGS, "", own)[1])
    assert {key.partition("{")[0] for key in found if 'tenant=""' in key} == {
        "audit_failing",
        "audit_lines_lost_total",
        "caller_connections",
        "caller_connections_max",
        "ready",
        "tracing_spans_dropped_total",
    }
