"""Python 3, `urllib.request`: the standard library's, without a redirect handler."""

from __future__ import annotations

import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from loop import BASE, BYTES, DOCUMENTS, FOLDER, FORM, JSON, content, saw, serve


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_: object) -> None:
        """Leave the reply as it is."""


opener = urllib.request.build_opener(Stay)


def call(method: str, path: str, data: object = None, fields: dict[str, str] | None = None) -> dict[str, object]:
    """Return what a request saw."""
    request = urllib.request.Request(BASE + path, data, fields or {}, method=method)  # noqa: S310  # http on loopback
    try:
        with opener.open(request, timeout=60) as reply:
            return saw(reply.status, reply.read(), reply.headers)
    except urllib.error.HTTPError as reply:
        with reply:
            return saw(reply.code, reply.read(), reply.headers)


def chunked() -> list[dict[str, object]]:
    """An open file whose length nobody tells goes out in chunks."""
    with (FOLDER / "upload.bin").open("rb") as upload:
        return [call("POST", "/api/sink", iter(lambda: upload.read(50_000), b""), BYTES)]


def parallel() -> list[dict[str, object]]:
    """A thread for each."""
    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(lambda number: call("GET", f"/api/echo/parallel-{number}"), range(20)))


serve(
    {
        "get": lambda: [call("GET", "/api/bytes/100000")],
        "streamed": lambda: [call("GET", "/api/bytes/100000?chunked")],
        "json": lambda: [call("POST", "/api/echo/payments", content("payment.json"), JSON)],
        "multipart": lambda: [call("POST", DOCUMENTS, content("form.bin"), FORM)],
        "chunked": chunked,
        "expect": lambda: [call("POST", "/api/sink", content("upload.bin"), {**BYTES, "Expect": "100-continue"})],
        "close": lambda: [call("GET", "/api/bytes/1000", None, {"Connection": "close"}) for _ in range(2)],
        "head": lambda: [call("HEAD", "/api/bytes/1000")],
        "gzip": lambda: [call("GET", "/api/gzip/100000", None, {"Accept-Encoding": "gzip"})],
        "no content": lambda: [call("GET", path) for path in ("/api/status/204", "/api/bytes/10")],
        "revoked": lambda: [call("POST", "/api/echo/payments", content("payment.json"), JSON)],
        "parallel": parallel,
        "redirect": lambda: [call("GET", "/api/moved")],
    }
)
