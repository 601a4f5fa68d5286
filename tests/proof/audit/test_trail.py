"""A trail written under load, over many files and a `kill -9`, is whole; and whatever is done to it is found."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from calling import until
from origin import serving
from playground import ENVIRON, GRANT, configuration
from scale import scale
from staging import SidecarProcess
from steadycaller import WHOLE, SteadyCallers

from sidecar.audit.chain import read
from sidecar.audit.names import numbers
from sidecar.audit.reading import pieces
from sidecar.audit.verify import Report, Verifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from origin import Visit
    from steadycaller import Try

LINES: Final = 1000 * scale()
CALLERS: Final = 20
KILLS: Final = 3
MEDDLINGS: Final = 25
_AUDIT: Final = '\n[audit]\nfile = "audit.jsonl"\nmax_size = "48KiB"\n'
_LATEST: Final = 1.0
"""Seconds that a line may have been in memory when the process was killed, on a busy machine; 0.1 is what is meant."""


async def talk(visit: Visit) -> None:
    """Answer a login with a grant, and everything else at once."""
    while True:
        asked = await visit.request()
        body = GRANT if b"token" in asked.target else b"ok"
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def lines_of(path: Path) -> list[bytes]:
    return [line for _, _, line in pieces([str(path)])]


def count(path: Path) -> int:
    return sum(read(line.rstrip(b"\n")) is not None for line in lines_of(path)) if path.exists() else 0


def verified(path: Path, head: str = "") -> Report:
    verifier = Verifier(head=head)
    for piece in pieces([str(path)]):
        verifier.feed(*piece)
    return verifier.finish()


async def loaded(folder: Path, url: str, number: int, lines: int, end: signal.Signals) -> list[Try]:
    """Run a sidecar under load until its trail has so many lines, end it, and return what became of the requests."""
    (folder / "sidecar.toml").write_text(configuration(url, more=_AUDIT))
    process = SidecarProcess(["run", "--config", str(folder / "sidecar.toml")], ENVIRON, folder, number).start()
    try:
        await asyncio.to_thread(process.listening)
        port = int(process.listen.rpartition(":")[2])
        callers = SteadyCallers(lambda: asyncio.open_connection("127.0.0.1", port), pause=0.0)
        load = asyncio.create_task(callers.run(kept=CALLERS, fresh=0))
        path = folder / "audit.jsonl"
        await asyncio.to_thread(until, lambda: count(path) >= lines, f"the trail has {lines} lines", within=120)
        process.process.send_signal(end)
        await load
        assert await asyncio.to_thread(process.process.wait, 30) == (0 if end is signal.SIGTERM else -end)
    finally:
        process.end(signal.SIGKILL)
    return callers.tries


async def test_after_kills_under_load_it_is_whole_and_goes_on(tmp_path: Path, figures: Callable[[str], None]) -> None:
    path = tmp_path / "audit.jsonl"
    async with serving(talk) as origin:
        answered, late, ends = 0, 0, list[int]()
        for kill in range(1, KILLS + 1):
            tries = await loaded(tmp_path, origin.url, kill, LINES * kill // (KILLS + 1), signal.SIGKILL)
            killed = await asyncio.to_thread(verified, path)
            assert killed.faults == []
            ends.append(killed.last)
            at = [one.sent_at for one in tries if one.outcome == WHOLE]
            answered, late = answered + len(at), late + sum(moment > max(at) - _LATEST for moment in at)
        written = sum(b'"event":"request"' in line for line in await asyncio.to_thread(lines_of, path))
        assert answered - written <= late + KILLS * CALLERS, "only what had just happened may be missing"
        await loaded(tmp_path, origin.url, KILLS + 1, LINES, signal.SIGTERM)
    report = await asyncio.to_thread(verified, path)
    assert (report.faults, report.first) == ([], 1)
    assert report.lines == report.last >= LINES
    files = len(await asyncio.to_thread(files_of, path))
    assert files > LINES // 200
    command = [sys.executable, "-m", "sidecar", "audit", "verify", str(path), "--head", report.head]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    figures(f"{report.lines} lines in {files} files, killed under load at lines {ends}: whole")
    figures(
        f"answered before the kills and not in the trail (fsync = batch): {max(0, answered - written)} of {answered}"
    )
    await asyncio.to_thread(meddle, path, figures)


def meddle(path: Path, figures: Callable[[str], None]) -> None:
    """Do to the trail, at places all over it, whatever may be done; each time it is found where it was done."""
    chance = random.Random(7)  # noqa: S311  # the same places in every run
    ended = files_of(path)[:-1]
    usable = [file for file in ended if sound(file.read_bytes().splitlines(keepends=True))]
    assert len(usable) >= len(ended) - 2 * KILLS, "only around a kill may a file hold too few lines"
    for name, what in (("change", change), ("removal", remove), ("swap", swap), ("cut", cut)):
        for _ in range(MEDDLINGS):
            file = chance.choice(usable)
            backup = file.read_bytes()
            line, seq = what(file, chance)
            faults = verified(path).faults
            assert faults, f"{name} in {file} at {line}"
            assert (faults[0].line, faults[0].file) == (line, str(file)), (name, faults[0])
            assert faults[0].seq == seq, (name, faults[0])
            file.write_bytes(backup)
        figures(f"{name}: found {MEDDLINGS} times of {MEDDLINGS}, with file, line and number")
    gone = chance.choice(files_of(path)[1:-1])
    shutil.move(gone, path.parent / "gone")
    (fault,) = verified(path).faults
    assert fault.kind == "missing"
    shutil.move(path.parent / "gone", gone)
    assert verified(path).faults == []


def files_of(path: Path) -> list[Path]:
    there = numbers(path.name, (each.name for each in path.parent.iterdir()))
    return [*(path.with_name(f"{path.name}.{number}") for number in there), path]


Place = tuple[int, int]


def _seq(line: bytes) -> int:
    link = read(line.rstrip(b"\n"))
    return 0 if link is None else link.seq


def sound(lines: list[bytes]) -> list[int]:
    """Return the index of each line that has a sound one on either side; a file of a kill may have none."""
    return [at for at in range(1, len(lines) - 2) if all(map(_seq, lines[at - 1 : at + 3]))]


def _middle(file: Path, chance: random.Random) -> tuple[list[bytes], int]:
    lines = file.read_bytes().splitlines(keepends=True)
    return lines, chance.choice(sound(lines))


def change(file: Path, chance: random.Random) -> Place:
    lines, at = _middle(file, chance)
    seq, line = _seq(lines[at]), bytearray(lines[at])
    place = chance.randrange(line.index(b'"time"') + 9, line.index(b'"event"') - 3)  # a digit of the time
    line[place] = line[place] ^ 1
    lines[at] = bytes(line)
    file.write_bytes(b"".join(lines))
    return at + 1, seq


def remove(file: Path, chance: random.Random) -> Place:
    lines, at = _middle(file, chance)
    file.write_bytes(b"".join(lines[:at] + lines[at + 1 :]))
    return at + 1, _seq(lines[at + 1])


def swap(file: Path, chance: random.Random) -> Place:
    lines, at = _middle(file, chance)
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    file.write_bytes(b"".join(lines))
    return at + 1, _seq(lines[at])


def cut(file: Path, chance: random.Random) -> Place:
    """Cut the end of an ended file off, in the middle of a line."""
    lines, at = _middle(file, chance)
    file.write_bytes(b"".join(lines[:at]) + lines[at][: chance.randrange(1, len(lines[at]) - 1)])
    return at + 1, _seq(lines[at])
