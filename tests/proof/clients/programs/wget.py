"""GNU Wget: one call of the program for each behaviour."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from loop import BASE, DOCUMENTS, FOLDER, serve

COMMAND = ("wget", "--no-config", "--no-hsts", "--quiet", "--server-response", "--content-on-error", "--tries=1")
STATUS = re.compile(r"^  HTTP/\S+ (\d+)")
FIELD = re.compile(r"^  (Content-Length|Location): (.*)$", re.IGNORECASE)
SMALL = f"{BASE}/api/bytes/1000"


def wget(*arguments: str, code: int = 0) -> list[dict[str, object]]:
    """Return what wget saw: the fields that it prints, and its file, to which each body is added."""
    file = FOLDER / f"body-{os.urandom(8).hex()}"
    done = subprocess.run(
        [*COMMAND, "-T", "30", "-O", str(file), *arguments], check=False, capture_output=True, text=True, timeout=40
    )
    if done.returncode != code:
        raise RuntimeError(done.stderr)
    seen: list[dict[str, object]] = []
    for line in done.stderr.splitlines():
        if match := STATUS.match(line):
            seen.append({"status": int(match[1]), "file": str(file), "length": "", "location": ""})
        elif match := FIELD.match(line):
            seen[-1][match[1].lower().removeprefix("content-")] = match[2]
    return [reply for reply in seen if reply["status"] != 100]


def apart(file: Path, *sizes: int) -> list[str]:
    """Cut a file of several bodies into one for each."""
    with file.open("rb") as whole:
        pieces = [whole.read(size) for size in sizes]
        pieces[-1] += whole.read()
    files = [file.with_name(f"{file.name}.{number}") for number in range(len(pieces))]
    for part, piece in zip(files, pieces, strict=True):
        part.write_bytes(piece)
    return [str(part) for part in files]


def several(*wanted: str, sizes: tuple[int, ...], more: tuple[str, ...] = ()) -> list[dict[str, object]]:
    """Return what one call saw that asked for several URLs."""
    seen = wget(*more, *wanted)
    files = apart(Path(str(seen[0]["file"])), *sizes)
    return [{**reply, "file": file} for reply, file in zip(seen, files, strict=True)]


def post(path: str, name: str, kind: str, *more: str) -> list[dict[str, object]]:
    """Return what a POST of a file saw."""
    return wget(*more, "--method=POST", f"--body-file={FOLDER}/{name}", f"--header=Content-Type: {kind}", BASE + path)


def parallel() -> list[dict[str, object]]:
    """A process for each: wget does one thing at a time."""
    with ThreadPoolExecutor(20) as pool:
        seen = pool.map(lambda number: wget(f"{BASE}/api/echo/parallel-{number}"), range(20))
        return [reply for replies in seen for reply in replies]


KIND = "application/octet-stream"


def redirect() -> list[dict[str, object]]:
    """Return what wget tells of a redirect that it does not follow: it writes no body then."""
    (seen,) = wget("--max-redirect=0", f"{BASE}/api/moved", code=8)
    return [{"status": seen["status"], "size": None, "location": seen["location"]}]


serve(
    {
        "get": lambda: wget(f"{BASE}/api/bytes/100000"),
        "streamed": lambda: wget(f"{BASE}/api/bytes/100000?chunked"),
        "json": lambda: post("/api/echo/payments", "payment.json", "application/json"),
        "multipart": lambda: post(DOCUMENTS, "form.bin", "multipart/form-data; boundary=form-4711"),
        "expect": lambda: post("/api/sink", "upload.bin", KIND, "--header=Expect: 100-continue"),
        "keep-alive": lambda: several(SMALL, SMALL, SMALL, sizes=(1000, 1000, 1000)),
        "close": lambda: several(SMALL, SMALL, sizes=(1000, 1000), more=("--no-http-keep-alive",)),
        "head": lambda: wget("--method=HEAD", SMALL),
        "gzip": lambda: wget("--compression=gzip", f"{BASE}/api/gzip/100000"),
        "no content": lambda: several(f"{BASE}/api/status/204", f"{BASE}/api/bytes/10", sizes=(0, 10)),
        "revoked": lambda: post("/api/echo/payments", "payment.json", "application/json"),
        "parallel": parallel,
        "redirect": redirect,
    }
)
