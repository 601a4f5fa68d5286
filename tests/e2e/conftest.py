"""Stages for the tests of the whole: a real FinHub, real sidecar processes, and a look for leaks at the end of each."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from calling import BALANCE, get
from staging import staged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from staging import Stage


@pytest.fixture
def put_up(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Put up a FinHub with these settings; the test starts its sidecars."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(staged(tmp_path / f"finhub-{id(settings)}", **settings))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A FinHub as in production, for this test alone and still without a sidecar."""
    with staged(tmp_path / "finhub") as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A FinHub as in production and a sidecar in front of it, for tests that leave both as they found them."""
    with staged(tmp_path_factory.mktemp("shared")) as made:
        get(f"{made.run().url}{BALANCE}")  # the login is over before a test counts
        yield made
