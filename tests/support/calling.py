"""Real callers: programs and libraries that know a URL on localhost and nothing of FinHub."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATIENCE = 30.0  # seconds; the machine may be busy with other tests

# The environment's proxies are not for loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

BALANCE = "/api/v2.1/wallets/w-1/balance"


@dataclass(frozen=True, slots=True)
class Got:
    """What a caller saw."""

    status: int
    fields: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def get(url: str, **fields: str) -> Got:
    """GET as urllib does it; `X_Name=value` becomes the field X-Name."""
    return _ask(urllib.request.Request(url, headers=_named(fields)))  # noqa: S310  # http on loopback


def post(url: str, body: bytes = b"", **fields: str) -> Got:
    """POST as urllib does it, which labels every body a form unless told otherwise."""
    named = {"Content-Type": "application/json", **_named(fields)}
    return _ask(urllib.request.Request(url, body, named, method="POST"))  # noqa: S310  # as above


def _named(fields: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in fields.items()}


def _ask(request: urllib.request.Request) -> Got:
    try:
        with _OPENER.open(request, timeout=PATIENCE) as reply:
            return Got(reply.status, dict(reply.headers), reply.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Got(refusal.code, dict(refusal.headers), refusal.read())


def curl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run curl without its configuration file and without a proxy; return how it ended and what it printed."""
    command = ["curl", "-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", str(PATIENCE), *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE * 2)


def until(holds: Callable[[], bool], what: str, *, within: float = PATIENCE) -> float:
    """Wait until `holds`, looking every 20 ms; return the seconds it took, fail when it never does."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + within, f"after {within:g} s still not: {what}"
        time.sleep(0.02)
    return time.monotonic() - began
