from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sidecar.config.refs import FileRef
from sidecar.errors import SecretError
from sidecar.secret import file
from sidecar.secret.text import LONGEST

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, content: bytes) -> FileRef:
    path = folder / "secret"
    path.write_bytes(content)
    return FileRef(str(path))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b"secret\n\n", "secret\n"),
        (b"secret\r", "secret\r"),
        (b" s\xc3\xa4cret ", " säcret "),
    ],
)
def test_a_file_loses_one_trailing_newline_and_nothing_else(tmp_path: Path, content: bytes, text: str) -> None:
    assert file.read(written(tmp_path, content)).reveal() == text


@pytest.mark.parametrize("newline", [b"", b"\n", b"\r\n"])
def test_the_longest_secret_may_have_its_newline(tmp_path: Path, newline: bytes) -> None:
    assert len(file.read(written(tmp_path, b"x" * LONGEST + newline)).reveal()) == LONGEST


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n", b"x" * (LONGEST + 1), b"hunter2\0", b"hunter2\xff"])
def test_what_is_no_secret_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    ref = written(tmp_path, content)
    with pytest.raises(SecretError, match=f"the file {ref.path}") as caught:
        file.read(ref)
    assert "hunter2" not in caught.value.detail + caught.value.remedy


def test_a_file_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = str(tmp_path / "absent")
    with pytest.raises(SecretError, match="cannot be read: No such file") as caught:
        file.read(FileRef(path))
    assert path in caught.value.remedy


def test_a_folder_holds_no_secret(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="Is a directory"):
        file.read(FileRef(str(tmp_path)))


def test_a_path_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(SecretError, match="the path is not one"):
        file.read(FileRef("a\0b"))
