"""An emulator with a sidecar's files for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from operating import Files, finhub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    async with finhub(tmp_path) as files:
        yield files
