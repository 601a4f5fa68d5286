"""Compares two runs of a test suite, and what differs with the list of what differs by design.

`python bothruns.py DIRECT.xml SIDECAR.xml DESIGN.toml`: exit status 0 when the list says it all and nothing more.
"""

from __future__ import annotations

import sys
import tomllib
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OUTCOMES = {"failure": "failed", "error": "failed", "skipped": "skipped"}


def outcomes(report: Path) -> dict[str, str]:
    """Return each test's outcome by its id, out of a JUnit report that our own run has written."""
    cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314  # written by pytest a moment ago
    return {f"{case.get('classname')}::{case.get('name')}": _outcome(case) for case in cases}


def _outcome(case: ET.Element) -> str:
    return next((_OUTCOMES[child.tag] for child in case if child.tag in _OUTCOMES), "passed")


def complaints(direct: Mapping[str, str], ours: Mapping[str, str], design: Mapping[str, str]) -> Iterator[str]:
    """Yield what must not be: a difference without a reason, a reason without a difference, a direct failure."""
    for test in sorted({*direct, *ours, *design}):
        said = f"{direct.get(test, 'missing')} directly, {ours.get(test, 'missing')} through the sidecar"
        if (direct.get(test) != ours.get(test)) != (test in design):
            yield f"{test}: {said}, {'listed' if test in design else 'not listed'} as by design"
        elif direct.get(test) == "failed":
            yield f"{test}: {said}"


def main(direct_report: str, our_report: str, design_file: str) -> int:
    """Print both result lines, what differs by design, what must not be, and the figures of it all."""
    direct, ours = outcomes(Path(direct_report)), outcomes(Path(our_report))
    design: dict[str, str] = tomllib.loads(Path(design_file).read_text(encoding="utf-8"))["by_design"]
    wrong = list(complaints(direct, ours, design))
    passed, ours_passed = (sum(outcome == "passed" for outcome in found.values()) for found in (direct, ours))
    figures = f"{passed} passed directly, {ours_passed} through the sidecar, {len(design)} listed as by design"
    lines = [
        *(f"{way}: {_counted(found)}" for way, found in (("directly", direct), ("through the sidecar", ours))),
        *(f"  by design: {test}: {reason}" for test, reason in design.items()),
        *(f"  NOT by design: {line}" for line in wrong),
        f"requests_suite: {figures}, {len(wrong)} otherwise",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if wrong or not direct else 0


def _counted(found: Mapping[str, str]) -> str:
    counts = Counter(found.values())
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in sorted(counts))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
