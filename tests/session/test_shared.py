"""One session for many pods: who asks FinHub, who waits, and what each of them has in the end. All counts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from fleetpods import LIFETIME, MoodyStore, fleet, settle, until, whose

from sidecar import errors, events
from sidecar.session import shared
from sidecar.session.answer import Failure, Kind
from sidecar.session.state import Gate

if TYPE_CHECKING:
    from fleetpods import Fleet, Pod

SLOT = whose().slot
AWAY = Failure(kind=Kind.TRANSIENT, cause="connection_refused", detail="away", remedy="wait")


# ── one mint for all ────────────────────────────────────────────────────────────────────────────────────────────


async def test_twenty_that_ask_at_once_log_in_once() -> None:
    async with fleet() as pods:
        await pods.started(20)
        assert pods.hub.logins == 1
        assert await pods.agree() == "token-1"
        assert sum(len(pod.adoptions()) for pod in pods.pods) == 19


async def test_who_waits_is_told_and_not_left_to_the_end_of_the_lease() -> None:
    async with fleet(lease=60.0) as pods:
        pods.hub.open.clear()
        waiting = [asyncio.create_task(pods.pod().token()) for _ in range(3)]
        await until(lambda: pods.hub.logins == 1)
        pods.hub.open.set()
        async with asyncio.timeout(0.5):
            assert set(await asyncio.gather(*waiting)) == {"token-1"}


async def test_a_pod_that_is_restarted_logs_in_no_more() -> None:
    async with fleet() as pods:
        await pods.started(1)
        pods.clock.now += 100
        later = pods.pod()
        assert await later.token() == "token-1"
        session = later.source.session()
        assert session.expires_at == pytest.approx(1000 + LIFETIME)
        assert (session.logins, pods.hub.logins) == (0, 1)


async def test_a_lazy_pod_has_the_session_that_is_there_without_being_asked() -> None:
    async with fleet() as pods:
        await pods.started(1)
        later = pods.pod()
        await until(lambda: later.has() == "token-1")


async def test_a_rejected_token_is_replaced_once_for_all() -> None:
    async with fleet() as pods:
        await pods.started(10)
        for pod in pods.pods:
            pod.reject()
        assert set(await asyncio.gather(*(pod.token() for pod in pods.pods))) == {"token-2"}
        assert pods.hub.logins == 2


async def test_the_others_hear_of_a_rejection_before_they_are_rejected() -> None:
    async with fleet() as pods:
        first, second = await pods.started(2)
        first.reject()
        await first.token()
        await until(lambda: second.has() == "token-2")
        assert pods.hub.logins == 2


async def test_a_pod_that_comes_late_with_its_401_gets_the_new_token() -> None:
    async with fleet() as pods:
        first, second = await pods.started(2)
        second.tending[0].cancel()  # it hears of nothing
        first.reject()
        await first.token()
        second.reject()
        assert await second.token() == "token-2"
        assert pods.hub.logins == 2


async def test_a_due_token_is_refreshed_once_for_all() -> None:
    async with fleet() as pods:
        await pods.started(10)
        pods.clock.now += LIFETIME - 4
        await asyncio.gather(*(pod.token() for pod in pods.pods))
        await until(lambda: {pod.has() for pod in pods.pods} == {"token-2"})
        assert (pods.hub.logins, pods.hub.refreshes) == (1, 1)


async def test_an_unchanged_token_is_counted_down_by_all_and_asked_for_by_one() -> None:
    async with fleet() as pods:
        await pods.started(5)
        pods.hub.unchanged = 4.0
        pods.clock.now += LIFETIME - 4
        await asyncio.gather(*(pod.token() for pod in pods.pods))
        await settle(200)
        await asyncio.gather(*(pod.token() for pod in pods.pods))
        await settle(200)
        assert pods.hub.refreshes == 1
        assert {pod.word() for pod in pods.pods} == {"FRESH"}


async def test_a_refresh_that_fails_and_the_login_after_it_are_one_mint_of_the_fleets() -> None:
    async with fleet() as pods:
        await pods.started(5)
        pods.hub.refuses_refresh = AWAY
        pods.clock.now += LIFETIME - 4
        await asyncio.gather(*(pod.token() for pod in pods.pods))
        await until(lambda: {pod.has() for pod in pods.pods} == {"token-3"})
        assert pods.hub.calls == ["login right", "refresh", "login right"]


async def test_pods_become_due_one_after_the_other() -> None:
    async with fleet() as pods:
        first = (await pods.started(1))[0]
        pods.jitter = 0.9
        second = pods.pod()
        await second.token()
        due = [pod.source.session().renew_at for pod in (first, second)]
        assert due[0] is not None
        assert due[1] is not None
        assert due[0] < due[1] < 1000 + LIFETIME


# ── the gate ────────────────────────────────────────────────────────────────────────────────────────────────────


async def refused(pod: Pod) -> errors.TokenUnavailable:
    with pytest.raises(errors.TokenUnavailable) as caught:
        await pod.token()
    return caught.value


async def test_a_wrong_password_is_tried_once_by_all_together() -> None:
    async with fleet() as pods:
        several = [pods.pod(password="wrong") for _ in range(10)]
        await asyncio.gather(*(refused(pod) for pod in several))
        assert {pod.word() for pod in several} == {"BLOCKED"}
        later = pods.pod(password="wrong")
        assert (await refused(later)).retry_after == 1800
        assert pods.hub.calls == ["login wrong"]


async def test_another_password_is_free_of_the_rejection_and_its_token_opens_nobody_elses_eyes() -> None:
    async with fleet() as pods:
        wrong = pods.pod(password="wrong")
        await refused(wrong)
        assert await pods.pod(password="right").token() == "token-2"
        await until(lambda: wrong.has() == "token-2")  # it is the same session
        assert pods.hub.logins == 2


async def test_a_new_password_that_ten_pods_read_is_tried_once() -> None:
    async with fleet() as pods:
        await pods.started(10)
        pods.hub.password = "new"
        for pod in pods.pods:
            pod.use_password("new")
        await until(lambda: all(pod.has() == "token-2" for pod in pods.pods))
        assert pods.hub.calls == ["login right", "login new"]
        for pod in pods.pods[:3]:
            pod.source.changed(keeps_token=True)  # a certificate: the session is not bound to it
        await settle(200)
        assert pods.hub.logins == 2


async def test_a_refresh_keeps_what_is_known_of_the_credentials_whoever_does_it() -> None:
    async with fleet() as pods:
        first, second = await pods.started(2)
        pods.clock.now += LIFETIME - 4
        await second.token()  # it had taken over what it refreshes
        await until(lambda: {pod.has() for pod in pods.pods} == {"token-2"})
        for pod in (first, second):
            pod.source.changed(keeps_token=True)
        await settle(200)
        assert pods.hub.calls == ["login right", "refresh"]


async def test_a_new_password_that_is_wrong_is_tried_once_and_the_token_lives_on() -> None:
    async with fleet() as pods:
        await pods.started(10)
        for pod in pods.pods:
            pod.use_password("wrong")
        await until(lambda: all(pod.word() == "BLOCKED" for pod in pods.pods))
        assert pods.hub.calls == ["login right", "login wrong"]
        assert {await pod.token() for pod in pods.pods} == {"token-1"}


async def test_a_pause_is_everybodys_and_after_it_one_tries() -> None:
    async with fleet() as pods:
        pods.hub.failing = AWAY
        several = [pods.pod() for _ in range(5)]
        await asyncio.gather(*(refused(pod) for pod in several))
        assert (pods.hub.logins, {pod.word() for pod in several}) == (1, {"COOLING"})
        pods.clock.now += 1.5
        await asyncio.gather(*(refused(pod) for pod in several))
        assert pods.hub.logins == 2
        assert {pod.source.state.failures for pod in several} == {2}  # the next pause is longer, for all
        pods.hub.failing = None
        pods.clock.now += 60
        assert await several[0].token() == "token-3"
        await pods.agree()


async def test_what_changed_just_after_a_rejection_is_tried_once_a_minute_later() -> None:
    async with fleet() as pods:
        first, second = (pods.pod(password="wrong") for _ in range(2))
        await asyncio.gather(refused(first), refused(second))
        pods.clock.now += 20
        for pod in (first, second):
            pod.source.changed(keeps_token=True)  # another certificate
        await settle(200)
        assert pods.hub.logins == 1
        assert first.source.state.until == pytest.approx(1000 + 60)
        pods.hub.password = "wrong"
        pods.clock.now += 41
        assert await first.token() == "token-2"
        await until(lambda: second.has() == "token-2")
        assert pods.hub.logins == 2


# ── an operator's word ──────────────────────────────────────────────────────────────────────────────────────────


async def test_an_operators_word_is_a_login_and_everybody_gets_its_token() -> None:
    async with fleet() as pods:
        first, second = await pods.started(2)
        await first.source.reauthenticate()
        assert first.has() == "token-2"
        await until(lambda: second.has() == "token-2")
        assert pods.hub.logins == 2


async def test_an_operators_word_is_heard_while_all_pause() -> None:
    async with fleet() as pods:
        pods.hub.failing = AWAY
        first, second = pods.pod(), pods.pod()
        await asyncio.gather(refused(first), refused(second))
        pods.hub.failing = None
        await second.source.reauthenticate()
        assert pods.hub.logins == 2
        await until(lambda: first.has() == "token-2")


async def test_rejected_credentials_are_tried_on_demand_once_a_minute_by_all_together() -> None:
    async with fleet() as pods:
        first, second = (pods.pod(password="wrong") for _ in range(2))
        await asyncio.gather(refused(first), refused(second))
        for pod in (first, second):
            with pytest.raises(errors.TokenUnavailable):
                await pod.source.reauthenticate()
        assert pods.hub.logins == 1
        pods.clock.now += 61
        for pod in (first, second):
            with pytest.raises(errors.TokenUnavailable):
                await pod.source.reauthenticate()
        assert pods.hub.logins == 2


# ── a lost holder, a late writer ────────────────────────────────────────────────────────────────────────────────


async def test_a_holder_that_dies_while_it_mints_costs_its_lease_and_one_login() -> None:
    async with fleet(lease=1.0) as pods:
        pods.hub.open.clear()
        dying, other = pods.pod(), pods.pod()
        lost = asyncio.create_task(dying.token())
        await until(lambda: pods.hub.logins == 1)
        waiting = asyncio.create_task(other.token())
        await settle()
        assert pods.hub.logins == 1
        await asyncio.wait(dying.die())
        pods.hub.open.set()
        pods.clock.now += 1.0
        assert await waiting == "token-2"
        lost.cancel()


async def test_who_mints_for_long_keeps_the_lease() -> None:
    async with fleet(lease=0.3) as pods:
        pods.hub.open.clear()
        first, second = pods.pod(), pods.pod()
        waiting = [asyncio.create_task(pod.token()) for pod in (first, second)]
        for _ in range(12):
            await asyncio.sleep(0.05)
            pods.clock.now += 0.05
        pods.hub.open.set()
        assert set(await asyncio.gather(*waiting)) == {"token-1"}
        assert pods.hub.logins == 1
        assert isinstance(pods.store, MoodyStore)
        assert pods.store.log.count("renew") >= 3


@pytest.mark.parametrize("deaf", [False, True])
async def test_a_late_writer_takes_over_what_was_published_meanwhile(deaf: bool) -> None:  # noqa: FBT001  # a column
    async with fleet() as pods:
        pods.hub.open.clear()
        late = pods.pod()
        waiting = asyncio.create_task(late.token())
        await until(lambda: pods.hub.logins == 1)
        pods.clock.now += 6.0  # longer than its lease, of which it has renewed nothing
        other = pods.pod()
        others = asyncio.create_task(other.token())
        await until(lambda: pods.hub.logins == 2)
        store = mood(pods, "")
        store.slow.append(on_its_way := asyncio.Event())
        if deaf:
            await settle(100)
            store._listeners.clear()  # noqa: SLF001  # nobody hears of what is published
        pods.hub.open.set()
        assert await waiting == "token-1"
        assert await others == "token-2"
        await until(lambda: store.log.count("publish") == 2)
        on_its_way.set()
        assert await pods.agree() == "token-2"
        assert pods.hub.logins == 2


async def test_who_ends_gives_the_lease_back() -> None:
    async with fleet(lease=60.0) as pods:
        pods.hub.open.clear()
        ending = pods.pod()
        asking = asyncio.create_task(ending.token())
        await until(lambda: pods.hub.logins == 1)
        asking.cancel()
        await ending.end()
        pods.hub.open.set()
        async with asyncio.timeout(0.5):
            assert await pods.pod().token() == "token-2"


async def test_what_was_minted_last_is_told_before_the_end() -> None:
    async with fleet() as pods:
        first = pods.pod()
        await first.token()
        await first.end()
        assert (await pods.store.read(SLOT)).entry


# ── the engine is away, or holds garbage ────────────────────────────────────────────────────────────────────────


def mood(pods: Fleet, word: str) -> MoodyStore:
    store = pods.store
    assert isinstance(store, MoodyStore)
    store.mood = word
    return store


@pytest.mark.parametrize("word", ["away", "garbled"])
async def test_without_the_engine_each_mints_for_itself_and_all_join_again_when_it_is_back(word: str) -> None:
    async with fleet() as pods:
        store = mood(pods, word)
        several = await pods.started(5)
        assert (pods.hub.logins, len({pod.has() for pod in several})) == (5, 5)
        store.is_back()
        await pods.agree()
        assert pods.hub.logins == 5
        assert await pods.pod().token() == await pods.agree()
        assert pods.hub.logins == 5


async def test_without_the_engine_the_token_is_served_on_and_nobody_asks_for_another() -> None:
    async with fleet() as pods:
        several = await pods.started(5)
        mood(pods, "away")
        assert {await pod.token() for pod in several} == {"token-1"}
        assert pods.hub.logins == 1


async def test_pods_that_are_alone_do_not_ask_all_at_once() -> None:
    async with fleet(alone_within=0.4) as pods:
        mood(pods, "away")
        pods.jitter = 0.5
        asking = asyncio.create_task(pods.pod().token())
        await asyncio.sleep(0.1)
        assert pods.hub.logins == 0
        await asking
        assert pods.hub.logins == 1


async def test_an_engine_that_is_back_within_the_pause_is_asked_again() -> None:
    async with fleet(alone_within=8.0) as pods:
        await pods.started(1)
        store = mood(pods, "away")
        pods.jitter = 0.9
        later = pods.pod()
        asking = asyncio.create_task(later.token())
        await settle()
        store.is_back()
        async with asyncio.timeout(1):
            assert await asking == "token-1"
        assert pods.hub.logins == 1


async def test_a_rejection_that_was_met_alone_is_told_when_the_engine_is_back() -> None:
    async with fleet() as pods:
        store = mood(pods, "away")
        await refused(pods.pod(password="wrong"))
        store.is_back()
        await until(lambda: "publish" in store.log)
        await settle()
        await refused(pods.pod(password="wrong"))
        assert pods.hub.logins == 1


async def test_what_is_over_when_the_engine_is_back_is_told_to_nobody_and_not_tried_for_ever() -> None:
    async with fleet() as pods:
        store = mood(pods, "away")
        pods.hub.failing = AWAY
        pod = pods.pod()
        await refused(pod)
        pods.clock.now += 100
        store.is_back()
        await until(lambda: "release" in store.log)
        calls = len(store.log)
        await settle(200)
        assert len(store.log) <= calls + 2
        assert (await store.read(SLOT)).entry == b""


async def test_garbage_is_told_once() -> None:
    async with fleet() as pods:
        mood(pods, "garbled")
        (pod,) = await pods.started(1)
        for _ in range(3):
            pod.reject()
            await pod.token()
        assert [type(event) for event in pod.told].count(events.StoreIgnored) == 1


async def test_a_lease_without_end_is_garbage_and_holds_up_nobody() -> None:
    async with fleet() as pods:
        await pods.store.take(SLOT, "somebody", 1e9)
        assert await pods.pod().token() == "token-1"


async def test_a_lease_that_is_renewed_for_ever_holds_up_nobody_for_ever() -> None:
    async with fleet() as pods:
        store = mood(pods, "")
        lease = (await store.take(SLOT, "somebody", 50.0)).lease
        asking = asyncio.create_task(pods.pod().token())
        for _ in range(5):
            await settle()
            assert pods.hub.logins == 0
            pods.clock.now += 45
            assert await store.renew(SLOT, "somebody", lease, 50.0)
            store.is_back()  # it looks again
        async with asyncio.timeout(3):
            assert await asking == "token-1"


async def test_an_entry_that_cannot_be_opened_is_replaced() -> None:
    async with fleet() as pods:
        lease = (await pods.store.take(SLOT, "somebody", 5.0)).lease
        await pods.store.publish(SLOT, "somebody", lease, b"garbage", 1000.0)
        several = await pods.started(3)
        assert pods.hub.logins == 1
        assert sum(isinstance(event, events.StoreIgnored) for pod in several for event in pod.told) <= 3


async def test_pods_with_another_key_are_a_fleet_of_their_own() -> None:
    async with fleet() as pods:
        await pods.started(2)
        other = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
        strangers = [pods.pod(key=other) for _ in range(2)]
        assert {await pod.token() for pod in strangers} == {"token-2"}
        assert pods.hub.logins == 2


async def joined(pods: Fleet) -> None:
    """Return once all have the same token; whoever lost a call hears soon that the engine is there."""
    store = mood(pods, "")
    async with asyncio.timeout(5):
        while len({pod.has() for pod in pods.pods}) > 1:
            store.is_back()
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 16))
async def test_a_call_that_fails_at_any_step_costs_a_login_at_most(number: int, when: str) -> None:
    async with fleet(lease=0.2, alone_within=0.05) as pods:
        store = mood(pods, "")
        store.fails[number] = when
        pods.clock.ticks = True
        first, second = await pods.started(2)
        first.reject()
        await first.token()
        await joined(pods)
        second.reject()
        await second.token()
        await joined(pods)
        assert 3 <= pods.hub.logins <= 4
        assert not any(isinstance(event, events.Bug) for pod in pods.pods for event in pod.told)


# ── whose it is ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_another_user_is_another_session() -> None:
    async with fleet() as pods:
        first, second = await pods.started(2)
        first.share.belongs_to(whose("another"))
        first.source.changed(keeps_token=False)
        assert await first.token() == "token-2"
        await settle(100)
        assert second.has() == "token-1"
        assert (await pods.store.read(whose("another").slot)).entry
        second.share.belongs_to(whose("another"))
        second.source.changed(keeps_token=False)
        assert await second.token() == "token-2"
        assert pods.hub.logins == 2


async def test_what_a_login_brings_that_was_sent_as_another_user_is_told_to_nobody() -> None:
    async with fleet() as pods:
        pods.hub.open.clear()
        pod = pods.pod()
        asking = asyncio.create_task(pod.token())
        await until(lambda: pods.hub.logins == 1)
        pod.share.belongs_to(whose("another"))
        pod.source.changed(keeps_token=False)
        pods.hub.open.set()
        assert await asking == "token-2"
        await settle(100)
        assert (await pods.store.read(SLOT)).entry == b""
        assert (await pods.store.read(SLOT)).held_for == 0
        assert (await pods.store.read(whose("another").slot)).entry


async def test_a_login_as_another_user_after_a_refresh_as_the_first_is_told_in_neither_place_but_its_own() -> None:
    async with fleet() as pods:
        (pod,) = await pods.started(1)
        await settle()
        before = (await pods.store.read(SLOT)).fence
        pods.clock.now += LIFETIME - 4
        pods.hub.open.clear()
        pods.hub.refuses_refresh = AWAY
        await pod.token()  # and renews behind
        await until(lambda: pods.hub.refreshes == 1)
        pod.share.belongs_to(whose("another"))
        pod.source.changed(keeps_token=False)
        pods.hub.open.set()
        await until(lambda: pod.has() == "token-3")
        await settle(100)
        assert (await pods.store.read(SLOT)).fence == before
        assert (await pods.store.read(SLOT)).held_for == 0
        assert (await pods.store.read(whose("another").slot)).entry


async def test_a_change_of_user_while_another_pod_is_waited_for_begins_anew() -> None:
    async with fleet() as pods:
        await pods.store.take(SLOT, "somebody", 50.0)
        pod = pods.pod()
        asking = asyncio.create_task(pod.token())
        await settle()
        pod.share.belongs_to(whose("another"))
        pod.source.changed(keeps_token=False)
        async with asyncio.timeout(2):
            assert await asking == "token-1"
        assert (await pods.store.read(whose("another").slot)).entry


async def test_it_listens_where_its_session_is() -> None:
    async with fleet() as pods:
        first, second = await pods.started(2)
        for pod in (first, second):
            pod.share.belongs_to(whose("another"))
            pod.source.changed(keeps_token=False)
            await pod.token()
        await settle(100)
        second.reject()
        await second.token()
        await until(lambda: first.has() == second.has())


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_where_nobody_tells_of_a_change_it_is_found_by_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_NET", 0.05)
    async with fleet() as pods:
        first, second = await pods.started(2)
        pods.store._listeners.clear()  # type: ignore[attr-defined]  # noqa: SLF001  # a channel that is dead
        first.reject()
        await first.token()
        await until(lambda: second.has() == "token-2")


async def test_a_pod_in_flight_takes_over_no_news() -> None:
    async with fleet() as pods:
        first, second = await pods.started(2)
        pods.hub.open.clear()
        flying = asyncio.create_task(second.source.reauthenticate())
        await until(lambda: pods.hub.logins == 2)
        pods.clock.now += 6.0
        first.reject()
        asking = asyncio.create_task(first.token())
        await until(lambda: pods.hub.logins == 3)
        pods.hub.open.set()
        await asyncio.gather(flying, asking)
        await pods.agree()
        assert second.source.state.gate is Gate.OPEN


async def test_it_tells_what_is_there() -> None:
    async with fleet() as pods:
        (pod,) = await pods.started(1)
        await settle()
        assert await pod.share.peek() == (f"a session in it for {LIFETIME:.0f} s", "")


async def test_a_bug_in_the_sharing_costs_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise RuntimeError

    async with fleet() as pods:
        pod = pods.pod()
        monkeypatch.setattr("sidecar.session.sharing.judge", stumble)
        assert await pod.token() == "token-1"
        assert [type(event) for event in pod.told].count(events.Bug) == 1
        monkeypatch.undo()
        pod.reject()
        assert await pod.token() == "token-2"
