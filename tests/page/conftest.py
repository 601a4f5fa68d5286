"""One browser for all tests of a worker: it takes longer to start than any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import browser as chromium
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from browser import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    if chromium.CHROMIUM is None or chromium.DRIVER is None:
        pytest.skip(chromium.MISSING)
    with chromium.browsing() as one:
        yield one
