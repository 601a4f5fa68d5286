"""docs/windows-service.md cannot be run here; what its service starts and ends by is a command all the same."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Final

import pages
import pytest

from sidecar.cli import parser

(_BLOCK,) = (block for block in pages.blocks("docs/windows-service.md") if block.language == "xml")
SERVICE: Final = ET.fromstring(_BLOCK.text)  # noqa: S314  # our own page


def words(name: str) -> list[str]:
    return (SERVICE.findtext(name) or "").split()


@pytest.mark.parametrize(("name", "command"), [("arguments", "run"), ("stoparguments", "quit")])
def test_what_the_service_does_is_a_command_of_ours(name: str, command: str) -> None:
    in_linux = words(name)[words(name).index("--exec") + 1 :]
    assert in_linux[:2] == ["/opt/finhub-sidecar/bin/finhub-sidecar", command]
    assert parser(in_linux[1:]).parse_args(in_linux[1:]).run


def test_both_ask_the_same_linux() -> None:
    assert words("arguments")[:3] == words("stoparguments")[:3] == ["--distribution", "Debian", "--exec"]


def test_it_waits_longer_for_the_end_than_the_sidecar_takes() -> None:
    assert SERVICE.findtext("stoptimeout") == "45 sec"
