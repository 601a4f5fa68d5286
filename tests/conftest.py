"""What every test shares: no blocking call on an event loop, and a certificate authority of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme
from blockbuster import BlockBuster, blockbuster_ctx

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def blocking_calls_fail() -> Iterator[BlockBuster]:
    """A blocking call of ours on a running event loop fails the test that made it."""
    with blockbuster_ctx("sidecar") as guard:
        yield guard


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that only this run knows."""
    return trustme.CA(organization_name="Test Authority")
