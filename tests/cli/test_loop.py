from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import uvloop

from sidecar.cli import loop

if TYPE_CHECKING:
    import pytest


async def running() -> type[asyncio.AbstractEventLoop]:
    return type(asyncio.get_running_loop())


def test_a_command_runs_on_uvloop_where_it_is_installed() -> None:
    assert loop.run(running()) is uvloop.Loop


def test_it_runs_on_asyncios_own_loop_where_uvloop_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert issubclass(loop.run(running()), asyncio.BaseEventLoop)
