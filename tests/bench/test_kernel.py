"""The kernel's accounting is read for a process with all that it started."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench import kernel

# A name may hold what it likes, a parenthesis and spaces too.
STAT = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 150 25 7 9 20 0 1 0 100 1000 10 18446744073709551615"

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
input()
child.communicate(b"\\n")
"""


def test_user_and_system_time_are_found_behind_any_name() -> None:
    assert kernel.ticks(STAT) == 175


@pytest.mark.parametrize(
    ("status", "found"),
    [("Name:\tx\nVmHWM:\t  900 kB\nVmRSS:\t  812 kB\nThreads:\t1\n", 812 * 1024), ("Name:\tx\n", 0)],
)
def test_resident_memory_is_none_where_a_process_has_ended(status: str, found: int) -> None:
    assert kernel.resident(status) == found


def test_a_process_is_counted_with_its_children() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert list(kernel.family(process.pid)) == [process.pid, child]
        assert kernel.resident_bytes(process.pid) > kernel.resident_bytes(child) > 0
        process.communicate("\n")


def test_processor_time_grows_with_work() -> None:
    before = kernel.cpu_seconds(os.getpid())
    while kernel.cpu_seconds(os.getpid()) == before:
        sum(range(10_000))
    assert kernel.cpu_seconds(os.getpid()) > before
