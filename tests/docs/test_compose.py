"""docs/docker-compose.md shows deploy/compose as it is, and the sidecar that it starts is one that works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import house
import pages
import pagestage
import pytest
import yaml
from ceiling import MIB, ceiling

import sidecar
from sidecar.config.load import load

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = house.ROOT / "deploy" / "compose"
FILE: Final = FOLDER / "compose.yaml"
CONFIG: Final = FOLDER / "sidecar.toml"
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
OURS: Final = COMPOSE["services"]["finhub-sidecar"]


def test_the_page_shows_the_file() -> None:
    (shown,) = (block.text for block in pages.blocks("docs/docker-compose.md") if block.language == "yaml")
    assert FILE.read_text(encoding="utf-8").partition("\n")[2] == shown


def test_every_secret_of_the_configuration_is_mounted_and_no_other() -> None:
    config = load(CONFIG, {})
    named = [
        *(reference.path for reference in _secrets(config)),
        config.identity.certificate_file,
        config.identity.key_file,
    ]
    assert sorted(str(path) for path in named) == sorted(f"/run/secrets/{name}" for name in OURS["secrets"])
    assert set(OURS["secrets"]) == set(COMPOSE["secrets"])


def _secrets(config: Any) -> list[Any]:
    return [config.credentials.password, config.credentials.customer_secret]


def test_it_is_the_image_of_this_version_sealed_and_bounded() -> None:
    assert OURS["image"] == f"finhub-sidecar:{sidecar.__version__}"
    assert (OURS["read_only"], OURS["cap_drop"]) == (True, ["ALL"])
    assert ceiling(load(CONFIG, {})) <= int(OURS["mem_limit"].removesuffix("m")) * MIB


def test_the_program_shares_the_network_and_nobody_else_reaches_it() -> None:
    app, config = COMPOSE["services"]["app"], load(CONFIG, {})
    assert app["network_mode"] == "service:finhub-sidecar"
    assert app["environment"]["FINHUB_BASE_URL"] == f"http://{config.listen.address}"
    assert "ports" not in OURS


@pytest.mark.skipif(bool(pagestage.missing()), reason=pagestage.missing())
def test_its_configuration_works_with_the_secrets_where_compose_mounts_them(tmp_path: Path) -> None:
    before = 'mount -t tmpfs tmpfs /run && mkdir /run/secrets && cp "$STAGE"/account/* /run/secrets/'
    text = "```sh\nfinhub-sidecar check --config deploy/compose/sidecar.toml\n```\n"
    assert pagestage.play("made-up.md", pagestage.Setting(before=before), tmp_path, text).faults() == []
