"""The sections about FinHub: attribute names are the TOML keys.

Pure. Each value is checked here; what concerns two keys is in `checks`. The descriptions are what the samples and the
reference print. Durations are seconds, sizes bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sidecar.config.kinds import (
    DIALECT,
    FIELD_VALUE,
    FILE,
    FLAG,
    IP,
    LEASE,
    ORIGIN,
    PINS,
    POSITIVE_SECONDS,
    PROTOCOLS,
    PROXY,
    RATE,
    SECONDS,
    SECRET,
    STORE,
    STORE_PREFIX,
    TARGET,
    TEXT,
    VISIBLE,
    choice,
    maybe,
    table,
    whole,
)
from sidecar.config.problems import Unfit
from sidecar.config.section import Section, key

if TYPE_CHECKING:
    from sidecar.config.refs import SecretRef


class Upstream(Section):
    """FinHub's API, and the bounds of waiting for it."""

    url: str = key(ORIGIN, "FinHub's origin; the environment brings its own.")
    ca_file: str | None = key(
        maybe(FILE),
        "PEM file of the authorities to trust instead of the system's.",
        default=None,
        example="certs/finhub-ca.crt",
    )
    proxy: str | None = key(
        maybe(PROXY),
        "The proxy on the way to FinHub. It is asked for a tunnel (CONNECT); the TLS in it is with FinHub itself.",
        default=None,
        example="http://proxy.example.com:3128",
    )
    proxy_user: SecretRef | None = key(
        maybe(SECRET), "The user that the proxy knows.", default=None, example={"file": "secrets/proxy-user"}
    )
    proxy_password: SecretRef | None = key(
        maybe(SECRET), "That user's password.", default=None, example={"file": "secrets/proxy-password"}
    )
    connect_timeout: float = key(POSITIVE_SECONDS, "Seconds for a TCP and TLS connection.", default=5.0)
    response_timeout: float = key(POSITIVE_SECONDS, "Seconds to the first byte of the reply.", default=60.0)
    idle_timeout: float = key(POSITIVE_SECONDS, "Seconds between two bytes of the reply.", default=60.0)
    max_connections: int = key(whole(1, 65_535), "Connections to FinHub at one time.", default=100)
    wait: float = key(SECONDS, "Seconds a request waits for a free connection; then 503.", default=5.0)
    rewrite_location: bool = key(
        FLAG, "Whether redirects and cookies of FinHub's origin are made the listener's own.", default=False
    )
    upgrade: tuple[str, ...] = key(
        PROTOCOLS,
        'Protocols that callers may switch to with Upgrade: "websocket", or none. See docs/websocket.md.',
        default=(),
    )
    pins: tuple[str, ...] = key(
        PINS,
        "SHA-256 of the public keys FinHub may have, in base64; one must match. None: any trusted key.",
        default=(),
    )
    crl_file: str | None = key(
        maybe(FILE), "PEM file of revocation lists to check FinHub against.", default=None, example="certs/finhub.crl"
    )


class Identity(Section):
    """The client certificate for mutual TLS: a PEM pair, or one PKCS#12 file. Mandatory in production."""

    certificate_file: str | None = key(
        maybe(FILE), "PEM file of the certificate and its chain.", default=None, example="certs/client.crt"
    )
    key_file: str | None = key(
        maybe(FILE),
        "PEM file of the private key; the same file again where one holds both.",
        default=None,
        example="certs/client.key",
    )
    key_password: SecretRef | None = key(
        maybe(SECRET),
        "The password of the key or of the PKCS#12 file.",
        default=None,
        example={"file": "secrets/key-password"},
    )
    pkcs12_file: str | None = key(
        maybe(FILE),
        "PKCS#12 file with certificate, key and chain, instead of the pair.",
        default=None,
        example="client.p12",
    )
    unsafe_key_mode: bool = key(
        FLAG, "Take a key that every user of the machine can read: for volumes that cannot set modes.", default=False
    )
    reload_interval: float = key(
        POSITIVE_SECONDS,
        "Seconds between looks at identity, secrets and CA; a change is used without a restart.",
        default=30.0,
    )

    @property
    def is_given(self) -> bool:
        """Whether there is a certificate to present."""
        return self.certificate_file is not None or self.pkcs12_file is not None


class Credentials(Section):
    """Who logs in. Which keys are needed is the dialect's to say."""

    username: str | None = key(
        maybe(TEXT),
        "The FinHub user, from the onboarding (fincard: the e-mail address).",
        default=None,
        example="your-user",
    )
    password: SecretRef | None = key(
        maybe(SECRET), "That user's password.", default=None, example={"file": "secrets/password"}
    )
    customer_id: str | None = key(
        maybe(TEXT), "The client id, from Developer Portal > API Access.", default=None, example="your-client-id"
    )
    customer_secret: SecretRef | None = key(
        maybe(SECRET),
        "The client secret, from Developer Portal > API Access.",
        default=None,
        example={"file": "secrets/customer-secret"},
    )
    account_type: Literal["b2b", "b2c"] = key(choice("b2b", "b2c"), "The type of the account.", default="b2b")
    grant_type: str = key(TEXT, "The OAuth 2 grant type of the login.", default="password")
    tenant_id: str | None = key(
        maybe(VISIBLE), "The tenant; X-Tenant-ID carries it on every request.", default=None, example="1234567"
    )
    send_client_credentials: bool = key(
        FLAG, "Whether the login carries customer_id and customer_secret.", default=True
    )
    organization_id: str | None = key(
        maybe(TEXT), "The organization (v2.1 dialects).", default=None, example="your-organization-id"
    )
    user_id: str | None = key(maybe(TEXT), "The user's id (v2.1 dialects).", default=None, example="your-user-id")
    tenant_key: str | None = key(
        maybe(TEXT), "The tenant's key (v2.1 dialects).", default=None, example="your-tenant-key"
    )
    tenant_secret: SecretRef | None = key(
        maybe(SECRET), "The tenant's secret (v2.1 dialects).", default=None, example={"file": "secrets/tenant-secret"}
    )
    individual_id: str | None = key(
        maybe(TEXT), "The individual customer (v2.1-customer).", default=None, example="your-individual-id"
    )


class Refresh(Section):
    """When and how a token is renewed before it ends."""

    enabled: bool = key(FLAG, "Whether to refresh at all; without, every renewal is a login.", default=True)
    path: str | None = key(
        maybe(TARGET),
        "The refresh endpoint's path; default: the dialect's.",
        default=None,
        example="/api/v2/auth/token/refresh",
    )
    margin: float = key(
        SECONDS,
        "Seconds before its end by which a token is renewed, at most half the last tenth of its life.",
        default=60.0,
    )


class Backoff(Section):
    """How long to wait after a failed login or refresh: exponential, full jitter; Retry-After overrules it."""

    first: float = key(POSITIVE_SECONDS, "Seconds, at most, before the second try.", default=1.0)
    max: float = key(POSITIVE_SECONDS, "Seconds, at most, before any try.", default=60.0)


class StoreTls(Section):
    """How TLS is spoken with Redis; it always verifies chain and host name."""

    ca_file: str | None = key(
        maybe(FILE), "PEM file of the authorities to trust.", default=None, example="certs/redis-ca.crt"
    )
    certificate_file: str | None = key(
        maybe(FILE), "PEM file of our certificate, where Redis asks for one.", default=None, example="certs/redis.crt"
    )
    key_file: str | None = key(maybe(FILE), "PEM file of its key.", default=None, example="certs/redis.key")


class Session(Section):
    """How a token is got, kept and renewed."""

    dialect: str = key(DIALECT, "How FinHub spells the login; the environment brings its own.")
    url: str = key(ORIGIN, "The token endpoint's origin; default: upstream.url.")
    login: Literal["eager", "lazy"] = key(
        choice("eager", "lazy"),
        '"eager" logs in at start and keeps the token fresh, "lazy" logs in when a caller comes.',
        default="eager",
    )
    store: str = key(
        STORE,
        "Where the session is kept: in memory, in a sealed file for one machine, in Redis for a fleet (docs/fleet.md).",
        default="memory",
    )
    store_user: str | None = key(maybe(TEXT), "The user of Redis' access list.", default=None, example="finhub-sidecar")
    store_password: SecretRef | None = key(
        maybe(SECRET),
        "That user's password, or the engine's.",
        default=None,
        example={"file": "secrets/store-password"},
    )
    store_key: SecretRef | None = key(
        maybe(SECRET),
        "What seals the session, base64 of 32 bytes; of several lines the first seals, all open. Any store needs it.",
        default=None,
        example={"file": "secrets/store-key"},
    )
    store_prefix: str = key(STORE_PREFIX, "What the keys in Redis begin with.", default="finhub-sidecar")
    store_tls: StoreTls = key(table(StoreTls), "TLS with Redis, where session.store is rediss://.", default=StoreTls())
    lease: float = key(
        LEASE, "Seconds for which one process may mint for all; it renews them, and another takes over.", default=5.0
    )
    alone_within: float = key(
        SECONDS,
        "Seconds over which processes spread their own mints while the store is away; it is tried again every 5 s.",
        default=10.0,
    )
    client_ip: str = key(IP, "X-Forwarded-For of our own calls, and of callers that send none.", default="127.0.0.1")
    wait: float = key(SECONDS, "Seconds a request waits for a login in flight; then 503.", default=10.0)
    refresh: Refresh = key(table(Refresh), "When and how a token is renewed before it ends.", default=Refresh())
    backoff: Backoff = key(table(Backoff), "How long to wait after a failed login or refresh.", default=Backoff())
    blocked_for: float = key(
        POSITIVE_SECONDS,
        "Seconds without a login after FinHub rejected the credentials: five failures lock them.",
        default=1800.0,
    )
    expired_when: str | None = key(
        maybe(TEXT),
        "Text, in any case, that a 401's body must contain to count as expiry; default: every 401 does.",
        default=None,
        example="access token has expired",
    )
    login_endpoint: Literal["stub", "refuse", "pass"] = key(
        choice("stub", "refuse", "pass"),
        "What a caller's own login gets: a token that is worth nothing, 403, or FinHub's reply without its tokens.",
        default="stub",
    )
    logout: bool = key(FLAG, "Whether to log out at shutdown.", default=False)
    lifetime: float = key(
        POSITIVE_SECONDS, "Seconds that a token lives when FinHub does not say; the environment brings its own."
    )


class FieldRule(Section):
    """What happens to one header field on its way to FinHub: a template is set, or the field is removed."""

    value: str | None = key(maybe(FIELD_VALUE), "The field's value, with variables in braces.", default=None)
    when: Literal["absent", "always", "append"] = key(
        choice("absent", "always", "append"),
        "Set it where the caller sent none, in place of the caller's, or after it in a list.",
        default="absent",
    )
    remove: bool = key(FLAG, "Take the field out instead.", default=False)

    def verify(self) -> None:
        """Raise Unfit unless it does one thing."""
        if self.remove == (self.value is not None):
            found = "both value and remove" if self.remove else "neither value nor remove"
            raise Unfit('{ value = "…" } or { remove = true }', found=found)


class Check(Section):
    """What `finhub-sidecar check` tries beyond the login."""

    path: str | None = key(
        maybe(TARGET), "A harmless authenticated GET.", default=None, example="/api/v2.1/wallets/1/balance"
    )


class Limits(Section):
    """How fast requests go to FinHub."""

    requests_per_second: float = key(
        RATE, "Requests to FinHub, on average; more wait their turn. 0: as fast as they come.", default=0.0
    )
    burst: int = key(
        whole(1, 65_535), "Requests that may go at once when none went for a while; then that many a second.", default=1
    )
    queue: float = key(SECONDS, "Seconds that a request may have to wait for its turn; else it gets 429.", default=5.0)
