"""Who hears which signal: in a program of its own, since a process has one set of signals."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import asyncio, os, signal, sys, threading, time
from sidecar.cli.forwarding import FORWARDED, Signals

def earlier(*_):
    print("a handler was called", flush=True)

for number in FORWARDED - {signal.SIGTERM}:
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, earlier)
signals = Signals()
signals.listen()
"""


def started(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM + code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def outcome(code: str, *numbers: int) -> tuple[int, str]:
    """Return the exit status and what was printed after "ready", with these signals sent one after the other."""
    with started(code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for number in numbers:
            process.send_signal(number)
        told = process.communicate(timeout=60)[0]
    return process.returncode, told


LISTEN = """
async def main():
    heard, enough = [], asyncio.Event()

    def hear(number, from_terminal):
        heard.append((signal.Signals(number).name, from_terminal))
        if number == signal.SIGTERM:
            enough.set()

    with signals.told(hear):
        print("ready", flush=True)
        await enough.wait()
    print(heard)

asyncio.run(main())
"""


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2"])
def test_what_somebody_sends_is_heard_as_such_and_calls_no_handler(name: str) -> None:
    """Sent one at a time: of two that wait the kernel gives the lower number first."""
    with started(LISTEN.replace("heard.append(", 'print("heard", flush=True); heard.append(')) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(getattr(signal, name))
        assert process.stdout.readline() == "heard\n"
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=60)[0]
    assert (process.returncode, told) == (0, f"heard\n[('{name}', False), ('SIGTERM', False)]\n")


def test_a_thread_that_is_started_meanwhile_takes_none_away() -> None:
    code = "threading.Thread(target=time.sleep, args=(3,), daemon=True).start()\n" + LISTEN
    for _ in range(5):
        assert outcome(code, signal.SIGTERM) == (0, "[('SIGTERM', False)]\n")


WAIT = """
try:
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
finally:
    print("tidied up", flush=True)
"""


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"])
def test_before_anybody_listens_it_ends_the_process_tidily(name: str) -> None:
    number = getattr(signal, name)
    assert outcome(WAIT, number) == (128 + number, "tidied up\n")


def test_one_that_waits_for_a_file_is_ended_all_the_same() -> None:
    with started('print("ready", flush=True)\nsys.stdin.read()') as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(60) == 143


def test_what_a_parent_wants_ignored_stays_so() -> None:
    line = f"trap '' HUP; exec {sys.executable} -c \"$0\""
    with subprocess.Popen(["sh", "-c", line, PROGRAM + LISTEN], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=60)[0]
    assert (process.returncode, told) == (0, "[('SIGTERM', False)]\n")


def test_after_the_last_word_nothing_is_heard_and_nothing_happens() -> None:
    code = (
        LISTEN
        + """
print("late", flush=True)
sys.stdin.readline()
time.sleep(0.2)
print("ended by itself")
"""
    )
    with started(code) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "[('SIGTERM', False)]\n"
        assert process.stdout.readline() == "late\n"
        process.send_signal(signal.SIGTERM)
        process.stdin.write("\n")
        told = process.communicate(timeout=60)[0]
    assert (process.returncode, told) == (0, "ended by itself\n")
