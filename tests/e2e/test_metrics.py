"""What Prometheus reads from the real process after traffic that is known to the request."""

from __future__ import annotations

import datetime as dt
import http.client
import re
from typing import TYPE_CHECKING

from calling import BALANCE, Got, get, post, until
from scrape import only, samples

from sidecar import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from staging import SidecarProcess, Stage

LOGIN_PATH = "/api/v2/auth/token"
TYPE = "text/plain; version=0.0.4; charset=utf-8"


def scraped(sidecar: SidecarProcess) -> bytes:
    """Scrape as Prometheus does that knows the pod by another name."""
    got = get(f"{sidecar.admin}/metrics", Host="pod.example:9901")
    assert (got.status, got.fields["Content-Type"]) == (200, TYPE)
    return got.body


def settled(sidecar: SidecarProcess, requests: int) -> bytes:
    """Return the metrics once so many requests are over: the end of one is told after its caller has read the reply."""

    def all_over() -> bool:
        return sum(only(scraped(sidecar), "requests_total").values()) >= requests

    until(all_over, f"{requests} requests are over")
    return scraped(sidecar)


def moved(text: bytes) -> dict[str, float]:
    """Return the counters that are not 0, the process's own left out."""
    shown = {key: value for key, value in samples(text).items() if "_total" in key and value}
    return {key: value for key, value in shown.items() if not key.startswith("process_")}


def odd(sidecar: SidecarProcess, calls: list[tuple[str, str]]) -> list[int]:
    """Send these methods and paths over one connection; return the statuses."""
    connection = http.client.HTTPConnection(sidecar.listen, timeout=30)
    statuses = []
    for method, path in calls:
        connection.request(method, path)
        reply = connection.getresponse()
        reply.read()
        statuses.append(reply.status)
    connection.close()
    return statuses


def known_traffic(stage: Stage, sidecar: SidecarProcess) -> list[Got]:
    """Two good requests, one replayed, two refused by the guard, and one for which no token was to be had."""
    finhub, balance = stage.finhub, f"{sidecar.url}{BALANCE}"
    got = [get(balance), post(f"{sidecar.url}/api/echo/x", b"12345")]
    finhub.revoke()
    got.append(get(balance))
    got += [post(f"{sidecar.url}{LOGIN_PATH}"), get(balance, Host="evil.example")]
    finhub.fault("login:status=500")
    finhub.revoke()
    got.append(get(balance))
    return got


def test_after_known_traffic_every_counter_is_exactly_right(stage: Stage) -> None:
    pauses = {"SESSION__BACKOFF__FIRST": "600", "SESSION__BACKOFF__MAX": "600"}
    sidecar = stage.run(SESSION__LOGIN="lazy", SESSION__LOGIN_ENDPOINT="refuse", **pauses)
    got = known_traffic(stage, sidecar)
    assert [each.status for each in got] == [200, 200, 200, 403, 403, 503]
    text = settled(sidecar, len(got))
    assert moved(text) == {
        'requests_total{method="GET",reason="none",source="upstream",status="2xx"}': 2,
        'requests_total{method="POST",reason="none",source="upstream",status="2xx"}': 1,
        'requests_total{method="GET",reason="http_request_denied",source="sidecar",status="4xx"}': 1,
        'requests_total{method="POST",reason="http_request_denied",source="sidecar",status="4xx"}': 1,
        'requests_total{method="GET",reason="destination_unavailable",source="sidecar",status="5xx"}': 1,
        "request_body_bytes_total": 5,
        "reply_body_bytes_total": sum(len(each.body) for each in got),
        'replays_total{reason="token_refused"}': 2,
        'refusals_total{rule="login_endpoint"}': 1,
        'refusals_total{rule="host"}': 1,
        'mints_total{kind="login",result="ok"}': 2,
        'mints_total{kind="login",result="failed"}': 1,
        'token_rejections_total{braked="false"}': 2,
        'mint_failures_total{gate="COOLING"}': 1,
    }
    counts = {key: value for key, value in samples(text).items() if key.endswith("_count")}
    assert counts == {
        "request_duration_seconds_count": 6,
        "upstream_duration_seconds_count": 4,
        "token_wait_seconds_count": 4,
    }
    mints = sidecar.status()["session"]["mints"]
    assert (mints["login"], stage.finhub.counts.logins) == (2, 2)
    assert not re.search(rb"eyJ|1234567|wallets|evil|/api", text), "a token, the tenant, a path or a Host"


def test_the_gauges_are_those_of_the_process(stage: Stage) -> None:
    sidecar = stage.run(UPSTREAM__MAX_CONNECTIONS="7", LISTEN__MAX_CONNECTIONS="9")
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    waiting = http.client.HTTPConnection(sidecar.listen, timeout=30)
    waiting.connect()
    until(lambda: only(scraped(sidecar), "caller_connections") == {"caller_connections": 1}, "one caller is there")
    shown = samples(scraped(sidecar))
    status = sidecar.status()
    assert {state: value for state, value in shown.items() if value and state.startswith("session_state")} == {
        f'session_state{{state="{status["session"]["state"]}"}}': 1
    }
    assert shown['upstream_connections{state="busy"}'] == shown["requests_in_flight"] == 0
    idle = shown['upstream_connections{state="idle"}']
    assert (idle, shown["upstream_requests_waiting"], shown["ready"]) == (1, 0, 1)
    assert (shown["upstream_connections_max"], shown["caller_connections_max"]) == (7, 9)
    assert abs(shown["token_expiry_timestamp_seconds"] - instant(status["session"]["expires_at"])) < 1
    assert shown['certificate_expiry_timestamp_seconds{of="identity"}'] == instant(status["identity"]["not_after"])
    assert shown['certificate_expiry_timestamp_seconds{of="upstream"}'] > shown["process_start_time_seconds"]
    assert [key for key in shown if f'version="{__version__}"' in key and key.startswith("build_info{")]
    waiting.close()


def instant(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def test_a_thousand_paths_and_odd_methods_add_no_time_series(put_up: Callable[..., Stage]) -> None:
    stage = put_up(token_lifetime=3600.0)
    sidecar = stage.run()
    methods = ("GET", "PURGE", "PROPFIND", "REPORT", "LINK")
    calls = [(methods[number % 5], f"/api/echo/{number}?n={number}") for number in range(1000)]
    first = odd(sidecar, calls[:5])
    before = samples(settled(sidecar, 5))
    statuses = [*first, *odd(sidecar, calls[5:])]
    after = samples(settled(sidecar, 1000))
    assert set(statuses) == {200}
    assert set(after) == set(before)
    requests = {key: value for key, value in after.items() if key.startswith("requests_total")}
    assert requests == {
        'requests_total{method="GET",reason="none",source="upstream",status="2xx"}': 200,
        'requests_total{method="other",reason="none",source="upstream",status="2xx"}': 800,
    }
    assert len(scraped(sidecar)) < 20_480


def test_what_cannot_be_read_as_a_request_is_counted_too(stage: Stage) -> None:
    sidecar = stage.run()
    assert odd(sidecar, [("FROB", "/")]) == [400]
    assert only(settled(sidecar, 1), "requests_total", "request_duration_seconds_count") == {
        'requests_total{method="other",reason="http_request_error",source="sidecar",status="4xx"}': 1,
        "request_duration_seconds_count": 0,
    }
