"""The sidecar as a process of its own, on ports that it finds itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

_STARTS_WITHIN: Final = 60.0
_ENDS_WITHIN: Final = 30.0
_LOOK: Final = 0.02
_ANY_PORT: Final = "127.0.0.1:0"
_ADDRESSES: Final = ("FINHUB_LISTEN__ADDRESS", "FINHUB_ADMIN__ADDRESS")
_FORMAT, _LEVEL = "FINHUB_LOG__FORMAT", "FINHUB_LOG__LEVEL"


class SidecarProcess:
    """A sidecar that serves by the configuration `config` and what `environ` adds to it, from `with` to its end.

    It says in its log where it listens, and so `environ` can neither change the log's format nor silence it, nor move
    a listener to a Unix socket: ValueError.

    Attributes:
        url: where callers point: plain HTTP on loopback.
        admin_url: where health, metrics and status are.
        log: the file that its log goes to, JSON lines.
    """

    def __init__(self, config: Path, environ: Mapping[str, str] | None = None) -> None:
        self.url = self.admin_url = ""
        self.log = config.with_name("sidecar.log")
        self._config = config
        self._more = dict(environ or {})
        _refuse_unheard(self._more)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("FINHUB_")}
        environ |= {**dict.fromkeys(_ADDRESSES, _ANY_PORT), _FORMAT: "json", _LEVEL: "info"}
        command = [sys.executable, "-m", "sidecar", "run", "--config", str(self._config)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own program, by fixed words
                command, env=environ | self._more, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._wait(self._process)
        except BaseException:
            self._end(self._process)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._end(self._process)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _STARTS_WITHIN
        while process.poll() is None and time.monotonic() < end:
            if self._has_told():
                return
            time.sleep(_LOOK)
        raise RuntimeError(f"the sidecar did not start:\n{self.log.read_text(encoding='utf-8')}")

    def _has_told(self) -> bool:
        """Tell whether the log says by now where it listens."""
        for line in self.log.read_text(encoding="utf-8").splitlines():
            told = _object(line)
            if told.get("event") == "listening":
                self.url, self.admin_url = f"http://{told['listen']}", f"http://{told['admin']}"
                return True
        return False

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN)
        finally:
            process.kill()
            process.wait()


def _refuse_unheard(environ: Mapping[str, str]) -> None:
    """Raise ValueError where the sidecar could not tell us where it listens."""
    unheard = {
        _FORMAT: environ.get(_FORMAT, "json") != "json",
        _LEVEL: environ.get(_LEVEL, "info") not in {"info", "debug"},
        **{name: environ.get(name, "").startswith("unix:") for name in _ADDRESSES},
    }
    for name, holds in unheard.items():
        if holds:
            raise ValueError(f"{name}={environ[name]} cannot be set here: the ports are read off the log, as JSON")


def _object(line: str) -> dict[str, object]:
    try:
        told = json.loads(line)
    except ValueError:  # the line is not whole yet
        return {}
    return told if isinstance(told, dict) else {}
