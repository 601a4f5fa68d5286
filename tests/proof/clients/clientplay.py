"""One client played from its first behaviour to its last, on a stage that others use before and after it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from behaviours import BEHAVIOURS, FILES, Exchange, Scene, Told, common
from calling import BALANCE, get
from clientwire import Wire as Tap
from messages import Unsound, Wire, read_body, read_reply, read_request_head
from staging import staged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from callers import Client
    from clientwire import Line
    from staging import Stage

    from sidecar.emulator import Seen

_ANSWERS_WITHIN: Final = 60.0
_API: Final = "api"


@dataclass(slots=True)
class Cell:
    """What one client does in one behaviour: a word for the table, and what was wrong."""

    word: str = ""
    faults: list[str] = field(default_factory=list)


class Theatre:
    """An emulator as in production, a sidecar before it, and the wire on which clients reach that."""

    def __init__(self, stage: Stage, tap: Tap, folder: Path) -> None:
        self.stage = stage
        self.tap = tap
        self._folder = folder

    def play(self, client: Client) -> dict[str, Cell]:
        """Return the client's cells, those that cannot be with their reason; raises `callers.Missing`."""
        folder = self._folder / Path(client.program).name.replace(".", "-")
        folder.mkdir()
        for name, content in FILES.items():
            (folder / name).write_bytes(content)
        with _running(client, folder, f"http://127.0.0.1:{self.tap.port}") as program:
            return {
                name: Cell(f"no: {client.lacks[name]}") if name in client.lacks else self._cell(program, client, name)
                for name in BEHAVIOURS
            }

    def _cell(self, program: Program, client: Client, name: str) -> Cell:
        behaviour = BEHAVIOURS[name]
        finhub = self.stage.finhub
        get(f"{self.stage.sidecar.url}{BALANCE}")  # a login that the cell before may owe is not this one's
        before, number = finhub.counts, self._last()
        if behaviour.revoke:
            finhub.revoke()
        self.tap.prepare(late=behaviour.late, together=behaviour.together, alone=client.alone)
        try:
            told = program.ask(name)
            scene = Scene(
                told=told,
                exchanges=_exchanges(self.tap.heard()),
                arrivals=self._since(number),
                mints=sum(finhub.since(before, "logins", "refreshes")),
                together=self.tap.together(),
                alone=client.alone,
                upstream=finhub.emulator.url,
            )
            word = behaviour.check(scene)
        except (Broken, Unsound, IndexError) as error:
            return Cell("RED", [f"{type(error).__name__}: {error}"])
        common(scene)
        scene.expect("logins nobody needed", scene.mints if not behaviour.revoke else 0, 0)
        return Cell("RED" if scene.faults else word, scene.faults)

    def _since(self, number: int) -> list[Seen]:
        seen = self.stage.finhub.do(lambda emulator: emulator.seen)
        return [one for one in seen if one.number > number and one.scope == _API]

    def _last(self) -> int:
        return max((one.number for one in self.stage.finhub.do(lambda emulator: emulator.seen)), default=0)


@contextlib.contextmanager
def theatre(folder: Path) -> Iterator[Theatre]:
    """Put up all that the clients share. At its end no secret may stand in anything that the sidecar wrote."""
    (folder / "finhub").mkdir(parents=True)
    with staged(folder / "finhub", environment="production") as stage:
        sidecar = stage.run()
        with Tap(int(sidecar.listen.rpartition(":")[2])) as tap:
            yield Theatre(stage, tap, folder)
        bugs = [*sidecar.lines("unexpected failure"), *sidecar.lines("bug")]
        assert not bugs, bugs


class Broken(Exception):
    """The client's program did not do what it was asked for."""


class Program:
    """The client's process: a line in, a line out."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder

    def ask(self, behaviour: str) -> list[Told]:
        """Return what the client saw; raises Broken."""
        watchdog = threading.Timer(_ANSWERS_WITHIN, self._process.kill)
        watchdog.start()
        try:
            line = self._exchange(behaviour)
        finally:
            watchdog.cancel()
        try:
            said = json.loads(line)
        except ValueError:
            complaint = (self._folder / "stderr").read_text(errors="replace")[-600:]
            raise Broken(f"it said {line[:200]!r}, and on stderr {complaint!r}") from None
        if "error" in said:
            raise Broken(said["error"])
        return [_told(reply) for reply in said["replies"]]

    def _exchange(self, behaviour: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{behaviour}\n")
            self._process.stdin.flush()
        return self._process.stdout.readline()


@contextlib.contextmanager
def _running(client: Client, folder: Path, base: str) -> Iterator[Program]:
    command = [*client.command(folder), base, str(folder)]
    with (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True, env=_environ(), cwd=folder
        )
    # Closing its input tells the program that nothing is asked any more; one that died has told of it before.
    with contextlib.suppress(BrokenPipeError), process:
        try:
            yield Program(process, folder)
        except BaseException:
            process.kill()
            raise


def _environ() -> dict[str, str]:
    """Return the environment without what points elsewhere: these programs know nothing but a URL."""
    away = ("FINHUB_", "PYTHON", "NODE_", "JAVA_", "PERL", "RUBY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(away)}
    return {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")} | {
        "PYTHONDONTWRITEBYTECODE": "1"
    }


def _told(reply: dict[str, Any]) -> Told:
    if "file" not in reply:
        return Told(status=reply["status"], body=None, size=reply["size"], location=reply["location"])
    file = Path(reply["file"])
    body = file.read_bytes() if file.exists() else b""  # curl makes no file for no body
    return Told(
        status=reply["status"], body=body, size=len(body), length=str(reply["length"]), location=reply["location"]
    )


def _exchanges(lines: Sequence[Line]) -> list[Exchange]:
    """Return what was said on these connections; raises Unsound where a message is none."""
    return [one for line in lines for one in _on(line)]


def _on(line: Line) -> Iterator[Exchange]:
    up, down = Wire(lambda: b"", bytearray(line.up)), Wire(lambda: b"", bytearray(line.down))
    while up.at < len(up.raw):
        request = read_request_head(up)
        waited = line.before_reply <= up.at
        body, _ = read_body(up, request)
        yield Exchange(
            connection=line.number, request=request, body=body, reply=read_reply(down, request.method), waited=waited
        )
    if down.rest():
        raise Unsound(f"more than the replies on connection {line.number}")
