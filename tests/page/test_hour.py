"""The page over an hour that nobody had to wait for: the token's life, the plots, the table, the events."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import palette
import pytest
from browser import LIGHT
from lasthour import SCENES, played
from pictures import FOLDER, LOOKS, NAMES, loaded, picture, url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from browser import Browser
    from operating import Operated


class Seen:
    """A page in the browser, over a sidecar on this event loop: every look is taken in a thread of its own."""

    def __init__(self, browser: Browser, one: Operated) -> None:
        self.browser, self.one = browser, one

    async def open(self) -> None:
        await asyncio.to_thread(loaded, self.browser, url(self.one), LIGHT)

    async def run(self, script: str, *arguments: Any) -> Any:
        return await asyncio.to_thread(self.browser.run, script, *arguments)

    async def text(self, selector: str) -> str:
        return await asyncio.to_thread(self.browser.text, selector)

    async def labels(self) -> dict[str, str]:
        """Return the plots' words by their titles."""
        script = """return [...document.querySelectorAll("figure")].map(
            (one) => [one.querySelector("h3").innerText, one.querySelector("svg").getAttribute("aria-label")])"""
        return dict(await self.run(script))


@pytest.fixture
async def healthy(browser: Browser, tmp_path: Path) -> AsyncIterator[Seen]:
    async with played(tmp_path, SCENES["healthy"]) as one:
        seen = Seen(browser, one)
        await seen.open()
        yield seen


async def test_the_tokens_life_is_drawn_to_scale(healthy: Seen) -> None:
    script = """return [".gone", ".window", ".renew", ".now"].map((part) => {
        const one = document.querySelector("#life " + part);
        return parseFloat(one.getAttribute("x") ?? one.getAttribute("x1")) || parseFloat(one.getAttribute("width"));
    })"""
    gone, window, renew, now = await healthy.run(script)
    assert gone == now == pytest.approx(60.0, abs=1.0)  # 18 of 30 minutes
    assert window == pytest.approx(90.0, abs=0.1)
    assert 90 < renew < 100
    words = await healthy.run("return document.querySelector('#life').getAttribute('aria-label')")
    assert re.search(
        r"60 % of it over: minted at .+, may be renewed from .+ on, will be renewed at .+, expires at", words
    )
    key = await healthy.text("#life-key")
    assert ("18 min ago" in key, "in 12 min" in key) == (True, True)


async def test_each_plot_says_in_words_what_it_draws(healthy: Seen) -> None:
    shown = healthy.one.sidecar.history()["slots"]
    requests, errors = (sum(slot[name] for slot in shown) for name in ("requests", "upstream_errors"))
    labels = await healthy.labels()
    plain = {title: words.replace("\u202f", "") for title, words in labels.items()}
    found = re.search(r"Requests by minute: (\d+) in the last hour", plain["Requests"])
    assert found is not None
    assert int(found[1]) == pytest.approx(requests, abs=60)  # the oldest slot may be an hour and a moment old
    assert f"{errors} were FinHub's, 0 the sidecar's" in plain["Errors"]
    assert "2 in the last hour" in plain["Replays"]
    assert re.search(r"the median was \d+ ms and the 99th percentile \d+ ms", plain["Latency"])


async def test_the_table_says_the_same_and_can_be_read_row_by_row(healthy: Seen) -> None:
    await healthy.run("document.querySelector('summary').click()")
    script = """return [...document.querySelectorAll("#table tbody tr")].map(
        (row) => [row.querySelector("th").scope, ...[...row.querySelectorAll("td")].map((cell) => cell.innerText)])"""
    rows: list[list[str]] = await healthy.run(script)
    assert len(rows) == 12
    assert {row[0] for row in rows} == {"row"}
    assert all(500 < int(row[1].replace("\u202f", "")) < 800 for row in rows)
    assert sum(int(row[5]) for row in rows) == 2


async def test_where_nobody_counted_there_is_a_gap_with_its_words(browser: Browser, tmp_path: Path) -> None:
    async with played(tmp_path, replace(SCENES["healthy"], slept=range(100, 160))) as one:
        seen = Seen(browser, one)
        await seen.open()
        gaps = await seen.run("return document.querySelectorAll('figure')[0].querySelectorAll('.none').length")
        assert 8 <= gaps <= 11  # of sixty minutes
        assert await seen.run("return document.querySelector('#gaps').hidden") is False


async def test_the_latency_is_one_line_that_ends_where_nobody_counted(
    browser: Browser, healthy: Seen, tmp_path: Path
) -> None:
    script = "return document.querySelector('path.p50').getAttribute('d')"
    whole = await healthy.run(script)
    assert (whole.count("M"), whole.count("L") > 340) == (1, True)
    async with played(tmp_path / "other", replace(SCENES["healthy"], slept=range(100, 160))) as one:
        seen = Seen(browser, one)
        await seen.open()
        assert (await seen.run(script)).count("M") == 2


async def test_without_a_gap_no_word_is_lost_about_it(healthy: Seen) -> None:
    assert await healthy.run("return document.querySelector('#gaps').hidden") is True


@pytest.mark.parametrize("name", NAMES)
def test_each_picture_in_docs_is_there_and_small(name: str) -> None:
    png = (FOLDER / name).read_bytes()
    shown = palette.read_size(png)
    assert shown[0] == (390 if "phone" in name else 1120)
    assert shown[1] > 900
    assert len(png) < 100_000


def test_all_pictures_together_are_small_and_there_is_no_other() -> None:
    assert {one.name for one in FOLDER.iterdir()} == set(NAMES)
    assert sum(one.stat().st_size for one in FOLDER.iterdir()) < 600_000


async def test_a_picture_can_be_made_again(browser: Browser, tmp_path: Path) -> None:
    async with played(tmp_path, SCENES["blocked"]) as one:
        png = await asyncio.to_thread(picture, browser, url(one), LOOKS["phone"])
    assert palette.read_size(png)[0] == 390
    assert len(png) < 100_000
