"""A real Chromium without a window: what it shows of a page, what it asks for, and what it complains about."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHROMIUM: Final = shutil.which("chromium")
DRIVER: Final = shutil.which("chromedriver")
MISSING: Final = "chromium and its driver are not installed (Debian: chromium, chromium-driver)"
AXE: Final = Path(__file__).resolve().parents[2] / ".ci" / "node_modules" / "axe-core" / "axe.min.js"
NO_AXE: Final = "axe-core is not installed (`npm install --prefix .ci --no-save axe-core`)"
_PATIENCE: Final = 30.0

_SWITCHES: Final = (
    "--headless=new",
    "--no-sandbox",  # which root cannot have
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-lcd-text",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-proxy-server",
)

_CHECK: Final = """
const done = arguments[0];
axe.run({resultTypes: ["violations"]}).then(
  (found) => done(found.violations.map(
    (one) => one.id + ": " + one.nodes.map((node) => node.html + " " + node.failureSummary))));
"""


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at: colours light or dark, and how wide the window is."""

    scheme: str
    width: int

    @property
    def is_phone(self) -> bool:
        return self.width < 500


LIGHT, DARK = Look("light", 1120), Look("dark", 1120)
PHONE, DARK_PHONE = Look("light", 390), Look("dark", 390)


class Browser:
    """One tab. What is asked for and complained about is told since the last `open`."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    def open(self, url: str, look: Look = LIGHT, *, still: bool = True) -> None:
        """Go to `url`, and forget what was before; `still`: the reader wants no motion."""
        features = {
            "prefers-color-scheme": look.scheme,
            "prefers-reduced-motion": "reduce" if still else "no-preference",
        }
        self._driver.get("about:blank")
        self._cdp("Emulation.setEmulatedMedia", features=[{"name": k, "value": v} for k, v in features.items()])
        self._cdp(
            "Emulation.setDeviceMetricsOverride",
            width=look.width,
            height=844 if look.is_phone else 900,
            deviceScaleFactor=1,
            mobile=look.is_phone,
        )
        self._driver.get_log("browser")
        self._driver.get_log("performance")
        self._driver.get(url)

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what `script` returns, in the page."""
        return self._driver.execute_script(script, *arguments)

    def run_async(self, script: str, *arguments: Any) -> Any:
        """Return what `script` hands to its last argument."""
        return self._driver.execute_async_script(script, *arguments)

    def text(self, selector: str = "body") -> str:
        """Return what is to be read there, "" where there is nothing."""
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait until `holds`; fail with what is to be seen where it never does."""
        with contextlib.suppress(Exception):  # what is wrong is told below
            WebDriverWait(self._driver, _PATIENCE, 0.1).until(lambda _: holds())
        assert holds(), f"after {_PATIENCE:g} s still not: {what}\n{self.text()}"

    def asked(self) -> list[str]:
        """Return the URLs that the page asked for, its own included, what it holds itself left out."""
        entries = [json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance")]
        urls = [e["params"]["request"]["url"] for e in entries if e["method"] == "Network.requestWillBeSent"]
        sockets = [e["params"]["url"] for e in entries if e["method"] == "Network.webSocketCreated"]
        return [url for url in (*urls, *sockets) if urlsplit(url).scheme not in ("data", "about")]

    def complaints(self) -> list[str]:
        """Return what stands in the console."""
        return [f"{entry['level']}: {entry['message']}" for entry in self._driver.get_log("browser")]

    def barriers(self) -> list[str]:
        """Return what keeps somebody from using the page, as axe-core sees it."""
        self.run(AXE.read_text(encoding="utf-8"))
        found: list[str] = self.run_async(_CHECK)
        return found

    def picture(self) -> bytes:
        """Return the whole page as PNG."""
        size = "const e = document.documentElement; return [e.clientWidth, e.scrollHeight]"
        width, height = self.run(size)
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self._cdp("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])

    def _cdp(self, command: str, **parameters: Any) -> Any:
        return self._driver.execute_cdp_cmd(command, parameters)


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """Run a browser until the block ends."""
    assert CHROMIUM is not None, MISSING
    assert DRIVER is not None, MISSING
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in _SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # The driver is named, so that selenium fetches none; nor may a proxy stand between it and us.
    quiet = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    service = Service(DRIVER, env={**quiet, "SE_OFFLINE": "true"})
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_page_load_timeout(_PATIENCE)
        driver.set_script_timeout(_PATIENCE)
        yield Browser(driver)
    finally:
        driver.quit()
