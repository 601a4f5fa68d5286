from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest
from counting import forwarded
from made import make
from operating import finhub, operated, until
from rawcaller import calling, request
from scrape import samples

from sidecar import events
from sidecar.app.sidecar import Sidecar

if TYPE_CHECKING:
    from pathlib import Path

BALANCE = "/api/v2.1/wallets/w-1/balance"


# ── the session ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_eager_sidecar_logs_in_by_itself_and_then_is_ready(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        assert (await one.control("GET", "/readyz")).status == 200
        assert files.emulator.counts.login_attempts == 1


async def test_a_lazy_one_is_ready_without_a_login_and_logs_in_for_a_caller(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        files.add("session", 'login = "lazy"')
        async with operated(files) as one:
            heard = await one.control("GET", "/readyz")
            assert (heard.status, heard.body) == (200, b"ready; logs in when a caller comes\n")
            assert files.emulator.counts.login_attempts == 0
            assert (await one.call("GET", BALANCE)).status == 200
            assert files.emulator.counts.login_attempts == 1


async def test_while_FinHub_is_away_it_waits_and_heals_by_itself(tmp_path: Path) -> None:  # noqa: N802  # its name
    async with finhub(tmp_path) as files:
        files.add("session", "backoff = { first = 0.05, max = 0.1 }")
        await files.emulator.stop()
        async with operated(files) as one:
            await until(lambda: bool(one.events(events.MintFailed)))
            assert (await one.control("GET", "/startupz")).status == 200
            heard = await one.control("GET", "/readyz")
            assert (heard.status, heard.body.startswith(b"no valid FinHub session")) == (503, True)
            await files.emulator.start()
            await one.logged_in()
            assert (await one.control("GET", "/readyz")).status == 200


async def test_rejected_credentials_are_not_ready_even_when_lazy(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        files.add("session", 'login = "lazy"')
        files.put("password", "wrong")
        async with operated(files) as one:
            heard = await one.call("GET", BALANCE)
            assert (heard.status, heard.cause) == (503, "proxy_configuration_error")
            ready = await one.control("GET", "/readyz")
            assert (ready.status, ready.body) == (503, b"no valid FinHub session (BLOCKED)\n")


async def test_a_certificate_that_has_run_out_is_not_ready_whatever_the_session_says(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        now = dt.datetime.now(dt.UTC)
        dying = make("dying", begin=now - dt.timedelta(days=1), end=now + dt.timedelta(seconds=2))
        files.put("client.crt", dying.certificate_pem)
        files.put("client.key", dying.key_pem)
        async with operated(files) as one:
            assert one.sidecar.vitals().identity_in_date
            await until(lambda: not one.sidecar.vitals().identity_in_date)
            heard = await one.control("GET", "/readyz")
            assert (heard.status, heard.body) == (503, b"the client certificate is out of date\n")


# ── the status ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_status_has_the_members_that_scripts_rely_on_and_no_secret(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        await one.call("GET", BALANCE)
        await one.call("TRACE", "/api/v2/auth/token")
        heard = await one.control("GET", "/status")
        shown = json.loads(heard.body)
        assert set(shown) == {
            "version",
            "environment",
            "listen",
            "admin",
            "session",
            "identity",
            "upstream",
            "requests",
            "audit",
            "problems",
        }
        assert set(shown["session"]) == {
            "state",
            "tenant",
            "since",
            "expires_at",
            "renew_at",
            "mints",
            "last_error",
        }
        assert shown["session"]["mints"] == {"login": 1, "refresh": 0}
        assert (shown["listen"], shown["admin"]) == (f"127.0.0.1:{one.port}", f"127.0.0.1:{one.admin_port}")
        assert set(shown["identity"]) == {"subject", "not_after", "days_left"}
        assert shown["upstream"] == {"url": files.emulator.url, "connections": 0}
        assert shown["requests"] == {"total": 2, "in_flight": 0, "replays": 0, "refused": 1}
        account = files.emulator.account
        for secret in (account.password, account.customer_secret):
            assert secret.reveal().encode() not in heard.raw
        assert b"eyJ" not in heard.raw


async def test_what_is_wrong_is_told_with_whose_fault_it_is_and_a_remedy(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        files.put("password", "wrong")
        async with operated(files) as one:
            await until(lambda: one.session()["state"] == "BLOCKED")
            files.put("customer_secret", "")
            assert (await one.control("POST", "/-/reload")).status == 422
            rejected, broken = json.loads((await one.control("GET", "/status")).body)["problems"]
            assert (rejected["severity"], rejected["whose"]) == ("error", "configuration")
            assert "FinHub answered 401 to the login" in rejected["what"]
            assert "credentials.password" in rejected["remedy"]
            assert (broken["severity"], "credentials.customer_secret" in broken["what"]) == ("warning", True)


async def test_all_connections_in_use_and_going_down_are_told(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        files.add("upstream", "max_connections = 1")
        async with operated(files) as one:
            await one.logged_in()
            files.emulator.fault("api:delay=20")
            calls = asyncio.gather(*(one.call("GET", BALANCE) for _ in range(2)), return_exceptions=True)
            await until(lambda: bool(one.sidecar.status()["problems"]))
            (full,) = one.sidecar.status()["problems"]
            assert "All 1 connections" in full["what"]
            one.sidecar.stop("the test")
            await until(lambda: one.sidecar.draining)
            assert "going down" in one.sidecar.status()["problems"][0]["what"]
            one.sidecar.hurry.set()
            await calls


async def test_the_history_has_the_events_the_tokens_life_and_no_secret(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        heard = await one.control("GET", "/history")
        shown = json.loads(heard.body)
        assert set(shown) == {"now", "slot_seconds", "session", "slots", "events"}
        assert set(shown["session"]) == {"minted_at", "window_at", "tries_at"}
        assert [event["event"] for event in shown["events"]] == ["identity loaded", "listening", "session minted"]
        lifetime, window = (
            dt.datetime.fromisoformat(one.session()["expires_at"]) - dt.datetime.fromisoformat(shown["session"][name])
            for name in ("minted_at", "window_at")
        )
        assert lifetime / window == pytest.approx(10, abs=0.01)
        assert b"eyJ" not in heard.raw


async def test_the_last_hour_is_sampled_while_it_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.observe.history.SLOT", 0.2)
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        await one.call("GET", BALANCE)
        await until(lambda: any(slot["requests"] for slot in one.sidecar.history()["slots"]))
        assert sum(slot["mints"] for slot in one.sidecar.history()["slots"]) <= 1


# ── the metrics ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_metrics_show_what_is_there_at_the_moment_of_asking(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        files.add("session", 'login = "lazy"')
        async with operated(files) as one:
            before = samples((await one.control("GET", "/metrics")).body)
            assert (before['session_state{state="EMPTY"}'], before["caller_connections"], before["ready"]) == (1, 0, 1)
            assert "token_expiry_timestamp_seconds" not in before
            assert (await one.call("GET", BALANCE)).status == 200
            async with calling(one.port) as caller:
                await caller.send(request(b"POST", BALANCE.encode(), body=b"whole")[:-1])
                await until(lambda: one.sidecar.gateway.traffic.in_flight == 1)
                shown = samples((await one.control("GET", "/metrics")).body)
            assert (shown["requests_in_flight"], shown["caller_connections"]) == (1, 1)
            expiry = dt.datetime.fromisoformat(one.session()["expires_at"]).timestamp()
            assert abs(shown["token_expiry_timestamp_seconds"] - expiry) < 1
            assert shown['session_state{state="FRESH"}'] == 1


async def test_of_all_who_listen_the_log_hears_an_event_first(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        counted = list[int]()
        config = await asyncio.to_thread(files.read)

        def log(_: events.Event) -> None:
            counted.append(sidecar.metrics.totals().requests)

        sidecar = await asyncio.to_thread(Sidecar, config, files.environ, log)
        sidecar.emit(forwarded())
        assert (counted, sidecar.metrics.totals().requests) == ([0], 1)


async def test_a_reload_and_a_failed_one_are_counted(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        files.put("client.key", "no key at all")
        assert (await one.control("POST", "/-/reload")).status == 422
        files.edit('tenant_id = "', 'tenant_id = "9')
        files.put("client.key", files.emulator.certificates.client_key_pem)
        assert (await one.control("POST", "/-/reload")).status == 200
        shown = samples((await one.control("GET", "/metrics")).body)
        assert (shown['reloads_total{result="failed"}'], shown['reloads_total{result="ok"}']) == (1, 1)


# ── controls ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_to_reauthenticate_is_one_full_login_in_every_state(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        heard = await one.control("POST", "/-/reauthenticate")
        assert (heard.status, json.loads(heard.body)["session"]["mints"]["login"]) == (200, 2)
        assert files.emulator.counts.logins == 2


async def test_while_blocked_an_operators_word_counts_once_a_minute(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        files.put("password", "wrong")
        async with operated(files) as one:
            await until(lambda: one.session()["state"] == "BLOCKED")
            first = await one.control("POST", "/-/reauthenticate")
            assert (first.status, first.get(b"Retry-After") != []) == (503, True)
            second = await one.control("POST", "/-/reauthenticate")
            assert second.status == 429
            assert 1 <= int(second.get(b"Retry-After")[0]) <= 60
            assert files.emulator.counts.login_attempts == 2


@pytest.mark.parametrize("how", ["reload", "interval"])
async def test_a_new_password_ends_blocked(tmp_path: Path, how: str) -> None:
    async with finhub(tmp_path) as files:
        good = (tmp_path / "password").read_bytes()
        files.put("password", "wrong")
        files.add("identity", f"reload_interval = {0.1 if how == 'interval' else 3600}")
        async with operated(files) as one:
            await until(lambda: one.session()["state"] == "BLOCKED")
            files.put("password", good)
            if how == "reload":
                heard = await one.control("POST", "/-/reload")
                assert (heard.status, json.loads(heard.body)) == (200, {"changed": ["secrets"]})
            await one.logged_in()
            assert files.emulator.counts.login_attempts == 2


async def test_a_reload_that_finds_nothing_new_costs_no_login(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        assert json.loads((await one.control("POST", "/-/reload")).body) == {"changed": []}
        assert files.emulator.counts.login_attempts == 1


async def test_a_broken_secret_is_422_and_the_old_one_serves_on(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        files.put("password", "")
        heard = await one.control("POST", "/-/reload")
        members = json.loads(heard.body)
        assert (heard.status, members["status"]) == (422, 422)
        assert "credentials.password" in members["detail"]
        assert (await one.call("GET", BALANCE)).status == 200


async def test_a_new_caller_key_holds_at_once_and_costs_no_login(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        files.add("listen", 'caller_key = { file = "caller-key" }')
        files.put("caller-key", "first-key")
        async with operated(files) as one:
            await one.logged_in()
            assert (await one.call("GET", BALANCE, b"X-Sidecar-Key: first-key")).status == 200
            files.put("caller-key", "second-key")
            assert json.loads((await one.control("POST", "/-/reload")).body) == {"changed": ["caller key"]}
            assert (await one.call("GET", BALANCE, b"X-Sidecar-Key: first-key")).status == 403
            assert (await one.call("GET", BALANCE, b"X-Sidecar-Key: second-key")).status == 200
            assert files.emulator.counts.login_attempts == 1


# ── the configuration, read again ───────────────────────────────────────────────────────────────────────────────


async def test_new_fields_are_sent_from_the_next_request_on(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        files.add("fields", 'X-Branch = { value = "north", when = "always" }')
        assert json.loads((await one.control("POST", "/-/reload")).body) == {"changed": ["fields"]}
        assert (await one.call("GET", "/api/echo")).status == 200
        assert files.emulator.seen[-1].values("X-Branch") == ["north"]
        await until(lambda: files.emulator.counts.logins == 2)
        logins = [seen for seen in files.emulator.seen if seen.scope == "login"]
        assert [login.values("X-Branch") for login in logins] == [[], ["north"]]


async def test_new_rules_and_bounds_hold_at_once_and_the_counters_go_on(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        await one.call("GET", BALANCE)
        files.add("listen", 'allow = ["GET /**"]\nmax_body = 4')
        heard = await one.control("POST", "/-/reload")
        assert json.loads(heard.body) == {"changed": ["listen.max_body", "listen.allow"]}
        assert (await one.call("POST", "/api/echo")).status == 403
        assert (await one.call("GET", "/api/echo", body=b"12345")).status == 413
        assert one.sidecar.status()["requests"]["total"] == 3
        assert files.emulator.counts.login_attempts == 1


async def test_another_user_logs_in_anew_and_the_old_token_is_gone(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        files.edit("demo.user@finhub.example", "somebody.else@finhub.example")
        heard = await one.control("POST", "/-/reload")
        assert json.loads(heard.body) == {"changed": ["credentials.username"]}
        await until(lambda: one.session()["state"] == "BLOCKED")
        assert (await one.call("GET", BALANCE)).status == 503
        files.edit("somebody.else@finhub.example", "demo.user@finhub.example")
        await one.control("POST", "/-/reload")
        await one.logged_in()
        assert (await one.call("GET", BALANCE)).status == 200


async def test_a_request_on_its_way_ends_as_it_began(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        files.emulator.fault("api:delay=0.5,path=/api/echo")
        async with calling(one.port) as caller:
            await caller.send(request(b"POST", b"/api/echo", body=b"12345"))
            await until(lambda: one.sidecar.gateway.traffic.in_flight == 1)
            files.add("listen", "max_body = 4")
            assert (await one.control("POST", "/-/reload")).status == 200
            assert one.sidecar.gateway.traffic.in_flight == 1
            assert (await caller.reply()).status == 200
        assert one.sidecar.gateway.traffic.in_flight == 0


async def test_a_broken_configuration_is_422_with_every_problem(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        files.add("listen", "max_body = -1\nunheard_of = 1")
        heard = await one.control("POST", "/-/reload")
        lines = json.loads(heard.body)["detail"].splitlines()
        assert heard.status == 422
        assert [line.partition(":")[0] for line in lines] == ["listen.max_body", "listen.unheard_of"]
        assert (await one.call("GET", BALANCE)).status == 200


async def test_credentials_that_the_dialect_then_lacks_are_422(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        files.edit('customer_id = "demo-client"\n', "")
        heard = await one.control("POST", "/-/reload")
        assert (heard.status, "credentials.customer_id" in json.loads(heard.body)["detail"]) == (422, True)
        assert one.sidecar.config.credentials.customer_id == "demo-client"


async def test_what_needs_a_restart_is_named_in_the_answer(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        files.edit('[listen]\naddress = "127.0.0.1:0"', '[listen]\naddress = "127.0.0.1:1"\nmax_body = 4')
        heard = await one.control("POST", "/-/reload")
        assert json.loads(heard.body) == {"changed": ["listen.max_body"], "restart": ["listen.address"]}
        (told,) = one.events(events.Reloaded)
        assert (told.what, told.restart) == (("listen.max_body",), ("listen.address",))


async def test_whoever_wants_to_know_is_told_of_a_configuration_in_use(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        heard: list[str] = []
        one.sidecar.on_config = lambda config: heard.append(config.log.level)
        files.add("log", 'level = "error"')
        await one.control("POST", "/-/reload")
        assert heard == ["error"]


# ── identity ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_certificate_is_announced_and_presented_on_both_ways(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        await one.call("GET", BALANCE)
        assert [event.subject for event in one.events(events.IdentityLoaded)] == ["CN=finhub-sidecar,O=8812345"]
        assert [seen.scope for seen in files.emulator.seen] == ["login", "api"]
        assert None not in [seen.client_certificate for seen in files.emulator.seen]


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("logout", [True, False])
async def test_the_session_is_ended_at_FinHub_only_where_that_is_wished(tmp_path: Path, *, logout: bool) -> None:  # noqa: N802  # its name
    async with finhub(tmp_path) as files:
        files.add("session", f"logout = {str(logout).lower()}")
        async with operated(files) as one:
            await one.logged_in()
            one.sidecar.stop("test")
            await one.done
        assert files.emulator.counts.logouts == int(logout)


async def test_a_logout_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        files.add("session", "logout = true")
        files.emulator.fault("logout:delay=60")
        async with operated(files) as one:
            await one.logged_in()
            one.sidecar.stop("test")
            async with asyncio.timeout(5):
                await one.done


async def test_who_is_in_a_hurry_does_not_wait_for_the_logout(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        files.add("session", "logout = true")
        files.emulator.fault("logout:delay=60")
        async with operated(files) as one:
            await one.logged_in()
            one.sidecar.stop("test")
            one.sidecar.hurry.set()
            async with asyncio.timeout(1.5):
                await one.done


async def test_a_second_word_to_stop_changes_nothing(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        one.sidecar.stop("first")
        one.sidecar.stop("second")
        assert (one.sidecar.why, one.sidecar.hurry.is_set()) == ("first", False)
