"""Runs Autobahn's suite on both ways at once, see .ci/websocket-suite.

`python wssuite.py SCRATCH PYTHON27 PACKAGES CASE…`: exit status 0 when each case ended the same way on both, and each
tunnel in order.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import wsstage
from agreed import counted, differences, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agreed import Verdict
    from wsstage import Ways

PATIENCE = 10.0
"""Seconds for the last line about a tunnel to be written."""

LAUNCHER = """
import site, sys, unittest
site.addsitedir(sys.argv[1])
sys.modules["unittest2"] = unittest
from autobahntestsuite.wstest import run
sys.argv[1:] = sys.argv[2:]
run()
"""


class Run:
    """The suite, on one way."""

    def __init__(self, scratch: Path, program: list[str], where: str, cases: list[str]) -> None:
        scratch.mkdir()
        self._report = scratch / "report"
        self._log = scratch / "log"
        spec = {
            "outdir": str(self._report),
            "servers": [{"agent": "echo", "url": f"ws://{where}/"}],
            "cases": cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        (scratch / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        command = [*program, "-m", "fuzzingclient", "-s", str(scratch / "spec.json")]
        with self._log.open("wb") as log:
            environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=scratch, env=environ)

    def verdicts(self) -> dict[str, Verdict]:
        """Wait for the end, and return what it found; what it printed is printed where it found nothing."""
        self._process.wait()
        index = self._report / "index.json"
        if not index.exists():
            sys.stdout.write(self._log.read_text(encoding="utf-8", errors="replace")[-4000:])
            return {}
        return verdicts(json.loads(index.read_text(encoding="utf-8")))


def main(scratch: str, python: str, packages: str, *cases: str) -> int:
    """Run it; print what differs, and the counts."""
    program = [python, "-B", "-c", LAUNCHER, packages]
    with wsstage.staged() as ways:
        places = {"direct": ways.direct, "through": ways.through}
        runs = [Run(Path(scratch, name), program, place, list(cases)) for name, place in places.items()]
        direct, ours = (run.verdicts() for run in runs)
        wrong = [*differences(direct, ours), *_odd_ends(ways, len(ours))]
    for line in wrong:
        sys.stdout.write(f"  {line}\n")
    sys.stdout.write(
        f"websocket_suite: {len(direct)} cases directly ({counted(direct)}), {len(ours)} through the sidecar "
        f"({counted(ours)}), {len(wrong)} otherwise\n"
    )
    return 1 if wrong or not direct else 0


def _odd_ends(ways: Ways, cases: int) -> Iterator[str]:
    """Yield what the sidecar's log has against it: a tunnel that did not end in order, one too few, or a bug."""
    end = time.monotonic() + PATIENCE
    while len(lines := ways.requests()) < cases and time.monotonic() < end:
        time.sleep(0.1)
    tunnels = [line for line in lines if line["status"] == 101]
    if len(tunnels) < cases:
        yield f"{len(tunnels)} tunnels for {cases} cases"
    for line in [*(line for line in tunnels if line["outcome"] != "complete"), *ways.sidecar.bugs()]:
        yield f"the sidecar says {line}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
