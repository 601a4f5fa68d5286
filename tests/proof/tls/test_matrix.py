"""Every way in which TLS with FinHub can fail, through the real program: what a caller reads, what `check` says.

What each cell must be stands in `matrix.toml`; `docs/tls.md` is made from it (see tests/support/tlsmatrix.py).
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import os
import shutil
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
from calling import get, until
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from made import DAY, Made, make, pem
from staging import SidecarProcess
from tlsmatrix import ROOT as PROJECT
from tlsmatrix import Cell, Verdict, page, rows
from tlsserver import server_context, serving
from tokenstub import token_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    Server = Callable[[Path, str], AbstractContextManager[int]]  # folder and TLS version → port

NOW: Final = dt.datetime.now(dt.UTC).replace(microsecond=0)
SERVER_AUTH: Final = (ExtendedKeyUsageOID.SERVER_AUTH,)
VERSIONS: Final = {"1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
PROGRAMS: Final = f"{os.environ.get('PATH', '')}:/usr/sbin"
PATH: Final = "/api/v2.1/wallets/w-1/balance"


# ── certificates ────────────────────────────────────────────────────────────────────────────────────────────────


def authority(name: str, *, end: dt.datetime = NOW + 400 * DAY, key: rsa.RSAPrivateKey | None = None) -> Made:
    return make(name, ca=True, usages=(), begin=NOW - 400 * DAY, end=end, key=key)


ROOT: Final = authority("root")
STRANGER: Final = authority("stranger")
BYGONE: Final = authority("bygone", end=NOW - DAY)  # FinHub's verification finds "certificate has expired"
RSA_ROOT: Final = authority("rsa root", key=rsa.generate_private_key(65537, 2048))
TRUSTED_HERE: Final = ROOT.certificate_pem + RSA_ROOT.certificate_pem
TRUSTED_THERE: Final = ROOT.certificate_pem + BYGONE.certificate_pem


def of_server(**special: object) -> Made:
    ordinary = {"issuer": ROOT, "host": "localhost", "usages": SERVER_AUTH, "begin": NOW - DAY, "end": NOW + 9 * DAY}
    return make("finhub", **{**ordinary, **special})  # type: ignore[arg-type]  # each scenario names what it changes


def of_client(issuer: Made) -> Made:
    return make("shop-7", issuer=issuer, begin=NOW - DAY, end=NOW + 60 * DAY)


def signed_with_sha1(made: Made, key: rsa.RSAPrivateKey) -> bytes:
    """Return an RSA-signed certificate as PEM, signed anew over SHA-1: no library offers that any more."""
    sha256, sha1 = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
    der = made.certificate.public_bytes(Encoding.DER).replace(sha256, sha1)
    signed = made.certificate.tbs_certificate_bytes.replace(sha256, sha1)
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303  # too weak is the point
    return pem("CERTIFICATE", der[: -len(signature)] + signature)


def revocations(issuer: Made, *revoked: Made, age: int = 0) -> bytes:
    begin = NOW - dt.timedelta(hours=1, days=age)
    builder = x509.CertificateRevocationListBuilder(issuer.certificate.subject, begin, begin + DAY)
    for made in revoked:
        entry = x509.RevokedCertificateBuilder(made.certificate.serial_number, begin).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


WEAK_KEY: Final = rsa.generate_private_key(65537, 1024)  # noqa: S505  # too short is the point
GOOD: Final = of_server()
EASY: Final = of_server(issuer=RSA_ROOT)
OURS: Final = of_client(ROOT)


# ── servers ─────────────────────────────────────────────────────────────────────────────────────────────────────


def tls(made: Made, certificate: bytes | None = None) -> Server:
    """Return a server with this certificate, which demands one of ours."""

    @contextlib.contextmanager
    def run(folder: Path, version: str) -> Iterator[int]:
        context = context_of(made, folder, version, certificate)
        with serving(context) as server:
            yield server.port

    return run


def context_of(made: Made, folder: Path, version: str, certificate: bytes | None = None) -> ssl.SSLContext:
    path = folder / "server.pem"
    path.write_bytes((certificate or made.certificate_pem) + made.key_pem)
    return server_context(str(path), VERSIONS[version], clients=TRUSTED_THERE)


def easy_context(folder: Path) -> ssl.SSLContext:
    """Return what a server needs that is beyond doubt and asks for no certificate, whatever the scenario."""
    path = folder / "easy.pem"
    path.write_bytes(EASY.certificate_pem + EASY.key_pem)
    return server_context(str(path), ssl.TLSVersion.TLSv1_3)


@contextlib.contextmanager
def plain_http(_: Path, __: str) -> Iterator[int]:
    with serving(None) as server:
        yield server.port


@contextlib.contextmanager
def cutting(_: Path, __: str) -> Iterator[int]:
    """Run a server that reads what comes first and hangs up, in an orderly way."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


NGINX: Final = """
daemon off; pid nginx.pid; error_log stderr crit; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate server.pem; ssl_certificate_key server.pem;
    ssl_protocols TLSv{version}; ssl_client_certificate clients.pem; ssl_verify_client on;
    location / {{ return 204; }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, version: str) -> Iterator[int]:
    """Run nginx, which lets everybody in and refuses with a page that it sends instead of the reply."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    context_of(GOOD, folder, version)  # writes server.pem
    (folder / "clients.pem").write_bytes(TRUSTED_THERE)
    (folder / "nginx.conf").write_text(NGINX.format(port=port, version=version))
    command = [shutil.which("nginx", path=PROGRAMS) or "nginx", "-p", str(folder), "-c", "nginx.conf"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: answers(port), "nginx answers")
            yield port
        finally:
            process.terminate()


def answers(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is wrong: with the server, with the certificate that we present, or on the list of the revoked."""

    server: Server
    identity: Made | None = OURS
    crl: bytes | None = None


SCENARIOS: Final = {
    "expired": Scenario(server=tls(of_server(begin=NOW - 9 * DAY, end=NOW - DAY))),
    "not yet valid": Scenario(server=tls(of_server(begin=NOW + DAY))),
    "wrong host": Scenario(server=tls(of_server(host="shop.test"))),
    "unknown CA": Scenario(server=tls(of_server(issuer=STRANGER))),
    "self-signed": Scenario(server=tls(of_server(issuer=None))),
    "weak key": Scenario(server=tls(of_server(key=WEAK_KEY))),
    "weak signature": Scenario(
        server=tls(LEGACY := of_server(issuer=RSA_ROOT), signed_with_sha1(LEGACY, RSA_ROOT.key))
    ),
    "revoked": Scenario(server=tls(GOOD), crl=revocations(ROOT, GOOD) + revocations(RSA_ROOT)),
    "stale list": Scenario(server=tls(GOOD), crl=revocations(ROOT, age=9) + revocations(RSA_ROOT)),
    "TLS 1.1 only": Scenario(server=tls(GOOD)),
    "plain HTTP": Scenario(server=plain_http),
    "handshake cut": Scenario(server=cutting),
    "none presented": Scenario(server=tls(GOOD), identity=None),
    "none presented to nginx": Scenario(server=nginx, identity=None),
    "of another CA": Scenario(server=tls(GOOD), identity=of_client(STRANGER)),
    "refused by nginx": Scenario(server=nginx, identity=of_client(STRANGER)),
    "expired for FinHub": Scenario(server=tls(GOOD), identity=of_client(BYGONE)),
}


# ── one cell ────────────────────────────────────────────────────────────────────────────────────────────────────

CONFIG: Final = """
environment = "{environment}"
{identity}
[upstream]
url = "https://localhost:{upstream}"
ca_file = "ca.crt"
{crl}
[credentials]
username = "shop"
password = {{ env = "PROOF_PASSWORD" }}
customer_id = "client"
customer_secret = {{ env = "PROOF_PASSWORD" }}
tenant_id = "1234567"

[session]
url = "https://localhost:{session}"
login = "lazy"

[check]
path = "/api/v2.1/wallets/w-1/balance"
"""
IDENTITY: Final = '[identity]\ncertificate_file = "client.crt"\nkey_file = "client.key"'


def write(folder: Path, scenario: Scenario, *, upstream: int, session: int) -> str:
    """Write the configuration and its files, and return its path."""
    files = {"ca.crt": TRUSTED_HERE}
    if scenario.identity:
        files |= {"client.crt": scenario.identity.certificate_pem, "client.key": scenario.identity.key_pem}
    if scenario.crl:
        files["finhub.crl"] = scenario.crl
    for name, content in files.items():
        (folder / name).write_bytes(content)
    path = folder / "sidecar.toml"
    path.write_text(
        CONFIG.format(
            environment="production" if scenario.identity else "integration",
            identity=IDENTITY if scenario.identity else "",
            crl='crl_file = "finhub.crl"' if scenario.crl else "",
            upstream=upstream,
            session=session,
        )
    )
    return str(path)


def started(folder: Path, number: int, *arguments: str) -> SidecarProcess:
    environ = {
        "FINHUB_LISTEN__ADDRESS": "127.0.0.1:0",
        "FINHUB_ADMIN__ADDRESS": "127.0.0.1:0",
        "PROOF_PASSWORD": "made-up-password",
    }
    return SidecarProcess(list(arguments), environ, folder, number).start()


def met(folder: Path, config: str) -> Verdict:
    """Return what a caller and `check` are told."""
    run, check = started(folder, 1, "run", "--config", config), started(folder, 2, "check", "--config", config)
    try:
        got = get(run.listening().url + PATH)
        code = check.process.wait(30)
    finally:
        check.process.kill()
        run.end()
        check.process.wait()
    told = got.json if "Proxy-Status" in got.fields else {}
    step, advice = check.stdout.rstrip().splitlines()[-2:]
    return Verdict(
        status=got.status,
        error=got.fields["Proxy-Status"].removeprefix("finhub-sidecar; error=") if told else None,
        detail=told.get("detail"),
        remedy=told.get("remedy"),
        exit=code,
        step=step.removeprefix("✗ ").partition(":")[0],
        advice=advice.removeprefix("  → "),
    )


@pytest.mark.parametrize("cell", [cell for row in rows() for cell in row.cells], ids=str)
def test_each_cell_says_what_is_wrong_and_what_to_do(cell: Cell, tmp_path: Path) -> None:
    if "nginx" in cell.row and shutil.which("nginx", path=PROGRAMS) is None:
        pytest.skip("nginx is not installed")
    scenario = SCENARIOS[cell.row]
    with scenario.server(tmp_path, cell.version) as bad, token_endpoint(easy_context(tmp_path)) as tokens:
        config = write(tmp_path, scenario, upstream=bad, session=bad if cell.door == "token" else tokens)
        verdict = met(tmp_path, config)
    assert (cell.expected.detail or "") in (verdict.detail or "")
    assert dataclasses.replace(verdict, detail=cell.expected.detail) == cell.expected


def test_every_scenario_has_its_row() -> None:
    assert [row.name for row in rows()] == list(SCENARIOS)


def test_the_page_is_made_from_the_matrix(figures: Callable[[str], None]) -> None:
    written = (PROJECT / "docs" / "tls.md").read_text(encoding="utf-8")
    assert written == page(), "renew it with: python tests/support/tlsmatrix.py > docs/tls.md"
    figures(f"{sum(len(row.cells) for row in rows())} cells in {len(rows())} rows, docs/tls.md says what they do")


EXPIRED_HERE = make("shop-7", issuer=ROOT, begin=NOW - 9 * DAY, end=NOW - DAY)


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_client_certificate_out_of_date_here_is_never_presented(command: str, tmp_path: Path) -> None:
    with serving(context_of(GOOD, tmp_path, "1.3")) as server:
        scenario = Scenario(server=tls(GOOD), identity=EXPIRED_HERE)
        config = write(tmp_path, scenario, upstream=server.port, session=server.port)
        process = started(tmp_path, 1, command, "--config", config)
        assert process.process.wait(30) == 3
    assert server.peers == []
    said = process.stdout + process.stderr
    assert "the certificate of CN=shop-7 expired on" in said
    assert "Ask FinHub for a new certificate, and replace the files that [identity] names." in said
