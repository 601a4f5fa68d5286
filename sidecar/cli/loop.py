"""Which event loop a command runs on: uvloop, which carries a request for less, where it is installed; else asyncio's.

Thin. Windows has no uvloop; everything works on either.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop of the better kind that there is."""
    try:
        import uvloop  # noqa: PLC0415  # it may be missing, and other commands need not wait for it
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, as `asyncio.run` does, on the loop of `new_loop`."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(work)
