"""Python 3, `requests`: one session for all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from loop import BASE, BYTES, DOCUMENTS, FOLDER, JSON, content, saw, serve

session = requests.Session()


def call(method: str, path: str, **more: Any) -> dict[str, object]:
    """Return what a request saw."""
    reply = session.request(method, BASE + path, allow_redirects=False, timeout=60, **more)
    return saw(reply.status_code, reply.content, reply.headers)


def chunked() -> list[dict[str, object]]:
    """A generator goes out in chunks."""
    with (FOLDER / "upload.bin").open("rb") as upload:
        return [call("POST", "/api/sink", data=iter(lambda: upload.read(50_000), b""), headers=BYTES)]


def documents() -> list[dict[str, object]]:
    """The library writes the form."""
    files = {name: (f"{name}.bin", content(f"{name}.bin")) for name in ("file", "back")}
    return [call("POST", DOCUMENTS, data={"documentType": "PASSPORT"}, files=files)]


def parallel() -> list[dict[str, object]]:
    """A thread for each, which the session's documentation forbids for nothing but cookies."""
    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(lambda number: call("GET", f"/api/echo/parallel-{number}"), range(20)))


serve(
    {
        "get": lambda: [call("GET", "/api/bytes/100000")],
        "streamed": lambda: [call("GET", "/api/bytes/100000?chunked")],
        "json": lambda: [call("POST", "/api/echo/payments", data=content("payment.json"), headers=JSON)],
        "multipart": documents,
        "chunked": chunked,
        "expect": lambda: [
            call("POST", "/api/sink", data=content("upload.bin"), headers={**BYTES, "Expect": "100-continue"})
        ],
        "keep-alive": lambda: [call("GET", "/api/bytes/1000") for _ in range(3)],
        "close": lambda: [call("GET", "/api/bytes/1000", headers={"Connection": "close"}) for _ in range(2)],
        "head": lambda: [call("HEAD", "/api/bytes/1000")],
        "gzip": lambda: [call("GET", "/api/gzip/100000")],
        "no content": lambda: [call("GET", path) for path in ("/api/status/204", "/api/bytes/10")],
        "revoked": lambda: [call("POST", "/api/echo/payments", data=content("payment.json"), headers=JSON)],
        "parallel": parallel,
        "redirect": lambda: [call("GET", "/api/moved")],
    }
)
