"""What a secret's text may be, wherever it comes from.

Pure.
"""

from __future__ import annotations

from typing import Final

from sidecar.errors import SecretError
from sidecar.redact import Secret

LONGEST: Final = 64 * 1024  # bytes


def secret(content: bytes, where: str) -> Secret:
    """Return the secret in `content`; `where` names its place in errors, which never show the content.

    Raises SecretError if it is empty, longer than 64 KiB, not UTF-8, or has a NUL in it.
    """
    if not content:
        raise SecretError(f"{where} is empty", remedy=f"Put the secret into {where}.")
    if len(content) > LONGEST:
        raise SecretError(f"{where} holds more than 64 KiB", remedy="Name the place of the secret alone.")
    if b"\0" in content:
        raise SecretError(f"{where} holds a NUL byte", remedy=f"Put the secret into {where} as UTF-8 text.")
    try:
        return Secret(content.decode())
    except UnicodeDecodeError:
        raise SecretError(f"{where} is not UTF-8", remedy=f"Put the secret into {where} as UTF-8 text.") from None


def less_one_newline(content: bytes) -> bytes:
    r"""Return `content` less one trailing newline (`\n` or `\r\n`), which programs put there and no secret has."""
    return content.removesuffix(b"\r\n") if content.endswith(b"\r\n") else content.removesuffix(b"\n")
