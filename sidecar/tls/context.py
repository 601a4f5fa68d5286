"""TLS to FinHub: always verified, never below 1.2, with our identity where there is one.

A new identity takes a new context and with it a new pool of connections: changing one in place would leave pooled
connections on the old certificate. Blocking (it reads the system's trust store): call it in a thread.
"""

from __future__ import annotations

import secrets
import ssl
from typing import TYPE_CHECKING, Final

from sidecar.errors import ConfigError, IdentityError
from sidecar.tls.blocks import CERTIFICATE, REVOCATION_LIST, is_der, is_torn, join
from sidecar.tls.handover import best
from sidecar.tls.pins import pin

if TYPE_CHECKING:
    from collections.abc import Collection

    from sidecar.tls.handover import HandOver
    from sidecar.tls.identity import Identity

_PROTOCOLS: Final = ("http/1.1",)  # ALPN (RFC 7301): some front ends take a client that names none for an old one


def client_context(
    identity: Identity | None,
    ca_pem: bytes | None,
    crl_pem: bytes | None = None,
    *,
    pins: Collection[str] = (),
    hand_over: HandOver | None = None,
) -> ssl.SSLContext:
    """Return the context for connections to FinHub: chain and host name verified, TLS 1.2 or newer.

    Trusts the system's CAs, or `ca_pem` alone where it is given; `crl_pem` adds a revocation check of the leaf, `pins`
    a check of its key (`pins.py`).
    `hand_over` is how key and CRL reach OpenSSL; by default the best that this machine has.

    Raises:
        ConfigError: `ca_pem` or `crl_pem` is not what it should be.
        IdentityError: OpenSSL refuses the identity.
    """
    lend = best() if hand_over is None else hand_over
    context = _verifying()
    _trust(context, ca_pem)
    if crl_pem is not None:
        _refuse_revoked(context, crl_pem, lend)
    if pins:
        pin(context, pins)
    if identity is not None:
        _present(context, identity, lend)
    return context


def _verifying() -> ssl.SSLContext:
    """Return a context that verifies, and trusts nobody yet.

    Not `create_default_context`: that one writes session keys to SSLKEYLOGFILE for whoever can set our environment,
    and from Python 3.13 on sets VERIFY_X509_STRICT, which private CAs fail over formalities (no authority key
    identifier, basicConstraints not critical) that RFC 5280 asks of issuers and that carry no trust.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # CERT_REQUIRED and check_hostname are its defaults
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False  # RFC 9525 §2: the subject's common name names no host
    context.set_alpn_protocols(_PROTOCOLS)
    return context


# ── whom we trust ───────────────────────────────────────────────────────────────────────────────────────────────


def _trust(context: ssl.SSLContext, ca_pem: bytes | None) -> None:
    if ca_pem is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return
    bundle = join(ca_pem, CERTIFICATE)
    if not bundle:
        raise _no_certificate(ca_pem)
    _refuse_torn("upstream.ca_file", ca_pem)
    try:
        context.load_verify_locations(cadata=bundle.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError):
        raise ConfigError(
            "upstream.ca_file: a certificate in the file is damaged",
            remedy="Fetch the CA file again; openssl x509 -in FILE -noout -text must be able to read it.",
        ) from None
    # The operator named exactly whom to trust: an intermediate in the file is an anchor like a root.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _no_certificate(ca_pem: bytes) -> ConfigError:
    if is_der(ca_pem):
        return ConfigError(
            "upstream.ca_file: the file is binary (DER), not PEM",
            remedy="Convert it: openssl x509 -inform der -in FILE -out FILE.pem",
        )
    return ConfigError(
        "upstream.ca_file: no certificate in the file",
        remedy="Name a PEM file with the certificate of the CA behind FinHub's, or leave the key out for the system's.",
    )


def _refuse_torn(key: str, content: bytes) -> None:
    if is_torn(content):
        raise ConfigError(
            f"{key}: the file ends in the middle of a block",
            remedy="Write the whole file again; put it in place with one rename, so that nobody reads half of it.",
        )


def _refuse_revoked(context: ssl.SSLContext, crl_pem: bytes, lend: HandOver) -> None:
    lists = join(crl_pem, REVOCATION_LIST)
    if not lists:
        raise ConfigError(
            "upstream.crl_file: no revocation list in the file",
            remedy="Name a PEM file with X509 CRL blocks; from DER: openssl crl -inform der -in FILE -out FILE.pem",
        )
    _refuse_torn("upstream.crl_file", crl_pem)
    try:
        with lend(lists) as name:
            context.load_verify_locations(cafile=name)
    except ssl.SSLError:
        raise ConfigError(
            "upstream.crl_file: a revocation list in the file is damaged",
            remedy="Fetch the list again; openssl crl -in FILE -noout -text must be able to read it.",
        ) from None
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


# ── who we are ──────────────────────────────────────────────────────────────────────────────────────────────────


def _present(context: ssl.SSLContext, identity: Identity, lend: HandOver) -> None:
    password = secrets.token_hex()  # for this hand-over alone: what is lent is worth nothing without it
    try:
        with lend(identity.chain_pem + identity.key.sealed(password)) as name:
            context.load_cert_chain(name, password=password)
    except ssl.SSLError as error:
        raise IdentityError(
            f"[identity]: OpenSSL refuses the certificate of {identity.subject}: {error.reason}",
            remedy="Ask FinHub for a certificate with an RSA key of 2048 bits or an EC key, signed with SHA-256.",
        ) from None
    context.post_handshake_auth = True  # a TLS 1.3 server may ask for the certificate only when it sees the path
