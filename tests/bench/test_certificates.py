"""The certificates of a run: P-256, from one authority, each for its own side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from bench.certificates import write_certificates

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "usage"), [("server", ExtendedKeyUsageOID.SERVER_AUTH), ("client", ExtendedKeyUsageOID.CLIENT_AUTH)]
)
def test_each_side_has_its_own_and_nobody_else_reads_its_key(
    tmp_path: Path, name: str, usage: x509.ObjectIdentifier
) -> None:
    write_certificates(tmp_path)
    authority = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    leaf = x509.load_pem_x509_certificate((tmp_path / f"{name}.crt").read_bytes())
    leaf.verify_directly_issued_by(authority)
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [usage]
    assert (tmp_path / f"{name}.key").stat().st_mode & 0o077 == 0
