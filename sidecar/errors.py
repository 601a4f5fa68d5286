"""Every failure the sidecar knows: one root, each with its HTTP status, its RFC 9209 name and what to do about it.

Pure. `gateway/rescue.py` turns one into a reply, `cli/` into an exit code; nothing else needs to know the kinds.
"""

from __future__ import annotations

from typing import ClassVar


class SidecarError(Exception):
    """The root: whatever is raised in this package on purpose is one of these.

    Attributes:
        status: the HTTP status a caller sees when this ends its request.
        proxy_error: the `error` parameter of `Proxy-Status` (RFC 9209 §2.3).
        title: a short, fixed sentence for people.
        detail: what was found here and now; never contains a secret.
        remedy: what the reader can do about it.
        retry_after: whole seconds until trying again makes sense, or None.
    """

    status: ClassVar[int] = 502
    proxy_error: ClassVar[str] = "proxy_internal_error"
    title: ClassVar[str] = "The sidecar failed"
    default_remedy: ClassVar[str] = "Look into the sidecar's log for the lines of this request id."

    def __init__(self, detail: str, *, remedy: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = self.default_remedy if remedy is None else remedy
        self.retry_after = retry_after

    def told_as(self, detail: str) -> None:
        """Say `detail` from now on."""
        self.detail, self.args = detail, (detail,)


# ── before the first request ────────────────────────────────────────────────────────────────────────────────────


class ConfigError(SidecarError):
    """The configuration cannot be used; `detail` lists every problem, a line each. Exit code 2."""

    proxy_error = "proxy_configuration_error"
    title = "The configuration cannot be used"
    default_remedy = "Correct the keys named above; `finhub-sidecar config schema` tells what each takes."


class SecretError(SidecarError):
    """A secret cannot be read from where the configuration says it is. Exit code 3."""

    proxy_error = "proxy_configuration_error"
    title = "A secret cannot be read"
    default_remedy = "Set the variable, or make the file readable, that the configuration names."


class IdentityError(SidecarError):
    """The client certificate or its key cannot be used. Exit code 3."""

    proxy_error = "proxy_configuration_error"
    title = "The client identity cannot be used"
    default_remedy = "Check [identity] in the configuration: certificate, key and password must belong together."


class AuditError(SidecarError):
    """The audit trail cannot be opened, or not be gone on with. Exit code 2."""

    proxy_error = "proxy_configuration_error"
    title = "The audit trail cannot be used"
    default_remedy = "Check audit.file: a file of this sidecar's own, in a folder that it may write to."


class ListenError(SidecarError):
    """An address cannot be listened on. Exit code 5."""

    title = "The address cannot be listened on"
    default_remedy = "Stop the program that uses the address, or choose another one in the configuration."


class SidecarUnreachable(SidecarError):
    """A command asked a running sidecar, and none answered. Exit code 5."""

    title = "No sidecar answers"
    default_remedy = "Start the sidecar, or name its admin address with --admin, or its configuration with --config."


class ControlRefused(SidecarError):
    """A running sidecar does not do what a command asked of it. Exit code 1."""

    title = "The sidecar refuses"


class Rejected(SidecarError):
    """FinHub answered, and said no: to a command, never to a caller's request. Exit code 4."""

    proxy_error = "proxy_configuration_error"
    title = "FinHub rejected the request"
    default_remedy = "Check [credentials] and [identity]: FinHub knows who asked, and refuses."


# ── the caller's request is refused: 4xx ────────────────────────────────────────────────────────────────────────


class RequestDenied(SidecarError):
    """This caller may not do this: Host, Origin, key, peer, rule or one of the dialect's own paths."""

    status = 403
    proxy_error = "http_request_denied"
    title = "The sidecar refuses this request"


class MalformedRequest(SidecarError):
    """The request has no single meaning, or one that must not be forwarded (RFC 9112 §3.2)."""

    status = 400
    proxy_error = "http_request_error"
    title = "The request is malformed"
    default_remedy = "Send an origin-form target and well-formed fields, as RFC 9112 asks."


class CallerTimeout(SidecarError):
    """The caller stopped sending its request, or sent it too slowly."""

    status = 408
    proxy_error = "http_request_error"
    title = "The request did not arrive in time"
    default_remedy = "Send requests faster, or raise listen.head_timeout or listen.body_timeout."


class CallerGone(SidecarError):
    """The caller closed its connection before its request was whole; nobody reads the reply."""

    status = 400
    proxy_error = "http_request_error"
    title = "The caller left"
    default_remedy = "Nothing: the caller closed the connection."


class BodyTooLarge(SidecarError):
    """The request body is larger than `listen.max_body`."""

    status = 413
    proxy_error = "http_request_error"
    title = "The request body is too large"
    default_remedy = "Raise listen.max_body if such uploads are meant to pass."


class TargetTooLong(SidecarError):
    """The request line is longer than we read."""

    status = 414
    proxy_error = "http_request_error"
    title = "The request target is too long"
    default_remedy = "Send what is long in the body."


class FieldsTooLarge(SidecarError):
    """A header field, or all of them together, is larger than we read."""

    status = 431
    proxy_error = "http_request_error"
    title = "The request's header fields are too large"
    default_remedy = "Send fewer or shorter fields."


class TooSoon(SidecarError):
    """An operator's control came again before it may; `retry_after` says when it may."""

    status = 429
    proxy_error = "http_request_denied"
    title = "Too soon"
    default_remedy = "Wait for the time in Retry-After: rejected credentials tried too often lock the account."


class TooManyRequests(SidecarError):
    """`listen.max_requests` are on their way already."""

    status = 429
    proxy_error = "http_request_denied"
    title = "Too many requests at once"
    default_remedy = "Wait for the time in Retry-After, send fewer requests at once, or raise listen.max_requests."


class TooFast(SidecarError):
    """More requests came than `limits` lets go to FinHub, and as many wait as may."""

    status = 429
    proxy_error = "http_request_denied"
    title = "Too many requests a second"
    default_remedy = "Wait for the time in Retry-After, send requests more slowly, or raise limits.requests_per_second."


class AuditUnavailable(SidecarError):
    """The audit trail cannot be written and `audit.on_failure` is "stop": nothing is forwarded unrecorded."""

    status = 503
    title = "The audit trail cannot be written"
    default_remedy = "Make room where audit.file lies; the sidecar tries again every second and goes on by itself."


class TooManyConnections(SidecarError):
    """`listen.max_connections` are open already."""

    status = 503
    proxy_error = "connection_limit_reached"
    title = "Too many connections at once"
    default_remedy = "Close connections that are not in use, or raise listen.max_connections."


# ── no token to be had: 503 ─────────────────────────────────────────────────────────────────────────────────────


class TokenUnavailable(SidecarError):
    """There is no valid token now, so nothing was forwarded; `cause` names why (RFC 9209)."""

    status = 503
    title = "No valid FinHub session"
    default_remedy = "Wait for the time in Retry-After and try again; the sidecar keeps trying to log in."

    def __init__(self, detail: str, *, cause: str, remedy: str | None = None, retry_after: int = 1) -> None:
        super().__init__(detail, remedy=remedy, retry_after=max(1, retry_after))
        self.proxy_error = cause  # type: ignore[misc]  # the last failure's name stands in for the class's


# ── FinHub cannot be reached, or does not answer as HTTP asks: 502, 503, 504 ──────────────────────────────────────


class UpstreamError(SidecarError):
    """FinHub could not be reached or did not answer properly. Each subclass is one RFC 9209 error type."""

    title = "FinHub cannot be reached"
    default_remedy = "Check upstream.url and the network between here and FinHub."


class DnsError(UpstreamError):
    """The upstream's name does not resolve."""

    proxy_error = "dns_error"
    default_remedy = "Check the host name in upstream.url and this machine's DNS."


class ConnectionRefused(UpstreamError):
    """Nobody listens at the upstream's address."""

    proxy_error = "connection_refused"


class ProxyCredentialsRefused(UpstreamError):
    """The proxy on the way to FinHub wants credentials, or others than it was given."""

    proxy_error = "proxy_configuration_error"
    default_remedy = "Check what upstream.proxy_user and upstream.proxy_password name: the proxy must know them."


class ConnectionTimeout(UpstreamError):
    """No TCP or TLS connection within `upstream.connect_timeout`."""

    status = 504
    proxy_error = "connection_timeout"
    title = "FinHub did not answer in time"


class ConnectionTerminated(UpstreamError):
    """The connection ended before a whole reply; the request may or may not have been acted on."""

    proxy_error = "connection_terminated"
    title = "FinHub closed the connection"
    default_remedy = "Find out whether the request took effect before sending it again: it was not repeated."


class ResponseTimeout(UpstreamError):
    """No reply within `upstream.response_timeout`; the request may have been acted on."""

    status = 504
    proxy_error = "connection_read_timeout"
    title = "FinHub did not answer in time"
    default_remedy = "Find out whether the request took effect before sending it again: it was not repeated."


class ConnectionLimitReached(UpstreamError):
    """All `upstream.max_connections` are busy and none came free in time."""

    status = 503
    proxy_error = "connection_limit_reached"
    title = "All connections to FinHub are busy"
    default_remedy = "Raise upstream.max_connections, or send fewer requests at once."


class DestinationUnavailable(UpstreamError):
    """FinHub answered that it cannot serve (5xx), or its network is unreachable."""

    proxy_error = "destination_unavailable"


class MalformedReply(UpstreamError):
    """The reply is not well-formed HTTP, or cannot be carried without changing it."""

    proxy_error = "http_protocol_error"
    title = "FinHub's reply is malformed"
    default_remedy = "Report the request id to FinHub support."


class TlsError(UpstreamError):
    """TLS could not be set up for a reason that is neither certificate's fault."""

    proxy_error = "tls_protocol_error"
    title = "No TLS connection to FinHub"
    default_remedy = "FinHub must speak TLS 1.2 or newer; check upstream.url and what stands in between."


class TlsCertificateError(TlsError):
    """FinHub's certificate cannot be trusted: unknown CA, wrong host, expired …."""

    proxy_error = "tls_certificate_error"
    default_remedy = "Check upstream.url's host and upstream.ca_file; verification cannot be turned off."


class TlsAlertReceived(TlsError):
    """FinHub refused our side of the handshake, as a rule the client certificate (under TLS 1.3 only after it)."""

    proxy_error = "tls_alert_received"
    title = "FinHub refused the client certificate"
    default_remedy = "Check [identity]: the certificate must be the one that FinHub issued or registered, and in date."
