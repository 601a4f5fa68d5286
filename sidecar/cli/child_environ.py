"""The environment of the command that `exec` starts: what it was to be, less what is the sidecar's own.

Pure.
"""

from __future__ import annotations

import re
import urllib.parse
from typing import TYPE_CHECKING, Final

from sidecar.config.environ import is_ours

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE_URL: Final = "FINHUB_BASE_URL"
CALLER_KEY: Final = "FINHUB_CALLER_KEY"

_SERVICE_MANAGERS: Final = frozenset(
    {
        "CREDENTIALS_DIRECTORY",
        "LISTEN_FDNAMES",
        "LISTEN_FDS",
        "LISTEN_PID",
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
    }
)
"""What systemd tells the process that it has started: sockets, a watchdog, and where its secrets are."""

_TO_A_COLLECTOR: Final = re.compile("OTEL_EXPORTER_OTLP_(.*_)?HEADERS")
"""Where a collector's key is."""

_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  # not to listen on: where that is reached


def for_command(environ: Mapping[str, str], listen: str, caller_key: str | None) -> dict[str, str]:
    """Return `environ` for a caller of the sidecar that listens at `listen`.

    Left out is what configures the sidecar, secrets and the paths of secrets among it; what the configuration names as
    a secret by `{ env = … }` must be out of `environ` already. `caller_key` is the one secret that a caller must know.
    """
    left = {name: text for name, text in environ.items() if not _is_the_sidecars(name)}
    left[BASE_URL] = base_url(listen)
    left.pop(CALLER_KEY, None)
    return left if caller_key is None else {**left, CALLER_KEY: caller_key}


def _is_the_sidecars(name: str) -> bool:
    return is_ours(name) or name in _SERVICE_MANAGERS or _TO_A_COLLECTOR.fullmatch(name) is not None


def base_url(listen: str) -> str:
    """Return where a caller finds the listener: http, or http+unix with the socket's path percent-encoded as a host."""
    if listen.startswith("unix:"):
        return f"http+unix://{urllib.parse.quote(listen.removeprefix('unix:'), safe='')}"
    host, _, port = listen.rpartition(":")
    return f"http://{_LOOPBACK.get(host, host)}:{port}"
