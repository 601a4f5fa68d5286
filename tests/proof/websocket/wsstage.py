"""An echo over WebSocket, reached directly and through the real sidecar, which speaks mutual TLS with it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import realsidecar
import trustme
from playground import ENVIRON, configuration
from tokenstub import token_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).resolve().parent

_UPGRADE: Final = """
ca_file = "ca.crt"
upgrade = ["websocket"]
"""

_MORE: Final = """
[identity]
certificate_file = "sidecar.crt"
key_file = "sidecar.key"

[session]
url = "http://127.0.0.1:{tokens}"
"""


@dataclass(frozen=True, slots=True)
class Ways:
    """Both ways to one echo, as host and port; and the sidecar on the second."""

    direct: str
    through: str
    sidecar: realsidecar.Sidecar

    def requests(self) -> list[dict[str, Any]]:
        """Return the sidecar's lines about requests that are over."""
        return realsidecar.lines_of(self.sidecar.folder / "stdout")


@contextlib.contextmanager
def staged() -> Iterator[Ways]:
    """Run the echo, a token endpoint and a sidecar, which must end by itself when told."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        authority = trustme.CA()
        realsidecar.identity(authority, "sidecar", folder)
        (folder / "echo.pem").write_bytes(authority.issue_cert("localhost").private_key_and_cert_chain_pem.bytes())
        plain, secure = stack.enter_context(_echo(folder))
        tokens = stack.enter_context(token_endpoint())
        text = configuration(f"https://localhost:{secure}", upstream=_UPGRADE, more=_MORE.format(tokens=tokens))
        (folder / "sidecar.toml").write_text(text, encoding="utf-8")
        sidecar = stack.enter_context(realsidecar.started(folder, ENVIRON))
        yield Ways(f"127.0.0.1:{plain}", sidecar.address, sidecar)


@contextlib.contextmanager
def _echo(folder: Path) -> Iterator[tuple[str, str]]:
    """Run the echo; yield its plain port and the other one."""
    command = [sys.executable, str(HERE / "echo.py"), str(folder)]
    with (folder / "echo.err").open("wb") as err:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True)
    with process:
        try:
            assert process.stdout is not None
            plain, secure = process.stdout.readline().split()
            yield plain, secure
        finally:
            process.kill()
