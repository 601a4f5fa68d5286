from __future__ import annotations

import json
import re
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from sidecar.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def openssl(*words: str) -> str:
    return subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def issued(folder: Path, *, days: str = "365", subject: str = "/O=Shop/CN=shop", usage: str = "clientAuth") -> str:
    """Let openssl make a key and a certificate; return their one file."""
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out", "c.pem", "-days", days),
        *("-subj", subject, "-addext", f"extendedKeyUsage={usage}"),
    )
    (folder / "both.pem").write_bytes((folder / "k.pem").read_bytes() + (folder / "c.pem").read_bytes())
    return "both.pem"


@pytest.mark.parametrize(
    ("made", "refused"),
    [
        ({}, []),
        ({"days": "400"}, ["validity"]),
        ({"subject": "/CN=shop"}, ["organization"]),
        ({"usage": "serverAuth"}, ["purpose"]),
    ],
)
def test_inspect_agrees_with_openssl(
    made: dict[str, str], refused: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = issued(folder, **made)
    assert main(["certs", "inspect", "--json", name]) == (3 if refused else 0)
    told = json.loads(capsys.readouterr().out)
    assert [one["rule"] for one in told["refusals"]] == refused
    assert told["key_matches"] is True
    text = openssl("x509", "-in", "c.pem", "-noout", "-text", "-purpose", "-serial")
    assert told["signature"] in text.lower()
    assert f"Public-Key: ({told['key'].removeprefix('RSA ')} bit)" in text
    assert f"serial={told['serial'].upper()}" in text.replace("serial=0", "serial=")
    client = re.search(r"^SSL client : (Yes|No)$", text, re.MULTILINE)
    assert client is not None
    assert told["client_auth"] is (client[1] == "Yes")


def test_inspect_opens_pkcs12_with_the_password_of_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    issued(folder)
    openssl("pkcs12", "-export", "-inkey", "k.pem", "-in", "c.pem", "-out", "c.p12", "-passout", "pass:hunter22")
    (folder / "password").write_text("hunter22\n")
    assert main(["certs", "inspect", "c.p12", "--password-file", "password"]) == 0
    assert "the private key belongs to it" in capsys.readouterr().out
    assert main(["certs", "inspect", "c.p12"]) == 3
    assert "--password-file" in capsys.readouterr().err


def test_inspect_names_a_file_that_cannot_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certs", "inspect", "absent"]) == 3
    assert "absent cannot be read: No such file" in capsys.readouterr().err
    (folder / "large").write_bytes(b"x" * (2**20 + 1))
    assert main(["certs", "inspect", "large"]) == 3
    assert "larger than 1 MiB" in capsys.readouterr().err


def test_csr_makes_a_private_key_and_its_request_and_never_overwrites(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["certs", "csr", "--organization", "Shop", "--common-name", "shop", "--kind", "rsa:2048"]
    assert main(words) == 0
    assert stat.S_IMODE((folder / "client.key").stat().st_mode) == 0o600
    assert openssl("req", "-in", "client.csr", "-noout", "-pubkey") == openssl("pkey", "-in", "client.key", "-pubout")
    assert "PRIVATE" not in capsys.readouterr().out
    before = (folder / "client.key").read_bytes()
    assert main(words) == 2
    assert (folder / "client.key").read_bytes() == before


def test_one_file_is_not_both_key_and_request(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["certs", "csr", "--organization", "Shop", "--common-name", "shop", "--kind", "ec:p256"]
    assert main([*words, "--key", "one", "--out", "./one"]) == 2
    assert "one cannot be both the key and the request" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_what_a_ca_makes_of_the_request_is_taken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certs", "csr", "--organization", "Shop", "--common-name", "shop"]) == 0
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA")
    openssl(
        *("x509", "-req", "-in", "client.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
        *("-copy_extensions", "copy", "-days", "365", "-out", "client.crt"),
    )
    capsys.readouterr()
    assert main(["certs", "inspect", "client.key", "client.crt", "ca.pem"]) == 0
    assert "chain      CN=CA" in capsys.readouterr().out


def test_dev_makes_what_openssl_verifies_and_inspect_takes(folder: Path) -> None:
    assert main(["certs", "dev", "--dir", "made/here"]) == 0
    home = folder / "made/here"
    for name, purpose in (("server", "sslserver"), ("client", "sslclient")):
        openssl("verify", "-CAfile", f"{home}/ca.crt", "-purpose", purpose, f"{home}/{name}.crt")
        assert stat.S_IMODE((home / f"{name}.key").stat().st_mode) == 0o600
    assert main(["certs", "inspect", f"{home}/client.crt", f"{home}/client.key", f"{home}/ca.crt"]) == 0
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    assert main(["certs", "dev", "--dir", "made/here"]) == 2
    assert {path.name: path.read_bytes() for path in home.iterdir()} == before


def test_dev_tells_what_it_cannot_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "file").touch()
    assert main(["certs", "dev", "--dir", "file"]) == 2
    assert "file cannot be made" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", " Shop", "Shop\n", "x" * 65, "\udcff"])
def test_a_name_that_no_subject_has_is_a_usage_error(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["dev", "--dir", "d", "--organization", name], ["csr", "--common-name", "x", "--organization", name]):
        with pytest.raises(SystemExit, match="2"):
            main(["certs", *words])
        assert "--organization: 1 to 64 printable" in capsys.readouterr().err
    assert list(folder.iterdir()) == []
