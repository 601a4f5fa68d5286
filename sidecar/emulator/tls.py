"""The server's side of TLS: 1.2 at least, and the client certificate that the environment asks for."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from sidecar.emulator.files import temporary
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.emulator.certificates import Certificates
    from sidecar.emulator.environments import Environment

_VERIFY: Final = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL}


class AlertingObject(ssl.SSLObject):
    """One server-side connection that tells its peer why it refuses the handshake, as every real server does.

    asyncio drops a failed handshake together with the alert that OpenSSL has ready (RFC 8446 §6.2). Asking for more
    input once makes it send what is ready first; the failure itself follows at the next byte, or at the end.
    """

    _refusal: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Do the next step; raises as SSLObject does, a refusal one call late."""
        if self._refusal is not None:
            raise self._refusal
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self._refusal = error
            raise ssl.SSLWantReadError from error


def server_context(
    certificates: Certificates, rules: Environment, expired: Callable[[], bool] = lambda: False
) -> ssl.SSLContext | None:
    """Return the context to serve with, None where the environment speaks plain HTTP. Touches the disk.

    While `expired` says so, every handshake is refused as one with a client certificate that has expired. Raises
    ConfigError where the certificates cannot be served with.
    """
    if rules.client_certificate == "none":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = AlertingObject
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = _VERIFY[rules.client_certificate]
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_CERTIFICATE_EXPIRED if expired() else None
    try:
        context.load_verify_locations(cadata=certificates.ca_pem.decode("ascii"))
        _load(context, certificates)
    except (ssl.SSLError, ValueError):  # the second: no ASCII
        raise ConfigError(
            "the certificates cannot be used: no authority, or a server certificate without its key",
            remedy="Name a folder that `finhub-sidecar certs dev --dir DIR` made, or leave --certs out.",
        ) from None
    return context


def _load(context: ssl.SSLContext, certificates: Certificates) -> None:
    """`ssl` reads keys from files only: one in a private folder, gone a moment later."""
    with temporary("finhub-emulator-") as folder:
        pair = folder / "server.pem"
        pair.write_bytes(certificates.server_key_pem + certificates.server_pem)
        context.load_cert_chain(pair)
