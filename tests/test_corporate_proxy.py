"""`docs/corporate-proxy.md` keeps its word: its blocks are run with a real proxy, its tables are what happens."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import proxying
import pytest
from proxying import tinyproxy
from staging import CODE, FinHub

from sidecar.wire.proxy import proxy, refused

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "corporate-proxy.md").read_text(encoding="utf-8")
USER, PASSWORD = "shop-user", "proxy-pass-word"

_BLOCK = re.compile(
    r"^(?P<comment><!-- not run: .+ -->\n)?(?P<margin> *)```(?P<kind>\w+)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


def blocks(kind: str, *, run: bool = True) -> list[str]:
    """Return the page's blocks of one kind, those that are run or those that say why they are not."""
    found = [one for one in _BLOCK.finditer(PAGE) if one["kind"] == kind and (one["comment"] is None) is run]
    return [textwrap.dedent(one["text"]) for one in found]


def shell(script: str, folder: Path, typed: str = "") -> str:
    """Run a block as somebody would type it."""
    ours = f'finhub-sidecar() {{ {shlex.quote(sys.executable)} -m sidecar "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-e", "-c", ours + script],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": CODE, "LC_ALL": "C.UTF-8"},
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(proxying.PROGRAM is None, reason=proxying.MISSING)
def test_what_the_page_shows_leads_through_a_real_proxy(tmp_path: Path) -> None:
    write_secrets, check = blocks("bash")
    (configuration,) = blocks("toml")
    with FinHub(tmp_path) as finhub:
        port = finhub.do(lambda emulator: emulator.port)
        with tinyproxy(tmp_path / "proxy", allowed=port, user=USER, password=PASSWORD) as between:
            shell(write_secrets, tmp_path, typed=f"{USER}\n{PASSWORD}\n")
            here = configuration.replace("http://proxy.example.com:3128", between.url)
            here = here.replace("https://api.finhub.cloud", f"https://localhost:{port}")
            assert here.count("localhost") == 1
            before = finhub.config.read_text()
            finhub.config.write_text(re.sub(r'\[upstream\]\nurl = ".*"\n', here, before))
            told = shell(check, tmp_path)
        assert len(between.asked()) == finhub.counts.connections > 0
        assert finhub.counts.logins == 1
    (shown,) = blocks("text")
    as_shown = shown.replace("proxy.example.com", "127.0.0.1").replace("api.finhub.cloud", "localhost")
    assert [line.split(":")[0] for line in as_shown.splitlines()] == [
        line.split(":")[0] for line in told.splitlines() if re.match(r"✓ (DNS|TCP|proxy|TLS) ", line)
    ]
    assert (tmp_path / "secrets" / "proxy-password").stat().st_mode & 0o077 == 0


def test_what_is_not_run_is_sound() -> None:
    (asked,) = blocks("bash", run=False)
    subprocess.run(["bash", "-n"], input=asked, text=True, check=True)


def test_no_block_is_left_out() -> None:
    assert PAGE.count("```") == 2 * sum(
        len(blocks(kind, run=run)) for kind in ("bash", "toml", "text") for run in (True, False)
    )


def test_the_table_of_answers_says_what_the_sidecar_says() -> None:
    way = proxy("http://proxy.example.com:3128", None, None)
    rows = re.findall(r"^\| (\d{3}(?: or \d{3})?) \| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert len(rows) == 5
    told = {(status, refused(int(status), "a:1", way).proxy_error) for row, _ in rows for status in row.split(" or ")}
    assert told == {(status, error) for row, error in rows for status in row.split(" or ")}
