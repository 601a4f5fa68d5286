"""A secret in an environment variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.errors import SecretError
from sidecar.secret.text import secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.config.refs import EnvRef
    from sidecar.redact import Secret


def read(ref: EnvRef, environ: Mapping[str, str]) -> Secret:
    """Return the secret in the variable `ref.name`. Raises SecretError if it is unset or not a secret's text."""
    where = f"the variable {ref.name}"
    if ref.name not in environ:
        raise SecretError(f"{where} is not set", remedy=f"Set {ref.name} in the environment of the sidecar.")
    # surrogateescape: Python keeps bytes that are not UTF-8 as half characters; here they become those bytes again.
    return secret(environ[ref.name].encode("utf-8", "surrogateescape"), where)
