from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from sidecar.testing.finhub import FinHub
from sidecar.testing.process import SidecarProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def finhub(tmp_path: Path) -> Iterator[FinHub]:
    with FinHub(tmp_path / "finhub") as running:
        yield running


def get(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as reply:  # noqa: S310  # loopback
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_it_serves_from_with_to_its_end(finhub: FinHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINHUB_UPSTREAM__URL", "https://nobody.invalid")  # a developer's own is no part of a test
    with SidecarProcess(finhub.config) as sidecar:
        assert get(sidecar.url + "/api/echo/x") == 200
        assert get(sidecar.admin_url + "/livez") == 200
        url = sidecar.url
    with pytest.raises(urllib.error.URLError):
        get(url)
    told = [json.loads(line) for line in sidecar.log.read_text().splitlines()]
    assert told[-1]["event"] == "stopped"
    assert finhub.counts.logins == 1


def test_more_configuration_comes_as_variables(finhub: FinHub) -> None:
    with SidecarProcess(finhub.config, {"FINHUB_LISTEN__ALLOW": '["GET /api/echo/*"]'}) as sidecar:
        assert get(sidecar.url + "/api/echo/x") == 200
        assert get(sidecar.url + "/api/other") == 403


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FINHUB_LOG__LEVEL", "warning"),
        ("FINHUB_LOG__FORMAT", "console"),
        ("FINHUB_LISTEN__ADDRESS", "unix:/tmp/finhub"),
        ("FINHUB_ADMIN__ADDRESS", "unix:/tmp/finhub-admin"),
    ],
)
def test_what_would_keep_it_from_being_found_is_refused_at_once(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name}={value} cannot be set here"):
        SidecarProcess(tmp_path / "sidecar.toml", {name: value})


def test_it_may_say_more_and_its_port_may_be_chosen(finhub: FinHub) -> None:
    given = {"FINHUB_LOG__LEVEL": "debug", "FINHUB_LOG__FORMAT": "json", "FINHUB_LISTEN__ADDRESS": "localhost:0"}
    with SidecarProcess(finhub.config, given) as sidecar:
        assert get(sidecar.url + "/api/echo/x") == 200


def test_one_that_cannot_start_says_why(finhub: FinHub) -> None:
    with (
        pytest.raises(RuntimeError, match=r"listen\.max_body"),
        SidecarProcess(finhub.config, {"FINHUB_LISTEN__MAX_BODY": "many"}),
    ):
        pass
