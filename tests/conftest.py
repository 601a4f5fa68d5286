"""What every test shares: no blocking call on an event loop, the same examples in every run, no silent skip in CI.

Tests run on asyncio's own event loop, and with `SIDECAR_TEST_LOOP=uvloop` on the one that the program prefers.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, TypeVar

import hypothesis
import pytest
import trustme
from blockbuster import BlockBuster, blockbuster_ctx

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

os.umask(0o077)  # tests write keys, and a key that every user can read is refused

# The same examples in every run, and no example database to carry one run's luck into the next.
hypothesis.settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("fixed")


def _fail_if_skipped(report: Report) -> Report:
    """In CI nothing is skipped: what a test needs is installed there, or the run must say that it was not tested."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one in CI."""
    return _fail_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a module skipped as a whole into a failed one in CI."""
    return _fail_if_skipped((yield))


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop  # noqa: PLC0415  # where it is missing, it is not chosen

    return uvloop.new_event_loop()


_LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": _uvloop}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every asynchronous test on the event loop that was chosen."""
    chosen = os.environ.get("SIDECAR_TEST_LOOP", "asyncio")
    return {chosen: _LOOPS[chosen]}


@pytest.fixture(autouse=True)
def blocking_calls_fail() -> Iterator[BlockBuster]:
    """A blocking call of ours on a running event loop fails the test that made it."""
    with blockbuster_ctx("sidecar") as guard:
        yield guard


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that only this run knows."""
    return trustme.CA(organization_name="Test Authority")
