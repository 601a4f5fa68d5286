from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import io
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Final

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from made import DAY, Made, make
from tlsserver import server_context, serving

from sidecar.errors import TlsAlertReceived, TlsCertificateError, TlsError
from sidecar.tls.context import client_context
from sidecar.tls.identity import IdentityBytes, parse
from sidecar.wire.client import NotSent, open_client
from sidecar.wire.tls_trouble import classify, classify_first_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NOW: Final = dt.datetime.now(dt.UTC).replace(microsecond=0)
SERVER_AUTH: Final = (ExtendedKeyUsageOID.SERVER_AUTH,)
ROOT: Final = make("root", ca=True, usages=(), begin=NOW - 400 * DAY, end=NOW + 400 * DAY)

both_versions = pytest.mark.parametrize("version", [V12, V13])


# ── three ways to meet a server: each returns what it raised ────────────────────────────────────────────────────


def raised_by(meeting: Callable[[], object]) -> Exception:
    """Return what `meeting` raised; one that goes well fails the test."""
    try:
        meeting()
    except (OSError, NotSent) as error:
        return error
    pytest.fail("nothing was raised")


def by_ssl(context: ssl.SSLContext, port: int, host: str = "localhost") -> Exception:
    """Shake hands, and read without having sent anything: so an alert is not overtaken by a reset."""

    def meet() -> None:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=host) as tls,
        ):
            tls.recv(1)

    return raised_by(meet)


def by_asyncio(context: ssl.SSLContext, port: int, host: str = "localhost") -> Exception:
    async def meet() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)
        try:
            await reader.read(1)
        finally:
            writer.transport.abort()

    return raised_by(lambda: asyncio.run(meet()))


def by_aiohttp(context: ssl.SSLContext, port: int, host: str = "localhost", body: bytes = b"") -> Exception:
    async def meet() -> None:
        url = f"https://127.0.0.1:{port}/"
        async with open_client() as http:
            await http.post(url, data=io.BytesIO(body), ssl=context, server_hostname=host)

    return raised_by(lambda: asyncio.run(meet()))


every_way = pytest.mark.parametrize("meet", [by_ssl, by_asyncio, by_aiohttp])


# ── FinHub's certificate ────────────────────────────────────────────────────────────────────────────────────────


def server_certificate(**special: object) -> Made:
    ordinary = {"issuer": ROOT, "host": "localhost", "usages": SERVER_AUTH, "begin": NOW - DAY, "end": NOW + DAY}
    return make("finhub", **{**ordinary, **special})  # type: ignore[arg-type]  # each test names what it changes


def revocations(*serials: int, issuer: Made = ROOT, age: int = 0) -> bytes:
    begin = NOW - dt.timedelta(hours=1, days=age)
    builder = x509.CertificateRevocationListBuilder(issuer.certificate.subject, begin, begin + DAY)
    for serial in serials:
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder(serial, begin).build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def file_of(made: Made, folder: Path) -> str:
    path = folder / "server.pem"
    path.write_bytes(made.certificate_pem + made.key_pem)
    return str(path)


WEAK_KEY = rsa.generate_private_key(65537, 1024)  # noqa: S505  # too short is the point
STRANGER = make("stranger", ca=True, usages=(), begin=NOW - DAY, end=NOW + DAY)

DISTRUSTED = {
    "expired": (server_certificate(begin=NOW - 9 * DAY, end=NOW - DAY), None, "has expired", "clock"),
    "not yet valid": (server_certificate(begin=NOW + DAY, end=NOW + 9 * DAY), None, "is not valid yet", "clock"),
    "another host": (server_certificate(host="shop.test"), None, "another host", "upstream.url"),
    "self-signed": (server_certificate(issuer=None), None, "is self-signed", "upstream.ca_file"),
    "unknown CA": (server_certificate(issuer=STRANGER), None, "a CA that is not trusted", "upstream.ca_file"),
    "weak key": (server_certificate(key=WEAK_KEY), None, "too weak", "stronger"),
    "wrong purpose": (
        server_certificate(usages=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
        None,
        "not made for a server",
        "upstream.url",
    ),
    "revoked": (server_certificate(), revocations(0xABC123), "was revoked", "ask FinHub"),
    "stale list": (server_certificate(), revocations(age=9), "out of date", "upstream.crl_file"),
    "other list": (server_certificate(), revocations(issuer=STRANGER), "no revocation list", "upstream.crl_file"),
}


@every_way
@pytest.mark.parametrize("name", DISTRUSTED)
def test_each_reason_not_to_trust_a_certificate_has_its_words(name: str, meet: Callable, tmp_path: Path) -> None:
    made, crl, detail, remedy = DISTRUSTED[name]
    context = client_context(None, ROOT.certificate_pem, crl)
    with serving(server_context(file_of(made, tmp_path), V13)) as server:
        error = classify(meet(context, server.port), presented=False)
    assert type(error) is TlsCertificateError
    assert detail in error.detail
    assert remedy in error.remedy


def test_under_tls_1_2_they_are_the_same(tmp_path: Path) -> None:
    context = client_context(None, STRANGER.certificate_pem)
    with serving(server_context(file_of(server_certificate(), tmp_path), V12)) as server:
        error = classify(by_aiohttp(context, server.port), presented=True)
    assert type(error) is TlsCertificateError
    assert error.detail == (
        "FinHub's certificate comes from a CA that is not trusted here: unable to get local issuer certificate."
    )


def test_an_address_that_the_certificate_does_not_name_is_another_host(tmp_path: Path) -> None:
    context = client_context(None, ROOT.certificate_pem)
    with serving(server_context(file_of(server_certificate(), tmp_path), V13)) as server:
        error = classify(by_ssl(context, server.port, "127.0.0.1"), presented=True)
    assert error is not None
    assert "for another host: IP address mismatch, certificate is not valid for '127.0.0.1'." in error.detail


# ── our certificate ─────────────────────────────────────────────────────────────────────────────────────────────


def presenting(made: Made | None) -> ssl.SSLContext:
    if made is None:
        return client_context(None, ROOT.certificate_pem)
    raw = IdentityBytes(certificate=made.certificate_pem, key=made.key_pem)
    return client_context(parse(raw, None, made.certificate.not_valid_after_utc), ROOT.certificate_pem)


@pytest.fixture
def demanding(tmp_path: Path) -> Callable[[ssl.TLSVersion], ssl.SSLContext]:
    name = file_of(server_certificate(), tmp_path)
    return lambda version: server_context(name, version, clients=ROOT.certificate_pem)


CLIENTS = {
    "expired": (make(issuer=ROOT, begin=NOW - 9 * DAY, end=NOW - DAY), "it has expired"),
    "of another CA": (make(issuer=STRANGER, begin=NOW - DAY, end=NOW + DAY), "does not know the CA"),
    "for another purpose": (
        make(issuer=ROOT, begin=NOW - DAY, end=NOW + DAY, usages=SERVER_AUTH),
        "for a purpose, that FinHub does not take",
    ),
}


@pytest.mark.parametrize("meet", [by_ssl, by_asyncio])
@both_versions
@pytest.mark.parametrize("name", CLIENTS)
def test_a_refused_client_certificate_is_told_with_finhubs_reason(
    name: str, version: ssl.TLSVersion, meet: Callable, demanding: Callable
) -> None:
    made, reason = CLIENTS[name]
    with serving(demanding(version)) as server:
        error = classify(meet(presenting(made), server.port), presented=True)
    assert type(error) is TlsAlertReceived
    assert error.detail.startswith("FinHub refused our client certificate: it sent the TLS alert ")
    assert reason in error.detail
    assert "[identity]" in error.remedy


@pytest.mark.parametrize("meet", [by_ssl, by_asyncio])
@both_versions
def test_a_demand_for_a_certificate_that_we_do_not_have_is_told_as_such(
    version: ssl.TLSVersion, meet: Callable, demanding: Callable
) -> None:
    with serving(demanding(version)) as server:
        error = classify(meet(presenting(None), server.port), presented=False)
    assert type(error) is TlsAlertReceived
    assert error.detail.startswith("FinHub demands a client certificate, and none is configured: it sent the TLS alert")
    assert "identity.certificate_file" in error.remedy


@both_versions
@pytest.mark.parametrize("body", [b"", b"x" * 2_000_000], ids=["small", "large"])
@pytest.mark.parametrize("client", [None, CLIENTS["of another CA"][0]], ids=["none", "refused"])
def test_through_aiohttp_a_refusal_is_told_even_when_a_reset_overtakes_the_alert(
    client: Made | None, body: bytes, version: ssl.TLSVersion, demanding: Callable
) -> None:
    with serving(demanding(version)) as server:
        raised = by_aiohttp(presenting(client), server.port, body=body)
        error = classify_first_read(raised, presented=client is not None)
    assert type(error) is TlsAlertReceived
    assert error.detail.startswith("FinHub demands" if client is None else "FinHub refused our client certificate")


# ── alerts: any server may send any ─────────────────────────────────────────────────────────────────────────────

REFUSING = [
    ("BAD_CERTIFICATE", "does not verify there"),
    ("UNSUPPORTED_CERTIFICATE", "of a kind"),
    ("CERTIFICATE_REVOKED", "was revoked"),
    ("CERTIFICATE_EXPIRED", "has expired"),
    ("CERTIFICATE_UNKNOWN", "not acceptable"),
    ("UNKNOWN_CA", "does not know the CA"),
    ("ACCESS_DENIED", "not allowed in"),
    ("DECRYPT_ERROR", "signature"),
    ("HANDSHAKE_FAILURE", "names no other reason"),
]
FAILING = [
    ("PROTOCOL_VERSION", "no TLS version from 1.2 on (alert: protocol version)"),
    ("UNRECOGNIZED_NAME", "does not know the host name that it was asked for (alert: unrecognized name)"),
    ("INTERNAL_ERROR", "TLS failed (alert: internal error)"),
    ("INSUFFICIENT_SECURITY", "TLS failed (alert: insufficient security)"),
]


@contextlib.contextmanager
def alerting(alert: str, folder: Path) -> Iterator[int]:
    context = server_context(file_of(server_certificate(), folder), V13)
    context.sni_callback = lambda *_: ssl.AlertDescription[f"ALERT_DESCRIPTION_{alert}"]
    with serving(context) as server:
        yield server.port


@every_way
@pytest.mark.parametrize(("alert", "reason"), REFUSING)
def test_alerts_about_the_certificate_are_refusals(alert: str, reason: str, meet: Callable, tmp_path: Path) -> None:
    with alerting(alert, tmp_path) as port:
        raised = meet(presenting(None), port)
    presented, absent = classify(raised, presented=True), classify(raised, presented=False)
    assert type(presented) is type(absent) is TlsAlertReceived
    assert reason in presented.detail
    assert alert.lower().replace("_", " ") in presented.detail
    assert "none is configured" in absent.detail


@every_way
@pytest.mark.parametrize(("alert", "detail"), FAILING)
def test_alerts_about_something_else_are_no_refusal(alert: str, detail: str, meet: Callable, tmp_path: Path) -> None:
    with alerting(alert, tmp_path) as port:
        error = classify(meet(presenting(None), port), presented=True)
    assert type(error) is TlsError
    assert detail in error.detail
    assert "upstream.url" in error.remedy


# ── no TLS at all ───────────────────────────────────────────────────────────────────────────────────────────────


@every_way
def test_a_plain_http_server_is_recognised(meet: Callable) -> None:
    with serving(None) as server:
        error = classify(meet(presenting(None), server.port), presented=True)
    assert type(error) is TlsError
    assert "does not speak TLS" in error.detail
    assert "port" in error.remedy


@every_way
def test_a_server_of_the_past_is_recognised(meet: Callable, tmp_path: Path) -> None:
    with serving(server_context(file_of(server_certificate(), tmp_path), ssl.TLSVersion.TLSv1_1)) as server:
        error = classify(meet(presenting(None), server.port), presented=True)
    assert type(error) is TlsError
    assert "no TLS version from 1.2 on" in error.detail


@contextlib.contextmanager
def hanging_up(*, rudely: bool) -> Iterator[int]:
    """Accept one connection, read what comes first, and close it: in order, or by a reset."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            with listener.accept()[0] as plain:
                plain.recv(65536)
                if rudely:
                    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        thread = threading.Thread(target=run)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


@pytest.mark.parametrize(
    ("meet", "rudely"), [(by_ssl, False), (by_asyncio, False), (by_aiohttp, False), (by_aiohttp, True)]
)
@pytest.mark.parametrize("presented", [True, False])
def test_a_connection_that_ends_in_the_handshake_is_told_with_all_that_it_may_mean(
    meet: Callable, *, rudely: bool, presented: bool
) -> None:
    with hanging_up(rudely=rudely) as port:
        error = classify(meet(presenting(None), port), presented=presented)
    assert type(error) is TlsError
    assert "closed in the middle of the TLS handshake" in error.detail
    assert ("a client certificate was at hand" if presented else "no client certificate is configured") in error.detail
    assert "[identity]" in error.remedy


# ── not about TLS ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refused_connection_is_not_about_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    raised = by_aiohttp(presenting(None), port)
    assert classify(raised, presented=True) is None
    assert classify_first_read(raised, presented=True) is None


@pytest.mark.parametrize("error", [TimeoutError(), RuntimeError("odd"), aiohttp.ClientPayloadError("cut"), OSError()])
def test_other_errors_are_not_about_tls(error: Exception) -> None:
    assert classify(error, presented=True) is None
    assert classify_first_read(error, presented=True) is None


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(104, "Connection reset by peer"),
        BrokenPipeError(32, "x"),
        aiohttp.ServerDisconnectedError(),
    ],
)
def test_a_lost_connection_is_suspicious_only_before_the_first_byte_of_a_new_one(error: Exception) -> None:
    assert classify(error, presented=True) is None
    suspicion = classify_first_read(error, presented=True)
    assert type(suspicion) is TlsAlertReceived
    assert "closed the new connection without a reply" in suspicion.detail
    assert "under TLS 1.3" in suspicion.detail


# ── the walk ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_error_that_is_its_own_cause_ends_the_walk() -> None:
    error = RuntimeError()
    error.__cause__ = error
    assert classify(error, presented=True) is None


def test_an_ssl_error_that_python_has_no_name_for_is_tls_trouble_all_the_same() -> None:
    error = classify(ssl.SSLError(1, "something new"), presented=True)
    assert type(error) is TlsError
    assert error.detail == "TLS failed (unknown)."


def test_a_verdict_without_words_of_its_own_is_told_in_openssls() -> None:
    strange = ssl.SSLCertVerificationError(1, "certificate verify failed")
    strange.verify_code, strange.verify_message = 77, "proxy path length constraint exceeded"
    error = classify(strange, presented=True)
    assert type(error) is TlsCertificateError
    assert error.detail == "FinHub's certificate does not verify: proxy path length constraint exceeded."
