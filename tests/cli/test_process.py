"""What a process does about itself, seen from outside: each case has a process of its own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from otherusers import NOBODY, ONLY_ROOT

from sidecar.cli import process

ROOT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="prctl and /proc are Linux's")


def told_by(code: str, before: str = "") -> Any:
    """Run `code` after `before` in a fresh process, and return what it prints as JSON."""
    program = f"import json, os, resource\nfrom sidecar.cli import process\n{before}\n{code}"
    got = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )
    return json.loads(got.stdout)


def test_it_leaves_no_core_dump_and_makes_files_for_its_owner_alone() -> None:
    shown = told_by(
        """
cautions = [caution.detail for caution in process.harden()]
print(json.dumps([cautions, resource.getrlimit(resource.RLIMIT_CORE), os.umask(0)]))
""",
        before="resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))",
    )
    assert shown == [[], [0, 0], 0o077]


@LINUX
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc keeps what it has once given")
def test_large_blocks_are_given_back_when_they_are_freed() -> None:
    kept = told_by(
        """
process.give_memory_back()
def resident():
    status = open("/proc/self/status").read()
    return int(status.partition("VmRSS:")[2].split()[0])
before = resident()
for _ in range(3):
    blocks = [bytearray(256 * 1024) for _ in range(100)]
    small = [bytes(100) for _ in range(1000)]
    del blocks
print(json.dumps(resident() - before))
"""
    )
    assert kept < 5000  # KiB, of the 25,000 that were touched


@LINUX
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc keeps what it has once given")
def test_what_a_large_message_needs_again_and_again_is_not_taken_from_the_system_each_time() -> None:
    faults = told_by(
        """
process.give_memory_back()
def faulted():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
bytearray(200 * 1024)
before = faulted()
for _ in range(100):
    bytearray(200 * 1024)
print(json.dumps(faulted() - before))
"""
    )
    assert faults < 200  # of 5,000 pages


@LINUX
@ONLY_ROOT
def test_another_process_of_the_same_user_reads_neither_its_environment_nor_its_memory() -> None:
    # To become another user leaves a process hidden; it is shown again, as one that was started by that user is.
    program = f"""
import ctypes, os, sys
sys.path.insert(0, sys.argv[1])
from sidecar.cli import process
os.setuid({NOBODY})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
print(list(process.harden()) if sys.argv[2] == "hardened" else [], flush=True)
sys.stdin.read()
"""
    verdicts = {}
    for word in ("hardened", "soft"):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(ROOT), word],
            env={"PATH": os.environ["PATH"], "SHOP_PASSWORD": "made-up-secret"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as one:
            assert one.stdout is not None
            assert one.stdout.readline() == b"[]\n"
            looked = subprocess.run(
                ["cat", f"/proc/{one.pid}/environ"], capture_output=True, user=NOBODY, check=False, timeout=10
            )
            opened = subprocess.run(
                ["dd", f"if=/proc/{one.pid}/mem", "count=0"], capture_output=True, user=NOBODY, check=False, timeout=10
            )
            verdicts[word] = b"made-up-secret" in looked.stdout, opened.returncode == 0
            one.communicate(b"")
    assert verdicts == {"hardened": (False, False), "soft": (True, True)}


def test_what_the_system_refuses_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    before = os.umask(0o022)
    monkeypatch.setattr(process.resource, "setrlimit", refuse)
    monkeypatch.setattr(process.ctypes, "CDLL", refuse)
    monkeypatch.setattr(process.sys, "platform", "linux")
    try:
        cautions = list(process.harden())
    finally:
        os.umask(before)
    assert ["core dumps" in caution.detail for caution in cautions] == [True, False]
    assert all(caution.remedy for caution in cautions)


@pytest.mark.parametrize(
    ("soft", "hard", "after", "told"),
    [
        (100, 5000, 1284, False),  # 1024 callers, 100 to FinHub, 160 for the rest
        (2000, 5000, 2000, False),
        (100, 600, 600, True),
    ],
)
def test_the_limit_of_open_files_is_raised_to_what_the_configuration_may_need(
    soft: int, hard: int, after: int, *, told: bool
) -> None:
    shown = told_by(
        """
from types import SimpleNamespace as Some
alone = {"tenants": (), "credentials": Some(tenant_id=None)}
config = Some(listen=Some(max_connections=1024), upstream=Some(max_connections=100), **alone)
cautions = [caution.detail for caution in process.make_room(config)]
print(json.dumps([cautions, resource.getrlimit(resource.RLIMIT_NOFILE)]))
""",
        before=f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))",
    )
    assert shown[1] == [after, hard]
    assert bool(shown[0]) == told
    if told:
        assert "600" in shown[0][0]
        assert "1284" in shown[0][0]


def test_a_limit_that_the_system_will_not_raise_is_told_and_ends_nothing() -> None:
    shown = told_by(
        """
from types import SimpleNamespace as Some
def refuse(*_):
    raise ValueError("current limit exceeds maximum limit")
resource.setrlimit = refuse
alone = {"tenants": (), "credentials": Some(tenant_id=None)}
config = Some(listen=Some(max_connections=1024), upstream=Some(max_connections=100), **alone)
print(json.dumps([caution.detail for caution in process.make_room(config)]))
""",
        before="resource.setrlimit(resource.RLIMIT_NOFILE, (100, 5000))",
    )
    assert shown == ["this process may open 100 files, and listen.max_connections asks for 1284"]
