"""The pytest plugin: `finhub` is an emulator, `finhub_sidecar` a sidecar in front of it; both for one test.

`@pytest.mark.finhub(environment="integration", token_lifetime=30, …)` gives the emulator's settings by name;
`@pytest.mark.finhub_sidecar(FINHUB_SESSION__WAIT="5", …)` the sidecar's configuration as environment variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.testing.finhub import FinHub
    from sidecar.testing.process import SidecarProcess


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    config.addinivalue_line("markers", "finhub(**settings): settings of the emulator that the fixture `finhub` starts")
    config.addinivalue_line("markers", "finhub_sidecar(**environ): configuration of the sidecar, by variables")


@pytest.fixture
def finhub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinHub]:
    """Give a FinHub on this machine, on a free port, with an account and a client certificate of its own."""
    from sidecar.testing.finhub import FinHub  # noqa: PLC0415  # only who asks for it waits for it

    with FinHub(tmp_path_factory.mktemp("finhub"), **_given(request, "finhub")) as running:
        yield running


@pytest.fixture
def finhub_sidecar(request: pytest.FixtureRequest, finhub: FinHub) -> Iterator[SidecarProcess]:
    """Give a running sidecar in front of `finhub`, on free ports."""
    from sidecar.testing.process import SidecarProcess  # noqa: PLC0415  # as above

    with SidecarProcess(finhub.config, _given(request, "finhub_sidecar")) as running:
        yield running


def _given(request: pytest.FixtureRequest, marker: str) -> dict[str, Any]:
    """Return what the markers give by name; the one closest to the test wins."""
    given: dict[str, Any] = {}
    for mark in request.node.iter_markers(marker):
        given = dict(mark.kwargs) | given
    return given
