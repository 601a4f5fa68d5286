"""What a proof has counted stands at the end of its run, with workers and with `-q` too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = "figures"


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes a line for the end of the run; it is shown if the test passes."""
    proof = request.path.parent.name

    def keep(line: str) -> None:
        request.node.user_properties.append((_NAME, f"{proof}: {line}"))  # what pytest carries from worker to terminal

    return keep


def kept(reports: list[pytest.TestReport]) -> Iterator[str]:
    """Yield the figures of these tests."""
    for report in reports:
        yield from (str(line) for name, line in report.user_properties if name == _NAME)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of the tests that passed."""
    lines = sorted(kept(terminalreporter.getreports("passed")))
    if lines:
        terminalreporter.section(_NAME)
        for line in lines:
            terminalreporter.write_line(line)
