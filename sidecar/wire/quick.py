"""aiohttp, loaded without what it makes for itself at import and we never use: a TLS context that trusts the system.

Reading the system's authorities takes half as long as all the rest of aiohttp. Whoever speaks TLS through aiohttp
here brings a context of ours.
"""

from __future__ import annotations

import ssl
import sys
from typing import Any


def load_aiohttp() -> None:
    """Import aiohttp; its own default context then trusts nobody. Does nothing where it is loaded already."""
    if "aiohttp" in sys.modules:
        return
    module: Any = ssl
    making = ssl.create_default_context
    module.create_default_context = _trusting_nobody
    try:
        import aiohttp  # noqa: F401, PLC0415  # for its effect
    finally:
        module.create_default_context = making


def _trusting_nobody(*_: object, **__: object) -> ssl.SSLContext:
    """Return a context that verifies and knows no authority: used by mistake, it lets nothing through."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
