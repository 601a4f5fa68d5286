"""Every fenced block of every page says what it is, and is run, or read by whatever reads such, or has its reason."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, Final

import house
import kubernetes_validate
import pages
import pytest
import yaml

from sidecar.config.load import load
from sidecar.emulator import scenario
from sidecar.errors import ConfigError
from sidecar.session import dialect_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pages import Block

NAMES: Final = pages.names()
BLOCKS: Final = [block for page in NAMES for block in pages.blocks(page)]

# What no test can do here. Each has its reason in the page; one more is a decision, to be written down here as well.
NOT_RUN: Final = {
    "CONTRIBUTING.md": 1,  # the suite itself
    "docs/corporate-proxy.md": 1,  # the company's proxy
    "docs/windows-service.md": 2,  # Windows
    "docs/kubernetes.md": 1,  # a registry
    "docs/systemd.md": 2,  # root, and systemd
}

_CREDENTIALS: Final = {
    "username": "your-user",
    "password": "open-sesame",
    "customer_id": "your-client-id",
    "customer_secret": "mellon",
    "tenant_id": "1234567",
}
_IDENTITY: Final = {"certificate_file": "client.crt", "key_file": "client.key"}


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def parametrized(*languages: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", of(*languages), ids=str)


# ── all of them ─────────────────────────────────────────────────────────────────────────────────────────────────


def faults(block: Block) -> list[str]:
    """Return what is missing from a block: a language that somebody judges, a reason, a test that is there."""
    found = []
    if block.language not in JUDGES:
        found.append(f"{block}: {block.language or 'no language'}: nobody judges that")
    runner = block.marks.get("run by")
    if runner is not None and not _names(runner, block.page):
        found.append(f"{block}: {runner} does not know this page")
    reason = block.marks.get("not run")
    if reason is not None and len(reason.split()) < 3:
        found.append(f"{block}: that is no reason")
    if reason is None and runner is None and block.language in _ONLY_WITH_A_REASON:
        found.append(f"{block}: {block.language} is not run here, so it takes a reason or the test that runs it")
    if (
        block.language == "text"
        and not block.marks.keys() & {"output", "run by"}
        and block.text.startswith(("$ ", "✓", "✗"))
    ):
        found.append(f"{block}: a command's output, compared with nothing")
    return found


def _names(runner: str, page: str) -> bool:
    path = house.ROOT / runner
    return path.is_file() and page.rpartition("/")[2] in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", NAMES)
def test_each_block_says_what_becomes_of_it(page: str) -> None:
    assert [fault for block in pages.blocks(page) for fault in faults(block)] == []


@pytest.mark.parametrize(
    "text",
    [
        "```\nls\n```\n",
        "```cobol\nSTOP RUN.\n```\n",
        "<!-- run by: tests/test_gone.py -->\n```sh\nls\n```\n",
        "<!-- run by: tests/conftest.py -->\n```sh\nls\n```\n",
        "<!-- not run: because -->\n```sh\nls\n```\n",
        "```powershell\nGet-Service\n```\n",
        "```text\n$ ls\n```\n",
        "```text\n✓ all is well\n```\n",
    ],
)
def test_a_block_that_says_nothing_of_itself_is_found(text: str) -> None:
    (block,) = pages.blocks("made-up.md", text)
    assert len(faults(block)) == 1


def test_what_is_not_run_is_counted() -> None:
    left_out = [block.page for block in BLOCKS if "not run" in block.marks]
    assert {page: left_out.count(page) for page in left_out} == NOT_RUN


# ── by language ─────────────────────────────────────────────────────────────────────────────────────────────────


@parametrized("sh", "bash", "console")
def test_a_shell_understands_every_command(block: Block) -> None:
    commands = [one.command for one in pages.typed(block)] if block.language == "console" else [block.text]
    subprocess.run(["bash", "-n"], input="\n".join(commands), text=True, check=True, capture_output=True)


@parametrized("toml")
def test_every_configuration_is_accepted(block: Block, tmp_path: Path) -> None:
    table = tomllib.loads(block.text)
    if "step" in table:
        assert scenario.parse(block.text)
    elif "login" in table:
        assert dialect_file.parse("one", block.text, where=str(block))
    else:
        accept(block.text, table, tmp_path)


def accept(text: str, table: dict[str, Any], folder: Path) -> None:
    """Load a configuration, or a part of one: the environment says what it leaves out of the least that is needed."""
    file = folder / "sidecar.toml"
    file.write_text(text, encoding="utf-8")
    least = {"credentials": _CREDENTIALS}
    if table.get("environment", "production") == "production" and "pkcs12_file" not in table.get("identity", {}):
        least["identity"] = _IDENTITY
    load(file, _variables(least, table))


def _variables(least: dict[str, dict[str, str]], table: dict[str, Any]) -> dict[str, str]:
    return {
        f"FINHUB_{section}__{key}".upper(): value
        for section, keys in least.items()
        for key, value in keys.items()
        if key not in table.get(section, {})
    }


def test_a_dialect_is_read_as_one(tmp_path: Path) -> None:
    text = (house.ROOT / "docs" / "dialect.example.toml").read_text(encoding="utf-8")
    good, bad = (
        pages.blocks("made-up.md", f"```toml\n{one}```\n")[0]
        for one in (text, text.replace("[login]", "[login]\nmood = 1"))
    )
    test_every_configuration_is_accepted(good, tmp_path)
    with pytest.raises(ConfigError, match="mood"):
        test_every_configuration_is_accepted(bad, tmp_path)


def test_a_configuration_that_is_not_one_is_found(tmp_path: Path) -> None:
    for text in ('[listen]\nadress = "127.0.0.1:1"', "[listen]\nmax_body = 'lots'", "[[step]]\napi = 'x'"):
        (block,) = pages.blocks("made-up.md", f"```toml\n{text}\n```\n")
        with pytest.raises(Exception, match=r"adress|max_body|api"):
            test_every_configuration_is_accepted(block, tmp_path)


@parametrized("yaml")
def test_every_yaml_is_read_and_kubernetes_knows_its_own(block: Block) -> None:
    if "{{" in block.text:
        assert "run by" in block.marks, "a template is judged by whoever fills it in"
        return
    for document in yaml.safe_load_all(block.text):
        if str(document.get("apiVersion", "")) in {"v1", "apps/v1", "batch/v1", "networking.k8s.io/v1"}:
            kubernetes_validate.validate(document, "1.29", strict=True)


@parametrized("json")
def test_every_json_is_read(block: Block) -> None:
    assert json.loads(block.text)


@parametrized("xml")
def test_every_xml_is_read(block: Block) -> None:
    assert len(ET.fromstring(block.text))  # noqa: S314  # our own page


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@parametrized("ini")
def test_systemd_takes_every_part_of_a_unit(block: Block, tmp_path: Path) -> None:
    unit = tmp_path / "finhub-sidecar.service"
    unit.write_text("[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n")
    part = tmp_path / "finhub-sidecar.service.d" / "part.conf"
    part.parent.mkdir()
    part.write_text(block.text)
    command = ["systemd-analyze", "--no-pager", "--recursive-errors=no", "verify", str(unit)]
    environ = {"PATH": os.environ["PATH"], "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@parametrized("python")
def test_every_python_is_one(block: Block) -> None:
    compile(block.text, str(block), "exec")


JUDGES: Final[dict[str, Callable[..., None] | None]] = {
    "sh": test_a_shell_understands_every_command,
    "bash": test_a_shell_understands_every_command,
    "console": test_a_shell_understands_every_command,
    "toml": test_every_configuration_is_accepted,
    "yaml": test_every_yaml_is_read_and_kubernetes_knows_its_own,
    "json": test_every_json_is_read,
    "xml": test_every_xml_is_read,
    "ini": test_systemd_takes_every_part_of_a_unit,
    "python": test_every_python_is_one,
    "dockerfile": None,
    "nginx": None,
    "conf": None,
    "powershell": None,
    "bat": None,
    "text": None,  # a picture, a formula, or what a command prints
}
_ONLY_WITH_A_REASON: Final = frozenset({"python", "dockerfile", "nginx", "conf", "powershell", "bat"})
