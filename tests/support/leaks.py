"""Looks for secrets in what a program wrote: by value, in every spelling in which a value leaks."""

from __future__ import annotations

import base64
import json
import urllib.parse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHORTEST = 8  # a shorter value turns up by chance


def leaks(secrets: Iterable[str], texts: Mapping[str, str]) -> list[str]:
    """Return where a secret stands, a line each: "stderr of run-1: sha… in base64"; never the secret itself."""
    spellings = {
        form: f"{secret[:2]}… ({len(secret)} characters) {name}"
        for secret in secrets
        if len(secret) >= _SHORTEST
        for name, form in _spellings(secret)
    }
    return [f"{label}: {shown}" for label, text in texts.items() for form, shown in spellings.items() if form in text]


def _spellings(secret: str) -> Iterable[tuple[str, str]]:
    """Yield each way to write `secret`, with its name. A line break inside a PEM block may be escaped."""
    raw = secret.encode()
    yield "as it is", secret
    yield "percent-encoded", urllib.parse.quote(secret, safe="")
    yield "as a form", urllib.parse.quote_plus(secret)
    yield "as JSON", json.dumps(secret)[1:-1]
    yield "in hexadecimal", raw.hex()
    yield from (("in base64", form) for form in _base64(raw))


def _base64(raw: bytes) -> Iterable[str]:
    """Yield what is common to every base64 text around `raw`: wherever it begins, in both alphabets."""
    for before in range(3):
        padded = bytes(before) + raw
        whole = padded[: len(padded) // 3 * 3]
        first = -(-before * 8 // 6)  # characters that the bytes before have a part in
        yield base64.b64encode(whole).decode()[first:]
        yield base64.urlsafe_b64encode(whole).decode()[first:]


def pem_lines(pem: bytes) -> list[str]:
    """Return the lines of a PEM block that hold the key: any of them alone would be a leak."""
    return [line for line in pem.decode("ascii").splitlines() if line and not line.startswith("-----")]
