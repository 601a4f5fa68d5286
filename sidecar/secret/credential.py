"""A secret that the service manager passes in, in a folder of this service's own (systemd.exec(5), LoadCredential=)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidecar.config.refs import FileRef
from sidecar.errors import SecretError
from sidecar.secret import file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.config.refs import CredentialRef
    from sidecar.redact import Secret

_FOLDER: Final = "CREDENTIALS_DIRECTORY"


def read(ref: CredentialRef, environ: Mapping[str, str]) -> Secret:
    """Return the credential `ref.name`, less one trailing newline. Blocks.

    Raises SecretError if no service manager passed any in, or not this one, or if it is not a secret's text.
    """
    folder = environ.get(_FOLDER)
    if not folder:
        raise SecretError(
            f"the credential {ref.name} is not there: {_FOLDER} is not set",
            remedy=f"Write LoadCredential={ref.name}:PATH, or LoadCredentialEncrypted=, into the unit.",
        )
    try:
        return file.read(FileRef(str(Path(folder, ref.name))))
    except SecretError as error:
        remedy = f"Check LoadCredential={ref.name}:PATH in the unit, and restart it."
        raise SecretError(f"the credential {ref.name}: {error.detail}", remedy=remedy) from None
