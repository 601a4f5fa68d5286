"""Makes docs/page/*.png: the page over a healthy, a cooling and a blocked session, light, dark and on a phone.

`python tests/support/pictures.py` from the project's folder; needs Chromium and its driver.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # it is run from a clone, where nothing is installed

from browser import DARK, LIGHT, PHONE, browsing
from lasthour import SCENES, played
from palette import reduced

if TYPE_CHECKING:
    from browser import Browser, Look
    from operating import Operated

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "page"
LOOKS: Final = {"light": LIGHT, "dark": DARK, "phone": PHONE}
NAMES: Final = tuple(f"{scene}-{look}.png" for scene in SCENES for look in LOOKS)


def url(one: Operated) -> str:
    """Return where the page is."""
    return f"http://127.0.0.1:{one.admin_port}/"


def loaded(browser: Browser, address: str, look: Look) -> None:
    """Open the page, and return once it shows what it was told."""
    browser.open(address, look)
    browser.until(lambda: browser.text("#state"), "the page shows the session")


def picture(browser: Browser, address: str, look: Look) -> bytes:
    """Return the page as a small PNG."""
    loaded(browser, address, look)
    return reduced(browser.picture())


async def _make(browser: Browser) -> None:
    for name, scene in SCENES.items():
        with tempfile.TemporaryDirectory() as folder:
            async with played(Path(folder), scene) as one:
                for look, how in LOOKS.items():
                    png = await asyncio.to_thread(picture, browser, url(one), how)
                    (FOLDER / f"{name}-{look}.png").write_bytes(png)


if __name__ == "__main__":
    os.umask(0o077)  # the scene's folder holds a key
    with browsing() as chromium:
        asyncio.run(_make(chromium))
