"""ApacheBench, which speaks HTTP/1.0: one call of the program for each behaviour.

It tells sizes, and shows no whole body. It waits for its first reply before it makes twenty connections.
"""

from __future__ import annotations

import re
import subprocess

from loop import BASE, DOCUMENTS, FOLDER, serve

STATUS = re.compile(rb"^(?:LOG: Response code = |WARNING: Response code not 2xx \()(\d+)", re.MULTILINE)
LOCATION = re.compile(rb"^Location: ([^\r\n]*)", re.MULTILINE)
TOTALS = re.compile(rb"^(Complete requests|Failed requests|HTML transferred): +(\d+)", re.MULTILINE)
FORM = ("-p", f"{FOLDER}/form.bin", "-T", "multipart/form-data; boundary=form-4711", BASE + DOCUMENTS)
PAYMENT = ("-p", f"{FOLDER}/payment.json", "-T", "application/json", f"{BASE}/api/echo/payments")
UPLOAD = ("-p", f"{FOLDER}/upload.bin", "-T", "application/octet-stream", f"{BASE}/api/sink")
SMALL = f"{BASE}/api/bytes/1000"


def ab(*arguments: str) -> list[dict[str, object]]:
    """Return what ab counted; all replies to one call must be of one size, as ab itself demands."""
    done = subprocess.run(["ab", "-q", "-s", "20", "-v", "4", *arguments], check=True, capture_output=True, timeout=30)
    statuses = [int(status) for status in STATUS.findall(done.stdout)]
    totals = {name: int(number) for name, number in TOTALS.findall(done.stdout)}
    if totals[b"Failed requests"] or totals[b"Complete requests"] != len(statuses):
        raise RuntimeError(f"{totals}, {statuses}")
    size, location = totals[b"HTML transferred"] // len(statuses), b"".join(LOCATION.findall(done.stdout))
    return [{"status": status, "size": size, "location": location.decode()} for status in statuses]


serve(
    {
        "get": lambda: ab("-n", "1", f"{BASE}/api/bytes/100000"),
        "streamed": lambda: ab("-n", "1", "-k", f"{BASE}/api/bytes/100000?chunked"),
        "json": lambda: ab("-n", "1", *PAYMENT),
        "multipart": lambda: ab("-n", "1", *FORM),
        "expect": lambda: ab("-n", "1", "-H", "Expect: 100-continue", *UPLOAD),
        "keep-alive": lambda: ab("-n", "3", "-k", SMALL),
        "close": lambda: ab("-n", "2", SMALL),
        "head": lambda: ab("-n", "1", "-i", SMALL),
        "gzip": lambda: ab("-n", "1", "-H", "Accept-Encoding: gzip", f"{BASE}/api/gzip/100000"),
        "no content": lambda: ab("-n", "2", "-k", f"{BASE}/api/status/204"),
        "revoked": lambda: ab("-n", "1", *PAYMENT),
        "parallel": lambda: ab("-n", "21", "-c", "20", f"{BASE}/api/echo/parallel-0"),
        "redirect": lambda: ab("-n", "1", f"{BASE}/api/moved"),
    }
)
