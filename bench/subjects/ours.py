"""The sidecar as a user runs it: the real process, with everything on, in production's ways."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sidecar
from bench import site
from bench.subject import Recipe, Subject

if TYPE_CHECKING:
    from bench.site import Site

_ROOT: Final = Path(__file__).resolve().parents[2]

_COMPILES_WITHIN: Final = 120
"""Seconds; it takes one or two."""

# The bounds are those that a comparison needs: 256 callers at once, and 1,000 idle ones beside 64.
_CONFIG: Final = """
environment = "production"

[listen]
address = "127.0.0.1:{port}"
max_connections = 2048

[admin]
address = "127.0.0.1:0"

[upstream]
url = "https://127.0.0.1:{upstream}"
ca_file = "{certificates}/ca.crt"
max_connections = 256

[identity]
certificate_file = "{certificates}/client.crt"
key_file = "{certificates}/client.key"

[credentials]
username = "bench"
password = {{ env = "BENCH_PASSWORD" }}
customer_id = "bench-client"
customer_secret = {{ env = "BENCH_SECRET" }}
tenant_id = "{tenant}"

[log]
format = "json"
level = "info"
"""


def configuration(place: Site, port: int) -> str:
    """Return the TOML of a sidecar on `port`."""
    return _CONFIG.format(port=port, upstream=place.upstream, certificates=place.certificates, tenant=site.TENANT)


def _prepare(place: Site, folder: Path, port: int) -> Recipe:
    (folder / "sidecar.toml").write_text(configuration(place, port), encoding="utf-8")
    environ = {"BENCH_PASSWORD": "made-up-password", "BENCH_SECRET": "made-up-secret", "PYTHONPATH": str(_ROOT)}
    _compile()
    return Recipe((sys.executable, "-m", "sidecar", "run", "--config", "sidecar.toml"), environ)


@functools.cache
def _compile() -> None:
    """Compile our modules where they are, as an installation has them, and a clone may not."""
    command = (sys.executable, "-m", "compileall", "-q", str(_ROOT / "sidecar"))
    subprocess.run(command, check=True, timeout=_COMPILES_WITHIN)


def _version() -> str:
    python = ".".join(str(part) for part in sys.version_info[:3])
    return f"{sidecar.__version__} on {sys.implementation.name} {python}"


SUBJECT: Final = Subject("sidecar", "sidecar", _prepare, _version, "it is this repository")
