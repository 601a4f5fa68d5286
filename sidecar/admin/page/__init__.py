"""The page for the one on call: one reply that holds all of itself, and asks `/status` and `/history` alone.

Its three files lie beside this module. They are read when somebody first asks.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
from importlib import resources
from typing import Final

from sidecar.answer import Answer

_STYLE: Final = "<style></style>"
_SCRIPT: Final = "<script></script>"

_FIELDS: Final = (
    ("Cache-Control", "no-store"),
    ("Content-Type", "text/html; charset=utf-8"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


async def answer() -> Answer:
    """Return the page."""
    return await asyncio.to_thread(_made)


@functools.cache
def _made() -> Answer:
    style, script = _file("page.css"), _file("page.js")
    text = _file("index.html").replace(_STYLE, f"<style>{style}</style>").replace(_SCRIPT, f"<script>{script}</script>")
    return Answer(
        status=200, fields=(*_FIELDS, ("Content-Security-Policy", _policy(style, script))), body=text.encode()
    )


def _file(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Return what a browser may do with the page: run this very script and style, and ask us; nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "connect-src 'self'",
            "img-src data:",  # its icon, which tells the state in the browser's tab
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
