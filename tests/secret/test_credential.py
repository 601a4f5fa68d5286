from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sidecar.config.refs import CredentialRef
from sidecar.errors import SecretError
from sidecar.secret import credential

if TYPE_CHECKING:
    from pathlib import Path

REF = CredentialRef("finhub.password")


def test_a_credential_is_a_file_in_the_folder_that_the_service_manager_names(tmp_path: Path) -> None:
    (tmp_path / "finhub.password").write_text("s3cret\n")
    assert credential.read(REF, {"CREDENTIALS_DIRECTORY": str(tmp_path)}).reveal() == "s3cret"


@pytest.mark.parametrize("environ", [{}, {"CREDENTIALS_DIRECTORY": ""}])
def test_without_such_a_folder_the_line_for_the_unit_is_told(environ: dict[str, str]) -> None:
    with pytest.raises(SecretError, match="CREDENTIALS_DIRECTORY is not set") as caught:
        credential.read(REF, environ)
    assert "LoadCredential=finhub.password:PATH" in caught.value.remedy


def test_one_that_was_not_passed_in_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"the credential finhub.password: .*No such file") as caught:
        credential.read(REF, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert "LoadCredential=finhub.password:PATH" in caught.value.remedy
