"""curl: one call of the program for each behaviour."""

from __future__ import annotations

import json
import os
import subprocess

from loop import BASE, DOCUMENTS, FOLDER, serve

COMMAND = ("curl", "-q", "--silent", "--show-error", "--max-time", "30")
TOLD = '{"status": %{http_code}, "location": "%header{location}", "length": "%header{content-length}"}\\n'
UPLOAD = ("--data-binary", f"@{FOLDER}/upload.bin", "-H", "Content-Type: application/octet-stream", f"{BASE}/api/sink")
PAYMENT = (
    "-H",
    "Content-Type: application/json",
    "--data-binary",
    f"@{FOLDER}/payment.json",
    f"{BASE}/api/echo/payments",
)


def curl(*arguments: str, bodies: int = 1) -> list[dict[str, object]]:
    """Return what curl saw: the lines that it writes about its transfers, and the files where their bodies are."""
    files = [str(FOLDER / f"body-{os.urandom(8).hex()}") for _ in range(bodies)]
    given = [word for file in files for word in ("-o", file)]
    done = subprocess.run([*COMMAND, "-w", TOLD, *given, *arguments], check=True, capture_output=True, timeout=40)
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    return [{**reply, "file": file} for reply, file in zip(replies, files, strict=True)]


def multipart() -> list[dict[str, object]]:
    """Let curl write the form."""
    parts = ("documentType=PASSPORT", *(f"{name}=@{FOLDER}/{name}.bin" for name in ("file", "back")))
    return curl(*(word for part in parts for word in ("-F", part)), BASE + DOCUMENTS)


def chunked() -> list[dict[str, object]]:
    """Say so in a field: curl does as that says."""
    return curl("-H", "Transfer-Encoding: chunked", "-H", "Expect:", *UPLOAD)


def head() -> list[dict[str, object]]:
    """Have no body: curl writes the fields where else that is."""
    return [{**reply, "file": os.devnull} for reply in curl("--head", f"{BASE}/api/bytes/1000")]


def parallel() -> list[dict[str, object]]:
    """Twenty transfers of one call."""
    wanted = [f"{BASE}/api/echo/parallel-{number}" for number in range(20)]
    return curl("--parallel", "--parallel-immediate", "--parallel-max", "20", *wanted, bodies=20)


SMALL = f"{BASE}/api/bytes/1000"
serve(
    {
        "get": lambda: curl(f"{BASE}/api/bytes/100000"),
        "streamed": lambda: curl(f"{BASE}/api/bytes/100000?chunked"),
        "json": lambda: curl(*PAYMENT),
        "multipart": multipart,
        "chunked": chunked,
        "expect": lambda: curl("-H", "Expect: 100-continue", *UPLOAD),
        "keep-alive": lambda: curl(SMALL, SMALL, SMALL, bodies=3),
        "close": lambda: curl("-H", "Connection: close", SMALL, SMALL, bodies=2),
        "head": head,
        "gzip": lambda: curl("--compressed", f"{BASE}/api/gzip/100000"),
        "no content": lambda: curl(f"{BASE}/api/status/204", f"{BASE}/api/bytes/10", bodies=2),
        "revoked": lambda: curl(*PAYMENT),
        "parallel": parallel,
        "redirect": lambda: curl(f"{BASE}/api/moved"),
    }
)
