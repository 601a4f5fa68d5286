"""What ssl, asyncio and aiohttp raise while TLS is set up, as our errors: whose fault it is, and what helps.

Pure. Foreign exceptions are known by their shape, so that neither door to FinHub needs the other's library here.
"""

from __future__ import annotations

import re
import ssl
from typing import Final

from sidecar.errors import TlsAlertReceived, TlsCertificateError, TlsError
from sidecar.wire.tls_causes import (
    BROKEN_OFF,
    FAILED,
    FAILURES,
    NOT_PRESENTED,
    REFUSALS,
    UNTRUSTED,
    VERDICTS,
    Cause,
)

# OpenSSL names an alert by the protocol that introduced it, and a few without the word.
_ALERT: Final = re.compile(r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(?P<name>[A-Z0-9_]+)")

_LOST: Final = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
_DEEPEST: Final = 16


def classify(error: BaseException, *, presented: bool) -> TlsError | None:
    """Return what a failure to connect over TLS, or to read the first byte, means; None when it is not about TLS.

    `presented` tells whether we have a client certificate to show. Ask for https only: a connection lost before
    it stood counts as a broken handshake here.
    """
    for link in _links(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return _untrusted(link)
        if isinstance(link, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return _broken_off(presented=presented)
        if isinstance(link, ssl.SSLError):
            return _failed(link, presented=presented)
        if _is_lost_handshake(link):
            return _broken_off(presented=presented)
    return None


def classify_first_read(error: BaseException, *, presented: bool) -> TlsError | None:
    """Return what `classify` does, and take a connection lost without a reply for a refused client certificate.

    For new connections only, before any byte of a reply: under TLS 1.3 the server judges our certificate after the
    handshake has ended for us (RFC 8446 §4.4.2.4), and its alert is often overtaken by the reset that follows.
    It is a suspicion: only who does not care whether a request took effect (`check`, the login) may act on it.
    """
    known = classify(error, presented=presented)
    if known is not None or not any(_is_lost(link) for link in _links(error)):
        return known
    return _refused(_CLOSED, presented=presented, said="closed the new connection without a reply")


# ── walking ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _links(error: BaseException) -> list[BaseException]:
    """Return `error` and what lies behind it, innermost first: aiohttp's own are ssl errors too, but empty ones."""
    links = [error]
    while (inner := _behind(links[0])) is not None and len(links) < _DEEPEST:
        links.insert(0, inner)
    return links


def _behind(link: BaseException) -> BaseException | None:
    for name in ("certificate_error", "os_error", "__cause__"):
        inner = getattr(link, name, None)
        if isinstance(inner, BaseException):
            return inner
    return None


def _is_lost_handshake(link: BaseException) -> bool:
    """Tell a connection lost in the handshake: aiohttp's connector says it, or asyncio with an empty reset."""
    if isinstance(getattr(link, "os_error", None), _LOST):
        return True
    return isinstance(link, ConnectionResetError) and not link.args


def _is_lost(link: BaseException) -> bool:
    """Tell a connection lost at any time; aiohttp's word for an orderly end has no built-in ancestor."""
    return isinstance(link, _LOST) or type(link).__name__ == "ServerDisconnectedError"


# ── saying ──────────────────────────────────────────────────────────────────────────────────────────────────────

_CLOSED: Final = Cause("under TLS 1.3 that is how a refusal looks", REFUSALS["BAD_CERTIFICATE"].remedy)


def _untrusted(error: ssl.SSLCertVerificationError) -> TlsCertificateError:
    cause = VERDICTS.get(error.verify_code, UNTRUSTED)
    return TlsCertificateError(f"{cause.detail}: {error.verify_message.rstrip('.')}.", remedy=cause.remedy)


def _failed(error: ssl.SSLError, *, presented: bool) -> TlsError:
    reason = getattr(error, "reason", None) or "unknown"  # unset where OpenSSL is newer than Python's list of names
    alert = _ALERT.fullmatch(reason)
    name = alert["name"] if alert else reason
    if alert and name in REFUSALS:
        return _refused(REFUSALS[name], presented=presented, said=f"sent the TLS alert {_words(name)}")
    cause = FAILURES.get(name, FAILED)
    return TlsError(f"{cause.detail} ({'alert: ' if alert else ''}{_words(name)}).", remedy=cause.remedy)


def _refused(cause: Cause, *, presented: bool, said: str) -> TlsAlertReceived:
    if not presented:
        return TlsAlertReceived(f"{NOT_PRESENTED.detail}: it {said}.", remedy=NOT_PRESENTED.remedy)
    return TlsAlertReceived(f"FinHub refused our client certificate: it {said} ({cause.detail}).", remedy=cause.remedy)


def _broken_off(*, presented: bool) -> TlsError:
    shown = "a client certificate was at hand" if presented else "no client certificate is configured"
    return TlsError(f"{BROKEN_OFF.detail}; {shown}.", remedy=BROKEN_OFF.remedy)


def _words(name: str) -> str:
    return name.lower().replace("_", " ")
