"""A held back command, from a small program of its own: what forks must not be the tests, which have threads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from otherusers import ordinary_programs

ROOT = Path(__file__).parents[2]

PARENT = """
import asyncio, ctypes, os, signal, sys, time
from sidecar.cli.child import held_back

def held(*command):
    return held_back(list(command), signal.pthread_sigmask(signal.SIG_BLOCK, ()))

def state(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]
"""


def run(code: str) -> str:
    """Return what a program prints that can hold commands back."""
    done = subprocess.run([sys.executable, "-c", PARENT + code], capture_output=True, check=True, timeout=60, cwd=ROOT)
    return (done.stdout + done.stderr).decode(errors="surrogateescape")


def test_it_does_nothing_before_it_is_let_go_and_then_has_that_environment_alone() -> None:
    told = run("""
child = held("env", "-0")
time.sleep(0.2)
print("still", state(child.pid), flush=True)
child.let_go({"A": "b\\udcff", "LONG": "x" * 100_000})
print(child.wait(), child.over)
""")
    assert told == f"still S\nA=b\udcff\0LONG={'x' * 100_000}\x000 True\n"


def test_one_that_is_dismissed_ends_and_cannot_be_let_go_any_more() -> None:
    assert (
        run("""
child = held("echo", "no")
child.dismiss()
child.dismiss()
child.let_go({})
print(child.wait())
child.signal(15)
""")
        == "0\n"
    )


def test_a_parent_that_dies_takes_one_that_is_held_back_with_it() -> None:
    assert (
        run("""
child = held("echo", "no")
reading, writing = os.pipe()
os.set_inheritable(writing, True)
middle = os.fork()
if middle == 0:
    child = held("echo", "no")
    os.write(writing, str(child.pid).encode())
    os._exit(0)
os.waitpid(middle, 0)
pid, end = int(os.read(reading, 99)), time.monotonic() + 20
while os.path.exists(f"/proc/{pid}") and state(pid) != "Z" and time.monotonic() < end:
    time.sleep(0.01)
print("gone" if time.monotonic() < end else "there")
child.dismiss()
""")
        == "gone\n"
    )


def test_one_that_was_ended_before_it_began_has_that_status_and_letting_it_go_is_too_late() -> None:
    assert (
        run("""
child = held("echo", "no")
child.signal(signal.SIGTERM)
while state(child.pid) != "Z":
    time.sleep(0.01)
child.let_go({})
print(child.wait())
""")
        == "143\n"
    )


def test_its_end_is_told_to_the_loop_that_waits() -> None:
    assert (
        run("""
async def main():
    child = held("sh", "-c", "exit 4")
    ended = child.ended()
    child.let_go({"PATH": os.environ["PATH"]})
    print(await ended)
asyncio.run(main())
""")
        == "4\n"
    )


def test_a_loop_that_has_ended_need_not_know() -> None:
    assert (
        run("""
async def main():
    child = held("sleep", "0.3")
    child.ended()
    child.let_go({"PATH": os.environ["PATH"]})
asyncio.run(main())
time.sleep(1)
""")
        == ""
    )


def test_what_is_left_to_us_as_a_containers_first_process_is_reaped() -> None:
    assert (
        run("""
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans become ours
child = held("sh", "-c", "(sleep 0.1 &); sleep 0.5; exit 2")
child.let_go({"PATH": os.environ["PATH"]})
print(child.wait())
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("nobody is left")
""")
        == "2\nnobody is left\n"
    )


def test_a_parent_that_ignores_its_childrens_ends_does_not_cost_the_status() -> None:
    assert (
        run("""
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
child = held("sh", "-c", "exit 4")
child.let_go({"PATH": os.environ["PATH"]})
print(child.wait())
""")
        == "4\n"
    )


def test_nobody_of_its_user_looks_into_one_that_is_held_back() -> None:
    """The secrets of the environment are still in it."""
    with ordinary_programs():
        told = run("""
child, end, seen = held("sleep", "9"), time.monotonic() + 20, "looked"
def look():
    try:
        return open(f"/proc/{child.pid}/environ").read() and "looked"
    except PermissionError:
        return "refused"
while look() != "refused" and time.monotonic() < end:
    time.sleep(0.01)
print(look())
child.let_go({"PATH": os.environ["PATH"]})
while look() == "refused" and time.monotonic() < end:
    time.sleep(0.01)
print(look())  # what it has become may be looked into
child.signal(signal.SIGKILL)
""")
    assert told == "refused\nlooked\n"


def test_a_command_line_that_is_none_is_126_and_told() -> None:
    assert (
        run("""
child = held("a\\0b")
child.let_go({"PATH": "/bin"})
print(child.wait())
""")
        == "126\nfinhub-sidecar: 'a\\x00b' cannot be started: not a command line\n"
    )
