"""The page of a sidecar for several tenants: a row each, and in front of every problem whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browser import AXE, DARK_PHONE, LIGHT, NO_AXE
from calling import BALANCE, get, until
from tenantstage import tenants_staged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from browser import Browser, Look
    from staging import SidecarProcess

WAYS = {"acme": "", "beta": 'path_prefix = "/beta"'}
WRONG = "wrong-from-the-start"
ROWS = """
const rows = [...document.querySelectorAll("#tenants-table tbody tr")];
return rows.map((row) => [...row.cells].map((cell) => cell.textContent));
"""


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SidecarProcess]:
    with tenants_staged(tmp_path_factory.mktemp("tenants"), WAYS) as stage:
        stage.secrets.add(WRONG)
        (stage.finhubs["beta"].folder / "password").write_text(f"{WRONG}\n")
        sidecar = stage.run()
        states = {"acme": "FRESH", "beta": "BLOCKED"}
        until(lambda: {one["tenant"]: one["state"] for one in sidecar.status()["sessions"]} == states, "each is judged")
        assert get(f"{sidecar.url}{BALANCE}").status == 200
        yield sidecar


@pytest.mark.parametrize("look", [LIGHT, DARK_PHONE], ids=["light", "dark-phone"])
def test_each_tenant_has_a_row_and_a_problem_says_whose_it_is(
    browser: Browser, sidecar: SidecarProcess, look: Look
) -> None:
    browser.open(f"{sidecar.admin}/", look)
    browser.until(lambda: "beta" in browser.text("#tenants-table"), "the page shows the tenants")
    rows: list[list[str]] = browser.run(ROWS)
    assert [(row[0], row[1], row[5]) for row in rows] == [("acme", "FRESH", "1"), ("beta", "BLOCKED", "0")]
    assert rows[1][2] == "none"
    assert browser.text("#problems .what").startswith("Error beta: ")
    assert browser.text("#session-title") == "Session of acme"
    assert "2 tenants" in browser.text("#where")
    assert browser.complaints() == []
    assert browser.run("return document.documentElement.scrollWidth") == look.width
    if not AXE.is_file():
        pytest.skip(NO_AXE)
    assert browser.barriers() == []
