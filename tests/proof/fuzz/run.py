"""Feeds the dialect parser and the field policy by coverage, with atheris, for a bounded time.

`python tests/proof/fuzz/run.py --seconds 60` gives each target its share. A finding ends with a status that is not 0;
its input is saved in `corpus/TARGET/`, where `test_fuzz.py` finds it for ever after.
Needs atheris, which requirements-dev.txt has for Linux on x86-64.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

_HERE = Path(__file__).resolve().parent
_CORPUS = _HERE / "corpus"
_LONGEST_INPUT = 4096
_SECONDS_PER_INPUT = 10
_MEGABYTES = 2048
_FAILED, _USAGE = 1, 2
_EXECUTED = re.compile(r"stat::number_of_executed_units: *([1-9][0-9]*)")


def main(arguments: list[str]) -> int:
    """Fuzz every target, each in a process of its own: libFuzzer ends the one it runs in."""
    options = _parser().parse_args(arguments)
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write("atheris is not installed: pip install -r requirements-dev.txt, on Linux on x86-64\n")
        return _USAGE
    if options.target:
        _fuzz(options.target, options.seconds, options.seed)
    share = max(1, options.seconds // 2)
    statuses = [_child(target, share, options.seed) for target in ("dialect", "fields")]
    return _FAILED if any(statuses) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Fuzz the dialect parser and the field policy.")
    parser.add_argument("--seconds", type=int, default=60, help="how long, for all targets together")
    parser.add_argument("--seed", type=int, default=1, help="libFuzzer's seed")
    parser.add_argument("--target", choices=("dialect", "fields"), help="this one alone, in this process")
    return parser


def _child(target: str, seconds: int, seed: int) -> int:
    """Fuzz one target in a process of its own and tell in a line what came of it; return its status.

    What it said itself is shown where it did not end well.
    """
    command = [sys.executable, __file__, "--target", target, "--seconds", str(seconds), "--seed", str(seed)]
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        # libFuzzer stops by itself; twice the time and a half minute more is for one that hangs.
        status = _status(command, output, timeout=seconds * 2 + 30)
        output.seek(0)
        said = output.read()
    inputs = _EXECUTED.search(said)
    if status == 0 and inputs:
        sys.stdout.write(f"fuzz {target}: {int(inputs[1]):,} inputs in {seconds} s, no finding\n")
        return 0
    sys.stdout.write(f"{said}\nfuzz {target}: FINDING (status {status}), see {_CORPUS / target}\n")
    return status or _FAILED


def _status(command: list[str], output: IO[str], timeout: float) -> int:
    try:
        return subprocess.run(command, stdout=output, stderr=output, check=False, timeout=timeout).returncode
    except subprocess.TimeoutExpired:
        return _FAILED


def _fuzz(target: str, seconds: int, seed: int) -> None:
    """Feed one target and end the process."""
    atheris = importlib.import_module("atheris")  # not on every machine

    sys.path.insert(0, str(_HERE.parents[1] / "support"))
    with atheris.instrument_imports(include=["sidecar", "fuzz_targets", "json", "jwt"]):
        import fuzz_targets  # noqa: PLC0415  # instrumented while it is imported

    found = _CORPUS / target
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="finhub-fuzz-") as folder:
        for number, seed_input in enumerate(fuzz_targets.SEEDS[target]):
            Path(folder, f"seed-{number}").write_bytes(seed_input)
        bounds = [
            f"-max_total_time={seconds}",
            f"-max_len={_LONGEST_INPUT}",
            f"-timeout={_SECONDS_PER_INPUT}",
            f"-rss_limit_mb={_MEGABYTES}",
            f"-seed={seed}",
            "-verbosity=0",
            "-print_final_stats=1",
        ]
        atheris.Setup(
            [sys.argv[0], f"-artifact_prefix={found}/", *bounds, folder, str(found)], fuzz_targets.TARGETS[target]
        )
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
