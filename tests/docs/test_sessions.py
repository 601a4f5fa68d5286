"""Each page with commands, typed from first to last on a machine of its own; what it shows is what is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pages
import pagestage
import pytest
from pagefinhub import CUSTOMER_SECRET, PASSWORD
from pagestage import Setting

if TYPE_CHECKING:
    from pathlib import Path

PAGES: Final = [page for page in pages.names() if any(block.is_run_here for block in pages.blocks(page))]

_IDENTITY: Final = 'mkdir -p certs && cp "$STAGE"/account/client.crt "$STAGE"/account/client.key certs/\n'
_CONFIGURED: Final = """\
cp "$STAGE"/account/* .
sed -i 's|^url = .*|url = "https://api.finhub.cloud"|; s|^ca_file|#ca_file|' sidecar.toml
"""
_SECRET: Final = (
    "echo >password; echo >customer-secret; echo >tls.crt; echo >tls.key; cp config/production.toml sidecar.toml\n"
)
_TRAIL: Final = """\
"$PYTHON" - <<'END'
import pathlib, trails
lines = trails.trail(900)
lines[416] = lines[416].replace(b'"status":', b'"status":1')
files = {"audit.jsonl.1": lines[:400], "audit.jsonl.2": lines[400:802], "audit.jsonl": lines[802:804] + lines[806:]}
for name, content in files.items():
    pathlib.Path(name).write_bytes(trails.text_of(content))
END
"""

# What a page's prose says was done before its first command, and what somebody types where a command asks.
SETTINGS: Final = {
    "README.md": Setting(before=_IDENTITY + _SECRET, typed=(PASSWORD, CUSTOMER_SECRET)),
    "deploy/helm/finhub-sidecar/README.md": Setting(before=_SECRET, finhub=False),
    "docs/audit.md": Setting(before=_TRAIL, finhub=False),
    "docs/callers.md": Setting(
        before=_CONFIGURED
        + "mount -t tmpfs tmpfs /run && mkdir -m 0711 /run/finhub\n"
        + "FINHUB_LISTEN__ADDRESS=unix:/run/finhub/sidecar.sock finhub-sidecar run --config sidecar.toml"
    ),
    "docs/commands.md": Setting(before=_CONFIGURED),
    "docs/dialects.md": Setting(
        before=_IDENTITY
        + 'mkdir secrets && cp "$STAGE"/account/password secrets/\n'
        + 'cp "$STAGE"/account/tenant_secret secrets/tenant-secret\n'
        + "export FINHUB_IDENTITY__CERTIFICATE_FILE=certs/client.crt FINHUB_IDENTITY__KEY_FILE=certs/client.key"
    ),
    "docs/docker-compose.md": Setting(
        before="touch client.crt client.key", typed=(PASSWORD, CUSTOMER_SECRET), finhub=False
    ),
    "docs/kubernetes.md": Setting(before=_SECRET, finhub=False),
    "docs/runbook.md": Setting(before=_CONFIGURED + "finhub-sidecar run --config sidecar.toml"),
    "docs/secrets.md": Setting(before=_CONFIGURED, typed=(PASSWORD,)),
    "docs/testing.md": Setting(finhub=False),
    "docs/tracing.md": Setting(finhub=False),
    "docs/troubleshooting.md": Setting(finhub=False),
    "docs/tutorial.md": Setting(finhub=False),
}

pytestmark = pytest.mark.skipif(bool(pagestage.missing()), reason=pagestage.missing())


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_does_what_it_says(page: str, tmp_path: Path) -> None:
    told = "\n\n".join(pagestage.play(page, SETTINGS.get(page, Setting()), tmp_path).faults())
    assert not told, told


def test_no_setting_is_left_of_a_page_that_went() -> None:
    assert set(SETTINGS) <= set(PAGES)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```sh\ntrue\nfalse\ntrue\n```\n", "made-up.md:1 ended with 1"),
        ("```sh\nnosuchprogram\n```\n", "made-up.md:1 ended with 127"),
        ("```sh\ncurl -s http://127.0.0.1:8080/\n```\n", "made-up.md:1 ended with 7"),
        ("```sh\nfinhub-sidecar run --config gone.toml\n```\n", "made-up.md:1 ended with 2"),
        ("```console\n$ echo a\nb\n```\n", "made-up.md:1 shows\nb\n"),
        ("```sh\necho a\n```\n<!-- output -->\n```text\nb\n```\n", "made-up.md:1 shows\nb\n"),
    ],
)
def test_what_is_not_as_the_page_says_is_told_with_its_place(text: str, fault: str, tmp_path: Path) -> None:
    (told,) = pagestage.play("made-up.md", Setting(finhub=False), tmp_path, text).faults()
    assert told.startswith(fault)


def test_a_later_command_has_what_an_earlier_one_made(tmp_path: Path) -> None:
    text = (
        "<!-- file: new/a.txt -->\n```text\nhello\n```\n```sh\nit=$(cat new/a.txt) && mkdir other && cd other\n```\n"
        "```console\n$ echo $it; basename $PWD\nhello\nother\n```\n"
    )
    assert pagestage.play("made-up.md", Setting(finhub=False), tmp_path, text).faults() == []
