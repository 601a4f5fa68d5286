"""The whole product on one stage: a FinHub in a thread of this process, and the sidecar as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from calling import PATIENCE, get, until
from leaks import leaks, pem_lines

import sidecar
from sidecar.emulator import Emulator, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

    from sidecar.emulator import Counts, Seen
    from sidecar.emulator.sessions import Session

T = TypeVar("T")

# Nobody answers there: a program that asked the environment for a proxy would fail.
_DEAD_PROXY = "http://127.0.0.1:9"
CODE = str(Path(sidecar.__file__).parents[1])


class FinHub:
    """An emulator with an event loop of its own, so that tests may block. Any method of it is called by `do`."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.issued: list[Session] = []
        self.folder = folder
        self.emulator = Emulator(Settings(**{"token_calls": 0, **settings}), issued=self.issued.append)
        self.config = folder / "sidecar.toml"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="finhub", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self.emulator.start())
        self._run(self.emulator.write(self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self.emulator.stop())
        self._run(self._loop.shutdown_asyncgens())
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def do(self, what: Callable[[Emulator], T]) -> T:
        """Return `what(emulator)`, called where the emulator lives."""

        async def call() -> T:
            return what(self.emulator)

        result: T = self._run(call())
        return result

    @property
    def counts(self) -> Counts:
        """Return the counts as they are now."""
        return self.do(lambda emulator: replace(emulator.counts))

    def since(self, before: Counts, *names: str) -> tuple[int, ...]:
        """Return how far these counts have gone up."""
        now = self.counts
        return tuple(getattr(now, name) - getattr(before, name) for name in names)

    def seen(self, path: str) -> list[Seen]:
        """Return the recorded requests for `path`, oldest first."""
        return [each for each in self.do(lambda emulator: emulator.seen) if each.path == path]

    def fault(self, spec: str) -> None:
        """Let something go wrong from now on."""
        self.do(lambda emulator: emulator.fault(spec))

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self.do(lambda emulator: emulator.clear_faults())

    def revoke(self) -> None:
        """End all tokens without notice."""
        self.do(lambda emulator: emulator.revoke())

    @property
    def secrets(self) -> set[str]:
        """Return every secret that this FinHub ever shared with a sidecar."""
        account = self.emulator.account
        tokens = {secret for each in self.issued for secret in (each.token, each.refresh_token) if secret is not None}
        shared = {account.password, account.customer_secret, account.tenant_secret, *tokens}
        files = {(self.folder / name).read_text().strip() for name in ("password", "client.p12.password")}
        return {
            *(secret.reveal() for secret in shared),
            *(each.key for each in self.issued),
            *pem_lines(self.emulator.certificates.client_key_pem),
            *files,
        }


class SidecarProcess:
    """`python -m sidecar …` with both its streams in files: nothing that it writes is lost, and no pipe ever full."""

    def __init__(self, arguments: list[str], environ: Mapping[str, str], folder: Path, number: int) -> None:
        self._command = [sys.executable, "-m", "sidecar", *arguments]
        self._environ = _environment(environ)
        self._folder = folder
        self._number = number
        self._files = folder / f"stdout-{number}.txt", folder / f"stderr-{number}.txt"
        self.told: dict[str, str] = {}
        self.before: list[str] = []
        self.pass_fds: tuple[int, ...] = ()

    def start(self) -> Self:
        """Start it and return at once."""
        with self._files[0].open("wb") as out, self._files[1].open("wb") as err:
            self.process = subprocess.Popen(
                [*self.before, *self._command],
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                env=self._environ,
                cwd=self._folder,
                pass_fds=self.pass_fds,
            )
        return self

    def listening(self) -> Self:
        """Return once it has told where it listens."""
        until(lambda: bool(self._addresses()) or self.process.poll() is not None, "the sidecar listens")
        assert self._addresses(), f"the sidecar ended with {self.process.returncode}: {self.stderr}"
        return self

    def _addresses(self) -> dict[str, Any]:
        return next(iter(self.lines("listening")), {})

    @property
    def stdout(self) -> str:
        return self._files[0].read_text()

    @property
    def stderr(self) -> str:
        return self._files[1].read_text()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of one event that are whole by now."""
        texts = (line for text in (self.stdout, self.stderr) for line in text.splitlines(keepends=True))
        decoded = (json.loads(line) for line in texts if line[0] == "{" and line[-1] == "\n")
        return [line for line in decoded if line["event"] == event]

    def requests(self) -> list[dict[str, Any]]:
        """Return the line of every request so far, once none is running; lines are written a moment later."""
        until(self._all_told, "every request is over and has its line")
        return self.lines("request")

    def _all_told(self) -> bool:
        counted = self.status()["requests"]
        return not counted["in_flight"] and len(self.lines("request")) >= counted["total"]

    @property
    def listen(self) -> str:
        return str(self._addresses()["listen"])

    @property
    def url(self) -> str:
        """Return what a caller is configured with."""
        return f"http://{self.listen}"

    @property
    def admin(self) -> str:
        return f"http://{self._addresses()['admin']}"

    def status(self) -> dict[str, Any]:
        """Return what `/status` shows."""
        shown: dict[str, Any] = get(f"{self.admin}/status").json
        return shown

    def proc(self, name: str) -> bytes:
        """Return what the kernel shows to everybody about the process."""
        return Path("/proc", str(self.process.pid), name).read_bytes()

    def memory(self, line: str) -> int:
        """Return a line of /proc/PID/status in bytes: VmRSS now, VmHWM at its highest."""
        shown = dict(each.split(":", 1) for each in self.proc("status").decode().splitlines())
        return int(shown[line].split()[0]) * 1024

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def ask_everything(self) -> None:
        """Note what the admin listener tells anybody, for `written`."""
        for path in ("/", "/status", "/history", "/metrics", "/readyz", "/startupz", "/livez"):
            with contextlib.suppress(OSError, StopIteration, KeyError):
                self.told[path] = get(f"{self.admin}{path}").body.decode()

    def written(self) -> dict[str, str]:
        """Return all that the process ever said, by where."""
        told = {"stdout": self.stdout, "stderr": self.stderr, **self.told}
        return {f"{where} of sidecar {self._number}": text for where, text in told.items()}


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FINHUB_")}
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"), _DEAD_PROXY)
    return {**inherited, **proxies, "no_proxy": "", "NO_PROXY": "", "PYTHONPATH": CODE, **more}


ANYWHERE: Mapping[str, str] = {
    "FINHUB_LISTEN__ADDRESS": "127.0.0.1:0",
    "FINHUB_ADMIN__ADDRESS": "127.0.0.1:0",
    "FINHUB_LOG__LEVEL": "debug",
}


@dataclass
class Stage:
    """One FinHub and the sidecars in front of it. At its end no secret may stand in anything that they wrote."""

    finhub: FinHub
    processes: list[SidecarProcess] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    heard: dict[str, str] = field(default_factory=dict)

    def run(self, **environ: str) -> SidecarProcess:
        """Start one more sidecar, configured by FinHub's own file and `LISTEN__ADDRESS="…"` on top."""
        return self.run_with(["run", "--config", str(self.finhub.config)], **environ)

    def run_with(self, arguments: list[str], **environ: str) -> SidecarProcess:
        """Start the command with these arguments, and wait until it listens."""
        return self.start(arguments, **environ).listening()

    def start(self, arguments: list[str], **environ: str) -> SidecarProcess:
        """Start the command with these arguments, and return at once."""
        settings = {**ANYWHERE, **{f"FINHUB_{name}": value for name, value in environ.items()}}
        process = SidecarProcess(arguments, settings, self.finhub.folder, len(self.processes) + 1)
        self.processes.append(process)
        return process.start()

    @property
    def sidecar(self) -> SidecarProcess:
        """Return the sidecar that was started last."""
        return self.processes[-1]

    def end(self) -> None:
        """End what still runs, and fail if one of the processes wrote a secret."""
        for process in self.processes:
            process.ask_everything()
            if process.process.poll() is None:
                process.end()
        found = self.leaks()
        assert not found, "\n".join(found)

    def leaks(self) -> list[str]:
        """Return where a secret stands in what was written up to now."""
        written = {
            f"{number}: {at}": text for number, process in self._numbered() for at, text in process.written().items()
        }
        return leaks(self.finhub.secrets | self.secrets, {**written, **self.heard})

    def _numbered(self) -> Iterator[tuple[int, SidecarProcess]]:
        return enumerate(self.processes, 1)


@contextlib.contextmanager
def staged(folder: Path, **settings: Any) -> Iterator[Stage]:
    """Put up a FinHub; sidecars are started by the test, and end with the block whatever happens."""
    with FinHub(folder, **settings) as finhub:
        stage = Stage(finhub)
        try:
            yield stage
            stage.end()
        finally:
            for process in stage.processes:
                process.end(signal.SIGKILL)
