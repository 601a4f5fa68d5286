"""The real sidecar process in front of a recording upstream, logged in at a token endpoint of our own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from recorder import Recorder, answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import trustme
    from messages import Request
    from recorder import Script

TENANT: Final = "1234567"
TOKEN: Final = "proof-of-session"
_LOGIN: Final = json.dumps({"expires_in": 86400, "token_type": "Bearer", "userSessionToken": TOKEN}).encode()
_STARTS_WITHIN: Final = 30.0
_ENDS_WITHIN: Final = 40.0

_CONFIG: Final = """
environment = "production"

[listen]
address = "127.0.0.1:0"
body_timeout = 1.0
min_rate = 1
{listen}

[admin]
address = "127.0.0.1:0"

[upstream]
url = "{upstream}"
ca_file = "ca.crt"
response_timeout = 3.0
idle_timeout = 1.5

[identity]
certificate_file = "sidecar.crt"
key_file = "sidecar.key"

[credentials]
username = "proof"
password = {{ env = "PROOF_PASSWORD" }}
customer_id = "proof-client"
customer_secret = {{ env = "PROOF_SECRET" }}
tenant_id = "{tenant}"

[session]
url = "{login}"
login_endpoint = "refuse"

[log]
format = "json"
level = "debug"
"""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A running process: where it listens, and where it writes."""

    address: str
    process: subprocess.Popen[bytes]
    folder: Path

    def lines(self) -> list[dict[str, Any]]:
        """Return the log lines that the process has written to stderr: everything but the requests."""
        return lines_of(self.folder / "stderr")

    def bugs(self) -> list[dict[str, Any]]:
        """Return the lines that tell of something that should not be possible, a library's complaints included."""
        loud = [line for line in self.lines() if line.get("level") in ("warning", "error", "critical")]
        return [line for line in loud if line.get("event") == "unexpected failure" or "logger" in line]


def identity(authority: trustme.CA, name: str, folder: Path) -> None:
    """Write a client certificate for `name`, its key and the authority into `folder`."""
    leaf = authority.issue_cert(f"{name}.example", common_name=name)
    (folder / f"{name}.crt").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    (folder / f"{name}.key").write_bytes(leaf.private_key_pem.bytes())
    (folder / f"{name}.key").chmod(0o600)
    (folder / "ca.crt").write_bytes(authority.cert_pem.bytes())


@contextlib.contextmanager
def running(
    folder: Path, authority: trustme.CA, upstream: Recorder, more: str = "", listen: str = ""
) -> Iterator[Sidecar]:
    """Run a sidecar before `upstream` until the block ends.

    `more` is TOML that follows the configuration above, `listen` further lines of that section. The process must end
    with exit code 0 when it is asked to.
    """
    identity(authority, "sidecar", folder)
    with Recorder(authority, _log_in) as login:
        text = _CONFIG.format(upstream=upstream.url, login=login.url, tenant=TENANT, listen=listen) + more
        (folder / "sidecar.toml").write_text(text, encoding="utf-8")
        with started(folder) as sidecar:
            yield sidecar


@contextlib.contextmanager
def started(folder: Path, more: Mapping[str, str] = MappingProxyType({})) -> Iterator[Sidecar]:
    """Run a sidecar by the configuration in `folder`, with `more` in its environment; it must end with 0 when told."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FINHUB_")}
    environ |= {"PROOF_PASSWORD": "proof-password", "PROOF_SECRET": "proof-secret", **more}
    command = [sys.executable, "-m", "sidecar", "run", "--config", "sidecar.toml"]
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
    try:
        yield Sidecar(_address(process, folder), process, folder)
        process.terminate()
        assert process.wait(_ENDS_WITHIN) == 0, (folder / "stderr").read_text(encoding="utf-8")
    finally:
        process.kill()
        process.wait()


def _log_in(_: Request) -> Script:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_LOGIN)
    return answer(head + _LOGIN)


def _address(process: subprocess.Popen[bytes], folder: Path) -> str:
    """Wait for the line that says where the process listens, and return the address."""
    end = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < end and process.poll() is None:
        for line in lines_of(folder / "stderr"):
            if line.get("event") == "listening":
                return str(line["listen"])
        time.sleep(0.02)
    raise AssertionError(f"the sidecar did not start: {(folder / 'stderr').read_text(encoding='utf-8')}")


def lines_of(file: Path) -> list[dict[str, Any]]:
    """Return the lines of a log that are whole."""
    whole = file.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) if line.startswith("{") else {"event": line} for line in whole.splitlines()]
