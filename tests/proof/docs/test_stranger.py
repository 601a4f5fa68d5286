"""A stranger's path, from README's own text: from a clone to a first request, and from a sample to a green `check`.

In a copy of what a clone holds, set up as README.md and docs/tutorial.md say, with packages from the index. What serves
then does so in a network of its own, where the ports that the pages name are free. A command is a line that one pastes.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import house
import pages
import pagestage
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST: Final = 3
_SETTING_UP: Final = 600
_PATIENCE: Final = 90

_ALONE: Final = [
    "unshare",
    "--map-root-user",
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "bash",
    "-euc",
]
_SERVING: Final = """\
ip link set lo up
{server} >server.log 2>&1 &
server=$!
for _ in {{1..600}}; do grep -q 'End with Ctrl-C' server.log && break || sleep 0.1; done
{then}
kill -INT $server
wait $server
"""


def lines(mark: str, value: str) -> list[str]:
    """Return the commands of README's block that carries this comment, each less its remark."""
    (block,) = (block for block in pages.blocks("README.md") if block.marks.get(mark) == value)
    return [line.partition("   #")[0] for line in block.text.splitlines()]


FIRST_REQUEST: Final = [*lines("command", "demo"), *lines("command", "first request")]
GREEN_CHECK: Final = lines("path", "local")[:2]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone of this tree holds, set up by README's first command, less its last step."""
    folder = tmp_path_factory.mktemp("stranger")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=house.ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (house.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(house.ROOT / name, folder / name)
    set_up = FIRST_REQUEST[0].rpartition(" && ")[0]
    subprocess.run(["bash", "-c", set_up], cwd=folder, check=True, timeout=_SETTING_UP)
    return folder


def serving(clone: Path, server: str, then: str) -> str:
    """Run `then` while `server` serves; it must end well when it is ended by Ctrl-C. Return what `then` printed."""
    script = _SERVING.format(server=server, then=then)
    done = subprocess.run(
        [*_ALONE, script],
        cwd=clone,
        env={"PATH": f"{clone}/.venv/bin:{pagestage.PATH}", "HOME": str(clone), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr + (clone / "server.log").read_text()
    return done.stdout


pytestmark = pytest.mark.skipif(bool(pagestage.missing()), reason=pagestage.missing())


def test_from_a_clone_to_a_first_request(clone: Path, figures: Callable[[str], None]) -> None:
    assert len(FIRST_REQUEST) <= MOST
    start, ask = FIRST_REQUEST
    said = serving(clone, start.rpartition(" && ")[2], ask)
    assert said.startswith('{"success":true,"data":{"walletId":"w-1",')
    figures(f"{len(FIRST_REQUEST)} commands from a clone to a first request")


def test_from_a_sample_configuration_to_a_green_check(clone: Path, figures: Callable[[str], None]) -> None:
    assert len(GREEN_CHECK) <= MOST
    emulator, check = GREEN_CHECK
    assert shlex.split(emulator)[:2] == ["finhub-sidecar", "emulator"]
    said = serving(clone, emulator, check)
    assert [line[0] for line in said.splitlines()] == ["✓"] * 10
    figures(f"{len(GREEN_CHECK)} commands from a sample configuration to a green check")


def test_the_tutorial_sets_up_as_readme_does() -> None:
    set_up = next(block.text.strip() for block in pages.blocks("docs/tutorial.md") if "run by" in block.marks)
    assert FIRST_REQUEST[0].startswith(f"{set_up} && ")
