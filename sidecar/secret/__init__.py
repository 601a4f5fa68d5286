"""Where secrets come from, one module per kind of place; they are read as late as possible.

Thin: reads files and the given environment, and blocks; not for an event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.config.refs import EnvRef, SecretRef
from sidecar.secret import env, file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.redact import Secret

__all__ = ["read"]


def read(ref: SecretRef, environ: Mapping[str, str]) -> Secret:
    """Return the secret that a reference names, as it is at this moment. Raises SecretError, which never shows it."""
    if isinstance(ref, EnvRef):
        return env.read(ref, environ)
    return file.read(ref)
