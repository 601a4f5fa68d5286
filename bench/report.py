"""What wrk reports.

Pure. `report.lua` prints it as the last line, in JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from bench.errors import BenchError


@dataclass(frozen=True, slots=True)
class Report:
    """Requests that were answered, and those that failed; times in microseconds."""

    requests: int
    microseconds: int
    p50: int
    p99: int
    failed: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests * 1e6 / self.microseconds


def parse(output: str) -> Report:
    """Return the report at the end of wrk's output; BenchError where there is none, or not one request was answered."""
    last = output.rstrip().rpartition("\n")[2]
    try:
        report = Report(**json.loads(last))
    except (ValueError, TypeError) as error:
        raise BenchError(f"wrk printed no report: {output[-300:]!r}") from error
    if not report.requests or not report.microseconds:
        raise BenchError("wrk was answered nothing")
    return report
