"""Whatever the sidecar tells, the page shows as text: names and messages come from FinHub and from files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from browser import LIGHT
from listening import on_port

from sidecar.admin.listener import Admin
from sidecar.app.status import rfc3339
from sidecar.gateway.caller_server import CallerServer, answering
from sidecar.wire.clock import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from browser import Browser

HOSTILE = "<img src=x onerror='window.owned = 1'><script>window.owned = 1</script>&lt;b&gt;"


class Told:
    """What the page is told, made up: a healthy lazy session of which each part can be changed."""

    def __init__(self, **changes: Any) -> None:
        now = utc_now()
        session = {"state": "FRESH", "tenant": "1", "since": rfc3339(now), "mints": {"login": 1, "refresh": 0}}
        ends = {"expires_at": rfc3339(now + 60), "renew_at": rfc3339(now + 55), "last_error": None}
        self.shown: dict[str, Any] = {
            "version": "1",
            "environment": "production",
            "listen": "127.0.0.1:8080",
            "session": {**session, **ends, **changes.pop("session", {})},
            "identity": None,
            "upstream": {"url": "https://finhub.example", "connections": 0},
            "requests": {"total": 1, "in_flight": 0, "replays": 0, "refused": 0},
            "problems": [],
            **changes,
        }
        self.events: list[dict[str, Any]] = []
        self.life: dict[str, str | None] = {
            "minted_at": rfc3339(now - 40),
            "window_at": rfc3339(now + 50),
            "tries_at": None,
        }

    def status(self) -> dict[str, Any]:
        return self.shown

    def history(self) -> dict[str, Any]:
        return {
            "now": rfc3339(utc_now()),
            "slot_seconds": 10.0,
            "session": self.life,
            "slots": [],
            "events": self.events,
        }


async def read(browser: Browser, told: Told, look: Callable[[Browser], Any]) -> Any:
    """Return what `look` sees once the page shows what it was told."""

    def looked(port: int) -> Any:
        browser.open(f"http://127.0.0.1:{port}/", LIGHT)
        browser.until(lambda: browser.text("#state"), "the page shows the session")
        return look(browser)

    admin = Admin(told, lambda _: None, over_unix=False)  # type: ignore[arg-type]  # no more of it is asked
    async with on_port(CallerServer(answering(admin.handle))) as port:
        return await asyncio.to_thread(looked, port)


async def test_markup_in_what_is_told_is_shown_as_it_stands_and_runs_nowhere(browser: Browser) -> None:
    told = Told(
        problems=[{"severity": "error", "what": HOSTILE, "whose": HOSTILE, "remedy": HOSTILE}],
        identity={"subject": HOSTILE, "not_after": rfc3339(utc_now() + 1e7), "days_left": 90},
        environment=HOSTILE,
        session={"tenant": HOSTILE},
    )
    told.events = [{"at": rfc3339(utc_now()), "level": "error", "event": HOSTILE, "members": {HOSTILE: HOSTILE}}]

    def look(page: Browser) -> Any:
        return page.text(), page.run("return [window.owned ?? 0, document.images.length, document.scripts.length]")

    text, (owned, images, scripts) = await read(browser, told, look)
    assert text.count(HOSTILE) == 9
    assert (owned, images, scripts) == (0, 0, 1)


@pytest.mark.parametrize(
    ("problems", "words", "tone"),
    [
        ([], "All is well", "ok"),
        (["warning"], "Working, with a warning", "warning"),
        (["warning", "warning"], "Working, with 2 warnings", "warning"),
        (["error", "warning"], "Not working", "error"),
    ],
)
async def test_the_verdict_is_the_worst_of_the_problems(
    browser: Browser, problems: list[str], words: str, tone: str
) -> None:
    told = Told(problems=[{"severity": one, "what": "w", "whose": "network", "remedy": "r"} for one in problems])

    def look(page: Browser) -> Any:
        return page.text("#verdict-words"), page.run("return document.querySelector('#verdict').dataset.tone")

    assert await read(browser, told, look) == (words, tone)


@pytest.mark.parametrize(
    ("heard", "words"), [(401, "FinHub rejected the login."), (0, "The proxy rejected its credentials.")]
)
async def test_blocked_says_who_rejected_what(browser: Browser, heard: int, words: str) -> None:
    failure = {"error": "proxy_configuration_error", "detail": "no", "remedy": "Verify.", "status": heard}
    told = Told(session={"state": "BLOCKED", "expires_at": None, "renew_at": None, "last_error": failure})
    told.life = {"minted_at": None, "window_at": None, "tries_at": rfc3339(utc_now() + 60)}
    seen = await read(browser, told, lambda page: page.text("#state-more"))
    assert seen.startswith(words)


async def test_a_lazy_session_that_nobody_needs_yet_is_well(browser: Browser) -> None:
    told = Told(session={"state": "EMPTY", "expires_at": None, "renew_at": None})
    told.life = {"minted_at": None, "window_at": None, "tries_at": None}

    def look(page: Browser) -> Any:
        return page.text("#verdict"), page.run("return getComputedStyle(document.querySelector('#life')).display")

    text, life = await read(browser, told, look)
    assert ("All is well" in text, "the first request logs in" in text, life) == (True, True, "none")


@pytest.mark.parametrize(
    ("state", "expires_at", "words", "more"),
    [
        ("MINTING", None, "Logging in", "Requests wait for the login"),
        ("EXPIRED", "2026-01-01T00:00:00.000Z", "All is well", "the first request logs in"),
    ],
)
async def test_where_there_is_no_valid_session_none_is_claimed(
    browser: Browser, state: str, expires_at: str | None, words: str, more: str
) -> None:
    told = Told(session={"state": state, "expires_at": expires_at, "renew_at": None})
    text = await read(browser, told, lambda page: page.text("#verdict"))
    assert (words in text, more in text, "on a valid session" in text) == (True, True, False)


async def test_a_token_that_cools_shows_both_its_end_and_the_next_try(browser: Browser) -> None:
    told = Told(session={"state": "COOLING"})
    told.life["tries_at"] = rfc3339(utc_now() + 30)
    text = await read(browser, told, lambda page: page.text(".pair .card"))
    assert ("Expires" in text, "Next try to renew" in text) == (True, True)


async def test_a_sidecar_of_before_that_tells_no_problems_is_shown_all_the_same(browser: Browser) -> None:
    told = Told()
    del told.shown["problems"]
    assert await read(browser, told, lambda page: page.text("#verdict-words")) == "All is well"


@pytest.mark.parametrize(
    ("days", "words", "tone"),
    [
        (-1, "Expired", "error"),
        (0, "0 days", "error"),
        (1, "1 day", "warning"),
        (29, "29 days", "warning"),
        (30, "30 days", "ok"),
    ],
)
async def test_the_certificates_days_bear_their_weight(browser: Browser, days: int, words: str, tone: str) -> None:
    told = Told(identity={"subject": "CN=a", "not_after": rfc3339(utc_now() + days * 86400), "days_left": days})

    def look(page: Browser) -> Any:
        return page.text("#certificate-days .word"), page.run(
            "return document.querySelector('#certificate-days .word').className"
        )

    text, style = await read(browser, told, look)
    assert (text, style) == (words, f"word tone-{tone}")


async def test_numbers_are_right_whatever_clock_the_reader_has(browser: Browser) -> None:
    """Over a tunnel the page is read on another machine, whose clock is not the sidecar's."""
    told = Told()
    was = told.history

    def ahead() -> dict[str, Any]:
        day = 86400
        life = {
            "minted_at": rfc3339(utc_now() + day - 40),
            "window_at": rfc3339(utc_now() + day + 50),
            "tries_at": None,
        }
        return {**was(), "now": rfc3339(utc_now() + day), "session": life}

    told.history = ahead  # type: ignore[method-assign]  # the one thing that differs
    ends = {"expires_at": rfc3339(utc_now() + 86460), "renew_at": rfc3339(utc_now() + 86455)}
    told.shown["session"] |= ends
    text = await read(browser, told, lambda page: page.text("#life-key"))
    assert ("ago" in text, "in 59 s" in text or "in 60 s" in text or "in 58 s" in text) == (True, True)
