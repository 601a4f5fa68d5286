from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sidecar.cli.look import ROUGH, Look
from sidecar.cli.panel import Told, lines

NOON = 1_800_014_400.0  # 2027-01-15T12:00:00Z
PLAIN = Look(width=100, signs=ROUGH)


def at(seconds: float) -> str:
    return datetime.fromtimestamp(NOON + seconds, UTC).isoformat()


def status(**changes: Any) -> dict[str, Any]:
    session = {
        "state": "FRESH",
        "tenant": "1234567",
        "since": at(-100),
        "expires_at": at(800),
        "renew_at": at(700),
        "mints": {"login": 1, "refresh": 3},
        "last_error": None,
    }
    return {
        "version": "1.2.3",
        "environment": "production",
        "listen": "127.0.0.1:8080",
        "session": {**session, **changes.pop("session", {})},
        "identity": {"subject": "CN=shop", "not_after": at(87 * 86_400), "days_left": 87},
        "upstream": {"url": "https://api.finhub.cloud", "connections": 2},
        "requests": {"total": 1234, "in_flight": 2, "replays": 3, "refused": 4},
        "problems": [],
        **changes,
    }


def slot(seconds: float, requests: int, *, p99: float | None = None, **more: int) -> dict[str, Any]:
    counts = {"upstream_errors": 0, "sidecar_errors": 0, **more}
    return {"at": at(seconds), "requests": requests, "p50": p99, "p99": p99, **counts}


def history(**changes: Any) -> dict[str, Any]:
    more = {"minted_at": at(-100), "window_at": at(650), "tries_at": None}
    return {"now": at(0), "session": more, "slots": [], "events": [], **changes}


def shown(
    told: dict[str, Any],
    past: dict[str, Any] | None = None,
    *,
    ready: bool = True,
    reason: str = "ready",
    look: Look = PLAIN,
) -> list[str]:
    return lines(Told(ready=ready, reason=reason, status=told, history=past or {}), look, NOON)


def test_all_is_well_and_until_when() -> None:
    bar = "=" * 9 + "o" + "-" * 62 + ":" * 5 + "|" + ":" * 9
    assert shown(status(), history()) == [
        "FinHub sidecar 1.2.3  production  127.0.0.1:8080",
        "+ All is well: ready",
        "",
        "Session      FRESH: the token is live",
        f"             {bar}",
        "             minted 11:58:20 (2 min ago), renews 12:11:40 (in 12 min), expires 12:13:20 (in 13 min)",
        "             1 login, 3 refreshes",
        "Certificate  87 days left, until 2027-04-12 12:00 UTC, CN=shop",
        "FinHub       https://api.finhub.cloud, 2 connections in use",
        "Requests     1234 in all, 2 in flight, 3 replayed, 4 refused",
    ]


PROBLEM = {
    "severity": "error",
    "what": "FinHub rejected the login: \x1b[2J wrong password.",
    "whose": "configuration",
    "remedy": "Verify credentials.username and credentials.password, and then say `finhub-sidecar` so.\nAt once.",
}


def test_what_is_wrong_has_whose_fault_it_is_and_what_to_do_in_lines_that_fit() -> None:
    told = status(session={"state": "BLOCKED", "expires_at": None, "renew_at": None}, problems=[PROBLEM])
    seen = shown(told, ready=False, reason="no valid FinHub session (BLOCKED)", look=Look(width=60, signs=ROUGH))
    assert seen[1] == "x Not working: no valid FinHub session (BLOCKED)"
    assert seen[seen.index("What is wrong") - 1 :] == [
        "",
        "What is wrong",
        "x FinHub rejected the login: \\x1b[2J wrong password.",
        "  Whose fault: the configuration's, here",
        "  What to do: Verify credentials.username and",
        "    credentials.password, and then say `finhub-sidecar` so.",
        "    At once.",
    ]


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        (401, "FinHub rejected the login; the sidecar waits, so as not to lock the account"),
        (0, "the proxy rejected its credentials; the sidecar waits, so as not to lock them"),
    ],
)
def test_blocked_says_who_rejected_what(heard: int, words: str) -> None:
    failure = {"error": "proxy_configuration_error", "detail": "no", "remedy": "Verify.", "status": heard}
    told = status(session={"state": "BLOCKED", "expires_at": None, "renew_at": None, "last_error": failure})
    assert f"Session      BLOCKED: {words}" in shown(told)


def test_a_warning_does_not_say_that_nothing_works() -> None:
    told = status(problems=[{**PROBLEM, "severity": "warning", "whose": "the moon's"}])
    seen = shown(told)
    assert seen[1] == "! Working, with a warning: ready"
    assert "  Whose fault: the moon's" in seen


def test_an_error_is_not_well_even_where_callers_are_still_served() -> None:
    assert shown(status(problems=[PROBLEM]))[1] == "x Not working: ready"


def test_of_a_sidecar_that_names_no_problems_the_last_error_is_told() -> None:
    failure = {"error": "connection_refused", "detail": "nobody listens", "remedy": "Start it.", "status": 0}
    told = status(session={"last_error": failure})
    del told["problems"]
    assert shown(told)[-3:] == ["! nobody listens", "  Whose fault: connection_refused", "  What to do: Start it."]


def test_without_a_token_it_tells_when_the_next_one_is_tried_for() -> None:
    told = status(session={"state": "COOLING", "expires_at": None, "renew_at": None, "since": at(-5)})
    seen = shown(told, history(session={"minted_at": None, "window_at": None, "tries_at": at(5)}))
    assert seen[3:6] == [
        "Session      COOLING: the last try failed; the sidecar waits before the next one",
        "             " + "=" * 43 + "o" + "-" * 43,
        "             next try 12:00:05 (in 5 s)",
    ]


def test_a_state_of_a_later_version_is_told_as_it_is() -> None:
    assert shown(status(session={"state": "ODD"}))[3] == "Session      ODD: a state that this version does not know"


@pytest.mark.parametrize(
    ("days", "shown_as", "color"),
    [
        (87, "87 days left", "32"),
        (29, "29 days left", "33"),
        (1, "1 day left", "33"),
        (0, "0 days left", "31"),
        (-1, "expired", "31"),
    ],
)
def test_a_certificate_is_coloured_by_the_days_it_has_left(days: int, shown_as: str, color: str) -> None:
    told = status(identity={"subject": "CN=shop", "not_after": at(days * 86_400), "days_left": days})
    (line,) = (line for line in shown(told, look=Look(colors=True)) if line.startswith("Certificate"))
    assert line.startswith(f"Certificate  \x1b[{color}m{shown_as}\x1b[0m, until ")


def test_there_may_be_no_certificate_and_nothing_told_at_all() -> None:
    assert "Certificate  none is configured" in shown(status(identity=None))
    assert shown({}, ready=False, reason="") == [
        "FinHub sidecar",
        "x Not working: ",
        "",
        "Session      None: a state that this version does not know",
        "             0 logins, 0 refreshes",
        "Certificate  none is configured",
        "FinHub       None, 0 connections in use",
        "Requests     0 in all, 0 in flight, 0 replayed, 0 refused",
    ]


def test_the_last_hour_is_counted_and_drawn_by_the_minute_with_its_gaps() -> None:
    slots = [
        slot(-3_599, 0),
        slot(-130, 1, p99=0.2, upstream_errors=1),
        slot(-70, 4),
        slot(-15, 5, p99=0.02, sidecar_errors=2),
        slot(-5, 3),
        slot(-4_000, 7),
        slot(+70, 7),
        {"requests": 7},
    ]
    seen = shown(status(), history(slots=slots))
    assert seen[-2:] == [
        "Last hour    34 requests; errors: 1 FinHub's, 2 the sidecar's; p99 at worst 200 ms",
        "             _" + " " * 56 + ".+#",
    ]


def test_an_hour_without_a_request_has_no_latency() -> None:
    assert "Last hour    0 requests; errors: 0 FinHub's, 0 the sidecar's" in shown(
        status(), history(slots=[slot(-5, 0)])
    )


def test_the_last_events_are_told_the_newest_first() -> None:
    events = [{"at": at(-n), "level": "info", "event": f"event {n}", "members": {}} for n in range(9, 1, -1)]
    events.append({"at": None, "level": "warning", "event": "token\x07", "members": {"tenant": "1", "long": "x " * 99}})
    seen = shown(status(), history(events=events))
    assert seen[seen.index("Last events (UTC)") - 1 :] == [
        "",
        "Last events (UTC)",
        "12:00:00  warning  token\\x07 tenant=1, long=" + "x " * 25 + "x ...",
        "11:59:58  info  event 2",
        "11:59:57  info  event 3",
        "11:59:56  info  event 4",
        "11:59:55  info  event 5",
    ]


def test_without_the_sidecars_clock_this_machines_is_taken() -> None:
    assert "expires 12:13:20 (in 13 min)" in "\n".join(shown(status(), history(now=None)))


def test_everything_that_is_coloured_is_as_plain_without_colours() -> None:
    told, past = status(problems=[PROBLEM]), history(events=[{"at": at(0), "level": "error", "event": "x"}])
    coloured = shown(told, past, look=Look(width=100, signs=ROUGH, colors=True))
    bare = "\n".join(coloured)
    for code in ("31", "32", "33", "1"):
        bare = bare.replace(f"\x1b[{code}m", "")
    assert bare.replace("\x1b[0m", "").split("\n") == shown(told, past)


def test_several_tenants_have_a_line_each_and_a_problem_says_whose_it_is() -> None:
    session = status()["session"]
    counts = {"total": 3, "in_flight": 1}
    beta = {**session, "tenant": "beta", "state": "BLOCKED", "expires_at": None, "requests": counts}
    acme = {**session, "tenant": "acme", "requests": {"total": 5, "in_flight": 0}, "identity": {"days_left": -1}}
    told = shown(status(sessions=[acme, beta], problems=[{**PROBLEM, "tenant": "beta", "what": "It is blocked."}]))
    assert told[3:5] == [
        "Tenants      acme: FRESH, token until 12:13:20, certificate expired, 5 requests, 0 in flight",
        "             beta: BLOCKED, 3 requests, 1 in flight",
    ]
    assert "x beta: It is blocked." in told
