"""What the programs in Python 3 share: behaviours by the line on standard input, and a line of JSON out for each.

`{"replies": [{"status": 200, "file": "…"}]}` says what the client saw; a body lies in a file beside the others.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Behaviours = Mapping[str, Callable[[], list[dict[str, object]]]]

BASE, FOLDER = sys.argv[1], Path(sys.argv[2])
JSON = {"Content-Type": "application/json"}
BYTES = {"Content-Type": "application/octet-stream"}
DOCUMENTS = "/api/v2.1/customer/individual/2001/documents"
FORM = {"Content-Type": "multipart/form-data; boundary=form-4711"}


def content(name: str) -> bytes:
    """Return one of the files that lie ready."""
    return (FOLDER / name).read_bytes()


def saw(status: int, body: bytes, fields: Mapping[str, str]) -> dict[str, object]:
    """Return one reply as it is reported."""
    file = FOLDER / f"body-{os.urandom(8).hex()}"
    file.write_bytes(body)
    return {
        "status": status,
        "file": str(file),
        "length": fields.get("Content-Length", ""),
        "location": fields.get("Location", ""),
    }


def serve(behaviours: Behaviours) -> None:
    """Do what each line asks for; whatever goes wrong is told, and the next line is read."""
    for line in sys.stdin:
        try:
            told: dict[str, object] = {"replies": behaviours[line.strip()]()}
        except Exception as error:  # noqa: BLE001  # whatever it is, the test shows it
            told = {"error": repr(error)}
        sys.stdout.write(f"{json.dumps(told)}\n")
        sys.stdout.flush()
