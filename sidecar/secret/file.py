"""A secret in a file, such as a mounted Kubernetes or Docker secret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.errors import SecretError
from sidecar.secret.text import LONGEST, less_one_newline, secret

if TYPE_CHECKING:
    from sidecar.config.refs import FileRef
    from sidecar.redact import Secret


def read(ref: FileRef) -> Secret:
    r"""Return the secret in the file at `ref.path`, less one trailing newline (`\n` or `\r\n`).

    Raises SecretError if the file cannot be read or does not hold a secret's text. Blocks.
    """
    where = f"the file {ref.path}"
    try:
        with Path(ref.path).open("rb") as file:
            content = file.read(LONGEST + 3)
    except (OSError, ValueError) as error:
        # Only the reason: what else an error says may quote what it read.
        reason = error.strerror if isinstance(error, OSError) else "the path is not one"
        remedy = f"Create {ref.path}, readable for the user that runs the sidecar, or name another file."
        raise SecretError(f"{where} cannot be read: {reason}", remedy=remedy) from None
    return secret(less_one_newline(content), where)
