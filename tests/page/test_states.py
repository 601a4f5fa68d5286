"""The page in a real browser over real sidecars, healthy, cooling, blocked and gone: what it shows, whom it asks."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from browser import AXE, DARK, DARK_PHONE, LIGHT, NO_AXE, PHONE
from calling import BALANCE, get
from staging import staged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from browser import Browser, Look
    from staging import SidecarProcess, Stage

WRONG = "wrong-from-the-start"
LOOKS = pytest.mark.parametrize("look", [LIGHT, DARK, PHONE, DARK_PHONE], ids=["light", "dark", "phone", "dark-phone"])


def healthy(stage: Stage) -> SidecarProcess:
    sidecar = stage.run()
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    return sidecar


def cooling(stage: Stage) -> SidecarProcess:
    stage.finhub.fault("login:status=503,retry_after=900")
    return stage.run()


def blocked(stage: Stage) -> SidecarProcess:
    stage.secrets.add(WRONG)
    (stage.finhub.folder / "password").write_text(f"{WRONG}\n")
    return stage.run()


STATES: dict[str, tuple[Callable[[Stage], SidecarProcess], str, str]] = {
    "FRESH": (healthy, "All is well", ""),
    "COOLING": (cooling, "Not working", "FinHub's"),
    "BLOCKED": (blocked, "Not working", "The configuration's, here"),
}


@pytest.fixture(scope="module", params=STATES)
def state(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def sidecar(state: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SidecarProcess]:
    """A sidecar in this state; at its end no secret may stand in what it told, the page and its data included."""
    with staged(tmp_path_factory.mktemp(state)) as stage:
        yield STATES[state][0](stage)


def opened(browser: Browser, sidecar: SidecarProcess, state: str, look: Look = LIGHT) -> None:
    browser.open(f"{sidecar.admin}/", look)
    browser.until(lambda: browser.text("#state") == state, f"the page shows {state}")


def css(browser: Browser, selector: str, name: str) -> str:
    return str(
        browser.run("return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", selector, name)
    )


@LOOKS
def test_it_says_at_the_top_what_is_wrong_whose_fault_it_is_and_what_to_do(
    browser: Browser, sidecar: SidecarProcess, state: str, look: Look
) -> None:
    opened(browser, sidecar, state, look)
    _, words, whose = STATES[state]
    assert browser.text("#verdict-words") == words
    told = sidecar.status()["problems"]
    assert len(told) == (0 if state == "FRESH" else 1)
    for problem in told:
        shown = browser.text("#problems li")
        assert all(part in shown for part in (problem["what"], whose, problem["remedy"]))
    assert browser.run("return document.querySelector('#verdict').getBoundingClientRect().top") < 160
    assert browser.run("return document.title").startswith(words)


@pytest.mark.parametrize("look", [LIGHT, DARK_PHONE], ids=["light", "dark-phone"])
def test_it_asks_nobody_but_the_sidecar_and_complains_of_nothing(
    browser: Browser, sidecar: SidecarProcess, state: str, look: Look
) -> None:
    opened(browser, sidecar, state, look)
    polls: list[str] = []

    def polled() -> bool:
        polls.extend(browser.asked())
        return sum(urlsplit(url).path == "/history" for url in polls) > 2

    browser.until(polled, "it has asked again")
    assert {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in polls} == {sidecar.admin}
    assert {urlsplit(url).path for url in polls} == {"/", "/status", "/history"}
    assert browser.complaints() == []


@LOOKS
def test_nobody_is_kept_from_using_it(browser: Browser, sidecar: SidecarProcess, state: str, look: Look) -> None:
    if not AXE.is_file():
        pytest.skip(NO_AXE)
    opened(browser, sidecar, state, look)
    browser.run("document.querySelector('details').open = true")
    assert browser.barriers() == []


@LOOKS
def test_it_fits_into_the_window_and_takes_its_colours(
    browser: Browser, sidecar: SidecarProcess, state: str, look: Look
) -> None:
    opened(browser, sidecar, state, look)
    assert browser.run("return document.documentElement.scrollWidth") == look.width
    red = int(css(browser, "html", "backgroundColor").removeprefix("rgb(").split(",")[0])
    assert (red < 64) is (look.scheme == "dark")


def test_every_drawing_has_its_words(browser: Browser, sidecar: SidecarProcess, state: str) -> None:
    opened(browser, sidecar, state)
    script = "return [...document.querySelectorAll('svg')].map((one) => [one.role, one.getAttribute('aria-label')])"
    drawings: list[list[str]] = browser.run(script)
    assert len(drawings) == 5
    assert all(role == "img" and len(words) > 30 for role, words in drawings)
    life = next(words for _, words in drawings if "over" in words)
    assert ("may be renewed from" in life) is (state == "FRESH")


@pytest.mark.parametrize(("still", "moves"), [(True, False), (False, True)])
def test_nothing_moves_for_those_who_want_it_still(
    browser: Browser,
    sidecar: SidecarProcess,
    state: str,
    still: bool,  # noqa: FBT001  # a table's column
    moves: bool,  # noqa: FBT001  # a table's column
) -> None:
    browser.open(f"{sidecar.admin}/", still=still)
    browser.until(lambda: browser.text("#state") == state, f"the page shows {state}")
    assert (browser.run("return document.getAnimations().length") > 0) is moves


# ── what changes ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("page")) as made:
        yield made


def test_what_happens_is_shown_without_being_asked_for(browser: Browser, stage: Stage) -> None:
    sidecar = healthy(stage)
    opened(browser, sidecar, "FRESH")
    browser.run("window.kept = true")
    stage.finhub.fault("login:status=503,retry_after=900")
    stage.finhub.revoke()
    get(f"{sidecar.url}{BALANCE}")
    browser.until(lambda: browser.text("#verdict-words") == "Not working", "the page shows what is wrong")
    assert "token rejected by FinHub" in browser.text("#events")
    assert "session could not be minted" in browser.text("#events li")
    assert browser.run("return window.kept") is True


def test_when_the_process_is_gone_it_says_so_and_since_when_and_goes_on_when_it_is_back(
    browser: Browser, stage: Stage
) -> None:
    sidecar = healthy(stage)
    opened(browser, sidecar, "FRESH")
    address = sidecar.admin.removeprefix("http://")
    sidecar.ask_everything()
    sidecar.end(signal.SIGKILL)
    browser.until(lambda: browser.text("#verdict-words") == "The sidecar does not answer", "the page says so")
    told = browser.text("#problems li")
    assert ("Nothing answers here since" in told, "UTC" in told) == (True, True)
    browser.until(lambda: "No answer for" in browser.text("#pulse"), "it says for how long")
    assert browser.text("#state") == "FRESH"  # what was last known stays, greyed
    assert css(browser, "#told", "filter") == "grayscale(1)"
    stage.run(ADMIN__ADDRESS=address)
    browser.until(lambda: browser.text("#verdict-words") == "All is well", "it goes on by itself")
    assert css(browser, "#told", "filter") == "none"


def test_a_sidecar_that_stands_still_is_not_taken_for_a_healthy_one(browser: Browser, stage: Stage) -> None:
    sidecar = healthy(stage)
    opened(browser, sidecar, "FRESH")
    sidecar.process.send_signal(signal.SIGSTOP)
    try:
        browser.until(lambda: browser.text("#verdict-words") == "The sidecar does not answer", "the page says so")
        assert "does not reply" in browser.text("#problems li")
    finally:
        sidecar.process.send_signal(signal.SIGCONT)


def test_another_page_cannot_read_what_it_shows(browser: Browser, sidecar: SidecarProcess) -> None:
    browser.open("about:blank")
    script = """
    const [address, done] = arguments;
    fetch(address + "/status").then(() => done("read"), () => done("kept"));
    """
    assert browser.run_async(script, sidecar.admin) == "kept"
