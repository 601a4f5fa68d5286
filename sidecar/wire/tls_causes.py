"""What OpenSSL's verdicts and FinHub's alerts mean for the reader, as data: each with what to do about it.

Pure. Verdicts are X509_V_ERR_* (openssl-verification-options(1)), alerts those of RFC 5246 §7.2 and RFC 8446 §6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that can be wrong: what it is, and what to do about it."""

    detail: str
    remedy: str


# ── why we do not trust FinHub's certificate ────────────────────────────────────────────────────────────────────

_EXPIRED: Final = Cause(
    "FinHub's certificate, or one in its chain, has expired",
    "Check this machine's clock; if it is right, FinHub must renew its certificate.",
)
_NOT_YET: Final = Cause(
    "FinHub's certificate, or one in its chain, is not valid yet",
    "Check this machine's clock; if it is right, FinHub must correct its certificate.",
)
_OTHER_HOST: Final = Cause(
    "FinHub's certificate is for another host",
    "Check the host in upstream.url and session.url: it must be one that the certificate names.",
)
_SELF_SIGNED: Final = Cause(
    "the certificate that FinHub's address presents is self-signed",
    "Find out whose it is; if it is meant to be trusted, name it in upstream.ca_file.",
)
_UNKNOWN_CA: Final = Cause(
    "FinHub's certificate comes from a CA that is not trusted here",
    "Name that CA's certificate in upstream.ca_file; behind a proxy that inspects TLS this is the proxy's own CA.",
)
_WEAK: Final = Cause(
    "FinHub's certificate, or one in its chain, has a key or a signature that is too weak",
    "Check what stands between here and FinHub: FinHub's own certificates are stronger than that.",
)
_PURPOSE: Final = Cause(
    "FinHub's certificate is not made for a server, or its issuer not for a CA",
    "Check upstream.url and upstream.ca_file: the chain must end in a CA, and begin with a server's certificate.",
)
_REVOKED: Final = Cause(
    "FinHub's certificate was revoked by its CA",
    "Do not go on: ask FinHub which certificate is right.",
)
_NO_LIST: Final = Cause(
    "upstream.crl_file holds no revocation list of the CA that issued FinHub's certificate",
    "Add that CA's list to upstream.crl_file, or leave the key out.",
)
_STALE_LIST: Final = Cause(
    "the revocation list in upstream.crl_file is out of date",
    "Fetch the CA's current list into upstream.crl_file.",
)

_OTHER_KEY: Final = Cause(
    "FinHub's certificate holds a key that is not pinned",
    "Ask FinHub whether it has a new key; if so, add its pin to upstream.pins. If not, do not go on.",
)

OTHER_KEY: Final = -1
"""The verdict of upstream.pins: below all of OpenSSL's own."""

VERDICTS: Final = {
    OTHER_KEY: _OTHER_KEY,
    3: _NO_LIST,  # unable to get certificate CRL
    9: _NOT_YET,
    10: _EXPIRED,
    11: _STALE_LIST,  # CRL is not yet valid
    12: _STALE_LIST,  # CRL has expired
    18: _SELF_SIGNED,  # the leaf
    19: _UNKNOWN_CA,  # a self-signed root in the chain that is not among ours
    2: _UNKNOWN_CA,  # unable to get issuer certificate
    20: _UNKNOWN_CA,  # unable to get local issuer certificate
    21: _UNKNOWN_CA,  # unable to verify the first certificate
    23: _REVOKED,
    24: _PURPOSE,  # invalid CA certificate
    26: _PURPOSE,  # unsuitable certificate purpose
    79: _PURPOSE,  # invalid CA certificate, as OpenSSL 3 numbers it
    62: _OTHER_HOST,
    64: _OTHER_HOST,  # IP address mismatch
    66: _WEAK,  # EE certificate key too weak
    67: _WEAK,  # CA certificate key too weak
    68: _WEAK,  # CA signature digest algorithm too weak
}

UNTRUSTED: Final = Cause("FinHub's certificate does not verify", "Check upstream.url's host and upstream.ca_file.")


# ── why FinHub does not take our certificate ────────────────────────────────────────────────────────────────────

_NEW_ONE: Final = "Ask FinHub for a new certificate, and replace the files that [identity] names."
_RIGHT_ONE: Final = "Name in [identity] the certificate that FinHub issued or registered for this environment."

REFUSALS: Final = {
    "CERTIFICATE_REQUIRED": Cause("none arrived", _RIGHT_ONE),
    "NO_CERTIFICATE": Cause("none arrived", _RIGHT_ONE),
    "BAD_CERTIFICATE": Cause("it does not verify there", _RIGHT_ONE),
    "UNSUPPORTED_CERTIFICATE": Cause("it is of a kind, or for a purpose, that FinHub does not take", _NEW_ONE),
    "CERTIFICATE_REVOKED": Cause("it was revoked", _NEW_ONE),
    "CERTIFICATE_EXPIRED": Cause("it has expired, or is not valid yet, by FinHub's clock", _NEW_ONE),
    "CERTIFICATE_UNKNOWN": Cause("it is not acceptable there", _RIGHT_ONE),
    "UNKNOWN_CA": Cause(
        "FinHub does not know the CA that issued it",
        f"{_RIGHT_ONE} If it has intermediates, add them behind it in the same file.",
    ),
    "ACCESS_DENIED": Cause(
        "it is valid, but not allowed in", f"{_RIGHT_ONE} FinHub may have to register it for your account first."
    ),
    "DECRYPT_ERROR": Cause("its signature does not verify there", _RIGHT_ONE),
    "HANDSHAKE_FAILURE": Cause("FinHub ended the handshake and names no other reason", _RIGHT_ONE),
}

NOT_PRESENTED: Final = Cause(
    "FinHub demands a client certificate, and none is configured",
    "Set identity.certificate_file and identity.key_file, or identity.pkcs12_file, to the one that FinHub issued.",
)


# ── why there is no TLS at all ──────────────────────────────────────────────────────────────────────────────────

_VERSION: Final = Cause(
    "the server speaks no TLS version from 1.2 on",
    "FinHub speaks TLS 1.2 and newer: check upstream.url and what stands in between.",
)
_NOT_TLS: Final = Cause(
    "what answers at that port does not speak TLS; it may be a plain HTTP server",
    "Check the port in upstream.url and session.url, and what stands in between.",
)
_NAME: Final = Cause(
    "the server does not know the host name that it was asked for",
    "Check the host in upstream.url and session.url.",
)
BROKEN_OFF: Final = Cause(
    "the connection was closed in the middle of the TLS handshake",
    "Check that the port speaks TLS and that FinHub allows this machine's address; "
    "some servers also close this way when they refuse the client certificate or miss one ([identity]).",
)

FAILURES: Final = {
    "UNSUPPORTED_PROTOCOL": _VERSION,
    "PROTOCOL_VERSION": _VERSION,
    "INAPPROPRIATE_FALLBACK": _VERSION,
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": _NOT_TLS,
    "HTTP_REQUEST": _NOT_TLS,
    "UNRECOGNIZED_NAME": _NAME,
    "UNEXPECTED_EOF_WHILE_READING": BROKEN_OFF,
}

FAILED: Final = Cause(
    "TLS failed",
    "FinHub must speak TLS 1.2 or newer; check upstream.url and what stands in between.",
)
