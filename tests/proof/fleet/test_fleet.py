"""Real processes, a real Redis, one account: a fleet logs in as often as one pod would. All assertions are counts."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from calling import until
from fleetload import LEASE, PODS, Load, session

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetload import Fleet


def test_pods_that_start_together_log_in_once(fleet: Fleet, figures: Callable[[str], None]) -> None:
    pods = fleet.start()
    seconds = fleet.ready(pods)
    assert fleet.attempts() == 1
    assert sum(session(pod)["mints"]["login"] for pod in pods) == 1
    fleet.agree(pods)
    figures(f"{PODS} pods start together: 1 login, all ready {seconds:.1f} s after the last one listens")


def test_a_token_that_is_revoked_under_load_costs_one_login_and_no_request(
    fleet: Fleet, figures: Callable[[str], None]
) -> None:
    pods = fleet.start()
    fleet.ready(pods)
    with Load([pod.url for pod in pods]) as load:
        load.seen(20)
        fleet.stage.finhub.revoke()
        load.seen(10 * PODS)
    assert load.failed == []
    assert fleet.attempts() == 2
    fleet.agree(pods)
    figures(f"revoked under load: 1 login for {PODS} pods, {len(load.statuses)} requests, 0 failed")


def test_a_wrong_password_is_tried_once(fleet: Fleet, figures: Callable[[str], None]) -> None:
    pods = fleet.start(CREDENTIALS__PASSWORD="a-wrong-password-indeed")
    until(lambda: {session(pod)["state"] for pod in pods} == {"BLOCKED"}, "all are blocked")
    later = fleet.start(1, CREDENTIALS__PASSWORD="a-wrong-password-indeed")
    until(lambda: session(later[0])["state"] == "BLOCKED", "the one that comes later is, too")
    assert (fleet.attempts(), fleet.stage.finhub.counts.rejected_logins) == (1, 1)
    right = fleet.start(1)
    fleet.ready(right)
    assert fleet.attempts() == 2
    figures(f"wrong password: 1 attempt by {PODS + 1} pods; the right one logs in at once")


def test_a_holder_that_is_killed_while_it_mints_costs_its_lease_and_one_login(
    fleet: Fleet, figures: Callable[[str], None]
) -> None:
    fleet.stage.finhub.fault(f"login:delay={4 + PODS},times=1")  # longer than all take to start
    (holder,) = fleet.start(1)
    until(lambda: b"holder" in fleet.slot(), "it has the lease")
    others = fleet.start(PODS - 1)
    assert {session(pod)["state"] for pod in others} == {"MINTING"}
    holder.process.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    fleet.ready(others)
    seconds = time.monotonic() - killed
    assert seconds <= LEASE + 2
    assert fleet.stage.finhub.counts.logins == 1
    until(lambda: fleet.stage.finhub.counts.abandoned == 1, "FinHub knows that the first one left", within=60)
    assert fleet.stage.finhub.counts.logins <= 2
    figures(f"holder killed while minting: {PODS - 1} others ready in {seconds:.1f} s (lease {LEASE:g} s), 1 login")


def test_a_redis_that_is_away_costs_no_request_and_at_most_a_login_each(
    fleet: Fleet, figures: Callable[[str], None]
) -> None:
    pods = fleet.start()
    fleet.ready(pods)
    with Load([pod.url for pod in pods]) as load:
        load.seen(20)
        fleet.redis.kill()
        load.seen(5 * PODS)
        assert fleet.attempts() == 1  # the tokens live
        fleet.stage.finhub.revoke()
        load.seen(10 * PODS)
        alone = fleet.attempts() - 1
        assert 1 <= alone <= PODS
        fleet.redis.start()
        fleet.agree(pods)
        joined = fleet.attempts()
        fleet.stage.finhub.revoke()
        load.seen(10 * PODS)
    assert load.failed == []
    assert fleet.attempts() == joined + 1
    lost = [len(pod.lines("session store does not answer, logging in alone")) for pod in pods]
    assert max(lost) <= 1
    figures(
        f"Redis away, and the token revoked meanwhile: {alone} logins of {PODS} pods alone, one token for all "
        f"when it is back, {len(load.statuses)} requests, 0 failed"
    )


def test_a_rolling_restart_of_all_logs_in_no_more(fleet: Fleet, figures: Callable[[str], None]) -> None:
    pods = fleet.start()
    fleet.ready(pods)
    for pod in pods:
        (fresh,) = fleet.start(1)
        fleet.ready([fresh])
        assert pod.end() == 0
    assert fleet.attempts() == 1
    assert fleet.stage.finhub.counts.logouts == 0
    figures(f"rolling restart of {PODS} pods: 0 logins")


def test_what_redis_holds_shows_no_secret_and_no_altered_entry_is_taken(
    fleet: Fleet, figures: Callable[[str], None]
) -> None:
    pods = fleet.start(2)
    fleet.ready(pods)
    name, held = fleet.name(), fleet.slot()
    fleet.stage.heard["the slot in Redis"] = held.decode("latin-1") + name.decode()
    entry = held.partition(b"FHS1")[2]
    assert len(entry) > 200
    whole = fleet.redis.ask("HGET", name, "entry").partition(b"\r\n")[2][:-2]
    fleet.redis.ask("HSET", name, "entry", whole[:-1] + bytes([whole[-1] ^ 1]))
    (later,) = fleet.start(1)
    fleet.ready([later])
    assert fleet.attempts() == 2
    assert len(later.lines("session store holds what cannot be used")) == 1
    figures(f"a slot in Redis: {len(held)} bytes, no secret in them; an altered entry is ignored")
