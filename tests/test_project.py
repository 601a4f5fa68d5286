"""What the project ships besides code: locks, the wheel, the image, generated files; and what never gets in."""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import sys
import threading
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = ("playground", "integration", "production")
LOCKS = ("requirements.txt", "requirements-build.txt", "requirements-dev.txt", "requirements-otel.txt")

REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.|npmjs\.|debian\.org|(extra-)?index-url\b(?!\")|trusted-host\b", re.IGNORECASE
)
MACHINE_PATH = re.compile(r"(?<![\w.}/])/(root|home/\w+|Users/\w+|work)/|[\w/]+/\.pyenv/|file:///")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s:,-]{64}")
PIN = re.compile(r"([a-z0-9-]+)==([a-z0-9.+]+)(?: ; [^#]+)?((?: --hash=sha256:[0-9a-f]{64})+)")


def shipped() -> list[Path]:
    """Return every file that is in a commit, or would get into the next one."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted({ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()})


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(text_of("pyproject.toml"))["project"]
    return found


# ── what never gets in ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "pattern", [REGISTRY, MACHINE_PATH, PRIVATE_KEY], ids=["registry", "machine path", "private key"]
)
def test_no_file_holds_what_belongs_to_one_machine_or_person(pattern: re.Pattern[str]) -> None:
    allowed = {Path(__file__), ROOT / ".ci" / "lock"}  # this test's patterns, and the switches that keep addresses out
    files = [path for path in shipped() if path not in allowed]
    found = {path.name: match.group() for path in files if (match := pattern.search(path.read_text(errors="replace")))}
    assert found == {}


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (REGISTRY, "--index-url https://mirror.example/simple"),
        (REGISTRY, "see https://pypi.org/project/x"),
        (MACHINE_PATH, "ca = '/home/somebody/ca.crt'"),
        (MACHINE_PATH, "cd /root/project"),
        (MACHINE_PATH, "x @ file:///x.whl"),
        (PRIVATE_KEY, "-----BEGIN EC PRIVATE KEY-----\n" + 64 * "M"),
    ],
)
def test_what_must_not_get_in_would_be_found(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


@pytest.mark.parametrize(
    "name", ["client.key", "client.crt", "id.p12", "key", "sub/folder/client.key", "README.md.key"]
)
def test_git_ignores_whatever_is_put_into_certs(name: str) -> None:
    command = ["git", "check-ignore", "--quiet", "--no-index", f"certs/{name}"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_comments_name_no_document_that_a_reader_cannot_open() -> None:
    there = {path.name for path in shipped()}
    sources = [path for path in shipped() if path.suffix == ".py"]
    named = {
        (path.name, name) for path in sources for name in re.findall(r"\b[A-Z]{4,}\.md\b", path.read_text("utf-8"))
    }
    assert {(source, name) for source, name in named if name not in there} == set()


# ── locked requirements ─────────────────────────────────────────────────────────────────────────────────────────


def pins(name: str) -> dict[str, Version]:
    """Return the pinned versions of a lock file; every line of it must be a pin with hashes and nothing else."""
    lines = text_of(name).replace(" \\\n    ", " ").splitlines()
    matches = [PIN.fullmatch(line) for line in lines]
    assert [line for line, match in zip(lines, matches, strict=True) if match is None] == []
    return {match[1]: Version(match[2]) for match in matches if match}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_is_pins_with_hashes_and_nothing_else(name: str) -> None:
    assert pins(name)


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_agree(name: str) -> None:
    assert pins(name).items() <= pins("requirements-dev.txt").items()


def ranges() -> Iterator[tuple[str, Requirement]]:
    """Yield each range of pyproject.toml with the lock file that must satisfy it."""
    extras = project()["optional-dependencies"]
    build = tomllib.loads(text_of("pyproject.toml"))["build-system"]["requires"]
    dev = [*extras["test"], *extras["lint"], *extras["deploy"]]
    wanted = zip(LOCKS, (project()["dependencies"], build, dev, extras["otel"]), strict=True)
    yield from ((lock, Requirement(text)) for lock, texts in wanted for text in texts)


@pytest.mark.parametrize(("lock", "wanted"), list(ranges()), ids=str)
def test_the_pins_lie_in_the_ranges(lock: str, wanted: Requirement) -> None:
    assert pins(lock)[wanted.name.lower()] in wanted.specifier


# ── the package ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_version_is_said_once_in_each_language() -> None:
    assert sidecar.__version__ == project()["version"]


def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == {path.relative_to(ROOT).as_posix() for path in shipped() if path.is_relative_to(ROOT / "sidecar")}
    assert "sidecar/py.typed" in names


def test_every_ignored_lint_rule_carries_its_reason() -> None:
    lint = text_of("pyproject.toml").split("[tool.ruff.lint]", 1)[1].split("[tool.ruff.lint.pydocstyle]", 1)[0]
    rules = [line for line in lint.splitlines() if re.match(r'\s+"[A-Z]+\d*"', line)]
    assert rules
    assert [line for line in rules if not re.search(r",\s+# \w.{10,}", line)] == []


# ── the image ───────────────────────────────────────────────────────────────────────────────────────────────────


def instructions(word: str) -> list[str]:
    """Return the arguments of every `word` instruction of the Dockerfile's last stage."""
    last = re.split(r"^FROM ", text_of("Dockerfile").replace("\\\n", " "), flags=re.MULTILINE)[-1]
    return re.findall(rf"^{word} (.*)$", last, flags=re.MULTILINE)


def probe() -> list[str]:
    found: list[str] = json.loads(instructions("HEALTHCHECK")[0].split(" CMD ", 1)[1])
    return found


def test_the_image_runs_as_a_number() -> None:
    assert instructions("USER") == ["10001:10001"]


def test_the_image_needs_no_shell_to_run() -> None:
    programs = [json.loads(instructions("ENTRYPOINT")[0])[0], probe()[0]]
    assert programs == ["/opt/sidecar/bin/finhub-sidecar", "/opt/sidecar/bin/python"]
    assert json.loads(instructions("CMD")[0])[:2] == ["run", "--config"]
    assert instructions("RUN") == []


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_images_probe_asks_livez_and_passes_on_the_verdict(status: int, code: int) -> None:
    asked = []

    class Admin(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Admin) as server:
        threading.Thread(target=server.handle_request).start()
        command = [sys.executable, *(part.replace("9901", str(server.server_port)) for part in probe()[1:])]
        assert subprocess.run(command, check=False, timeout=20).returncode == code
    assert asked == ["/livez"]


def test_the_images_probe_fails_when_nobody_listens() -> None:
    command = [sys.executable, *(part.replace("9901", "1") for part in probe()[1:])]
    assert subprocess.run(command, check=False, capture_output=True, timeout=20).returncode == 1


# ── what is generated ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_sample_in_config_is_what_config_init_prints(environment: str) -> None:
    render = pytest.importorskip("sidecar.config.render")
    assert text_of(f"config/{environment}.toml") == render.sample(environment)


def test_the_reference_is_generated() -> None:
    render = pytest.importorskip("sidecar.config.render")
    assert text_of("docs/configuration.md") == render.reference()
