from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from made import NOW, make

from sidecar.errors import ConfigError, IdentityError
from sidecar.tls.files import IDENTITY_LIMIT, TRUST_LIMIT, IdentityFiles, load, read, read_trust, refuse_exposed
from sidecar.tls.identity import IdentityBytes

if TYPE_CHECKING:
    from pathlib import Path


def test_the_files_that_are_named_are_read_whole(tmp_path: Path) -> None:
    names = {"certificate_file": "a", "key_file": "b", "pkcs12_file": "c"}
    for name in names.values():
        (tmp_path / name).write_bytes(name.encode() * 3)
    files = IdentityFiles(**{key: str(tmp_path / name) for key, name in names.items()})
    assert read(files) == IdentityBytes(certificate=b"aaa", key=b"bbb", pkcs12=b"ccc")
    assert read(IdentityFiles()) == IdentityBytes()


def test_a_pair_on_disk_becomes_an_identity(tmp_path: Path) -> None:
    made = make()
    (tmp_path / "client.crt").write_bytes(made.certificate_pem)
    (tmp_path / "client.key").write_bytes(made.key_pem)
    files = IdentityFiles(certificate_file=str(tmp_path / "client.crt"), key_file=str(tmp_path / "client.key"))
    assert load(files, None, NOW).subject == "CN=shop-7"


def test_a_link_that_is_swapped_brings_the_new_content(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "data").symlink_to("old")
    files = IdentityFiles(pkcs12_file=str(tmp_path / "data"))
    before = read(files)
    (tmp_path / "next").symlink_to("new")
    (tmp_path / "next").rename(tmp_path / "data")
    assert (before.pkcs12, read(files).pkcs12) == (b"old", b"new")


@pytest.mark.parametrize("key", ["certificate_file", "key_file", "pkcs12_file"])
def test_a_missing_file_is_named_with_its_key_and_the_reason(tmp_path: Path, key: str) -> None:
    path = str(tmp_path / "nowhere")
    with pytest.raises(IdentityError) as caught:
        read(IdentityFiles(**{key: path}))
    assert caught.value.detail == f"identity.{key}: the file cannot be read: No such file or directory ({path})"
    assert f"identity.{key}" in caught.value.remedy


def test_an_empty_a_huge_and_an_odd_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "huge").write_bytes(b"x" * (IDENTITY_LIMIT + 1))
    os.mkfifo(tmp_path / "pipe")
    whys = {"empty": "is empty", "huge": "larger than 1 MiB", "pipe": "not a regular file", ".": "not a regular file"}
    for name, why in whys.items():
        with pytest.raises(IdentityError, match=why):
            read(IdentityFiles(certificate_file=str(tmp_path / name)))


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "full").write_bytes(b"x" * IDENTITY_LIMIT)
    assert read(IdentityFiles(pkcs12_file=str(tmp_path / "full"))).pkcs12 == b"x" * IDENTITY_LIMIT


def test_a_trust_file_may_be_larger_but_has_its_bound_too(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"x" * (IDENTITY_LIMIT + 1))
    assert len(read_trust("upstream.ca_file", str(tmp_path / "ca.pem"))) == IDENTITY_LIMIT + 1
    with (tmp_path / "ca.pem").open("ab") as file:
        file.truncate(TRUST_LIMIT + 1)
    with pytest.raises(ConfigError, match="larger than 32 MiB"):
        read_trust("upstream.ca_file", str(tmp_path / "ca.pem"))


def test_a_trust_file_that_cannot_be_read_is_a_matter_of_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_trust("upstream.crl_file", str(tmp_path / "nowhere"))
    assert caught.value.detail.startswith("upstream.crl_file: the file cannot be read")
    assert "upstream.crl_file" in caught.value.remedy


# ── keys that everybody can read ────────────────────────────────────────────────────────────────────────────────


def laid(tmp_path: Path, mode: int, *, of: str) -> IdentityFiles:
    """Lay a pair and a PKCS#12 file down; `of` is the one with this mode, the others are the owner's alone."""
    made = make()
    names = {"certificate_file": made.certificate_pem, "key_file": made.key_pem, "pkcs12_file": b"any"}
    for name, content in names.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(mode if name == of else 0o600)
    return IdentityFiles(**{name: str(tmp_path / name) for name in names})


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o666])
@pytest.mark.parametrize("of", ["key_file", "pkcs12_file"])
def test_a_key_that_every_user_can_read_or_write_is_refused_with_the_remedies(
    tmp_path: Path, of: str, mode: int
) -> None:
    found = read(laid(tmp_path, mode, of=of))
    with pytest.raises(IdentityError) as caught:
        refuse_exposed(found)
    assert f"identity.{of}" in caught.value.detail
    assert f"mode {mode:04o}" in caught.value.detail
    for remedy in ("chmod 600", "defaultMode: 0440", "identity.unsafe_key_mode"):
        assert remedy in caught.value.remedy


@pytest.mark.parametrize(("of", "mode"), [("key_file", 0o640), ("pkcs12_file", 0o440), ("certificate_file", 0o644)])
def test_a_group_may_read_a_key_and_everybody_a_certificate(tmp_path: Path, of: str, mode: int) -> None:
    refuse_exposed(read(laid(tmp_path, mode, of=of)))


def test_a_certificate_file_with_the_key_in_it_is_a_key_file(tmp_path: Path) -> None:
    made = make()
    (tmp_path / "both").write_bytes(made.certificate_pem + made.key_pem)
    (tmp_path / "both").chmod(0o644)
    with pytest.raises(IdentityError, match="certificate_file"):
        refuse_exposed(read(IdentityFiles(certificate_file=str(tmp_path / "both"))))


def test_a_link_is_judged_by_what_it_leads_to(tmp_path: Path) -> None:
    laid(tmp_path, 0o600, of="key_file")
    (tmp_path / "link").symlink_to("key_file")  # a link's own mode is 0777
    refuse_exposed(read(IdentityFiles(key_file=str(tmp_path / "link"))))
    (tmp_path / "key_file").chmod(0o644)
    with pytest.raises(IdentityError):
        refuse_exposed(read(IdentityFiles(key_file=str(tmp_path / "link"))))


def test_where_it_is_taken_all_the_same_the_identity_carries_a_warning(tmp_path: Path) -> None:
    files = laid(tmp_path, 0o644, of="key_file")
    pair = IdentityFiles(certificate_file=files.certificate_file, key_file=files.key_file)
    assert any("every user of this machine" in warning for warning in load(pair, None, NOW).warnings)
