"""The sections about FinHub: attribute names are the TOML keys.

Pure. Each value is checked here; what concerns two keys is in `checks`. The descriptions are what the samples and the
reference print. Durations are seconds, sizes bytes.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sidecar.config.kinds import (  # noqa: TC001  # pydantic reads the annotations at run time
    Dialect,
    FieldValue,
    FilePath,
    Flag,
    Ip,
    Nothing,
    Origin,
    Pins,
    PositiveSeconds,
    Seconds,
    SecretReference,
    Target,
    Text,
    Visible,
    Whole,
    Zero,
)
from sidecar.config.problems import Unfit
from sidecar.config.section import Section


class Upstream(Section):
    """FinHub's API, and the bounds of waiting for it."""

    url: Origin = Field(description="FinHub's origin; the environment brings its own.")
    ca_file: FilePath | None = Field(
        default=None,
        description="PEM file of the authorities to trust instead of the system's.",
        examples=["certs/finhub-ca.crt"],
    )
    connect_timeout: PositiveSeconds = Field(default=5.0, description="Seconds for a TCP and TLS connection.")
    response_timeout: PositiveSeconds = Field(default=60.0, description="Seconds to the first byte of the reply.")
    idle_timeout: PositiveSeconds = Field(default=60.0, description="Seconds between two bytes of the reply.")
    max_connections: Whole = Field(default=100, ge=1, le=65_535, description="Connections to FinHub at one time.")
    wait: Seconds = Field(default=5.0, description="Seconds a request waits for a free connection; then 503.")
    upgrade: Nothing = Field(default=(), description="Protocols that an Upgrade may switch to; none in this version.")
    pins: Pins = Field(
        default=(),
        description="SHA-256 of the public keys FinHub may have, in base64; one must match. None: any trusted key.",
    )
    crl_file: FilePath | None = Field(
        default=None, description="PEM file of revocation lists to check FinHub against.", examples=["certs/finhub.crl"]
    )


class Identity(Section):
    """The client certificate for mutual TLS: a PEM pair, or one PKCS#12 file. Mandatory in production."""

    certificate_file: FilePath | None = Field(
        default=None, description="PEM file of the certificate and its chain.", examples=["certs/client.crt"]
    )
    key_file: FilePath | None = Field(
        default=None,
        description="PEM file of the private key; the same file again where one holds both.",
        examples=["certs/client.key"],
    )
    key_password: SecretReference | None = Field(
        default=None,
        description="The password of the key or of the PKCS#12 file.",
        examples=[{"file": "secrets/key-password"}],
    )
    pkcs12_file: FilePath | None = Field(
        default=None,
        description="PKCS#12 file with certificate, key and chain, instead of the pair.",
        examples=["client.p12"],
    )
    unsafe_key_mode: Flag = Field(
        default=False,
        description="Take a key that every user of the machine can read: for volumes that cannot set modes.",
    )
    reload_interval: PositiveSeconds = Field(
        default=30.0,
        description="Seconds between looks at identity, secrets and CA; a change is used without a restart.",
    )

    @property
    def is_given(self) -> bool:
        """Whether there is a certificate to present."""
        return self.certificate_file is not None or self.pkcs12_file is not None


class Credentials(Section):
    """Who logs in. Which keys are needed is the dialect's to say."""

    username: Text | None = Field(
        default=None,
        description="The FinHub user, from the onboarding (fincard: the e-mail address).",
        examples=["your-user"],
    )
    password: SecretReference | None = Field(
        default=None, description="That user's password.", examples=[{"file": "secrets/password"}]
    )
    customer_id: Text | None = Field(
        default=None, description="The client id, from Developer Portal > API Access.", examples=["your-client-id"]
    )
    customer_secret: SecretReference | None = Field(
        default=None,
        description="The client secret, from Developer Portal > API Access.",
        examples=[{"file": "secrets/customer-secret"}],
    )
    account_type: Literal["b2b", "b2c"] = Field(default="b2b", description="The type of the account.")
    grant_type: Text = Field(default="password", description="The OAuth 2 grant type of the login.")
    tenant_id: Visible | None = Field(
        default=None, description="The tenant; X-Tenant-ID carries it on every request.", examples=["1234567"]
    )
    send_client_credentials: Flag = Field(
        default=True, description="Whether the login carries customer_id and customer_secret."
    )
    organization_id: Text | None = Field(
        default=None, description="The organization (v2.1 dialects).", examples=["your-organization-id"]
    )
    user_id: Text | None = Field(default=None, description="The user's id (v2.1 dialects).", examples=["your-user-id"])
    tenant_key: Text | None = Field(
        default=None, description="The tenant's key (v2.1 dialects).", examples=["your-tenant-key"]
    )
    tenant_secret: SecretReference | None = Field(
        default=None, description="The tenant's secret (v2.1 dialects).", examples=[{"file": "secrets/tenant-secret"}]
    )
    individual_id: Text | None = Field(
        default=None, description="The individual customer (v2.1-customer).", examples=["your-individual-id"]
    )


class Refresh(Section):
    """When and how a token is renewed before it ends."""

    enabled: Flag = Field(default=True, description="Whether to refresh at all; without, every renewal is a login.")
    path: Target | None = Field(
        default=None,
        description="The refresh endpoint's path; default: the dialect's.",
        examples=["/api/v2/auth/token/refresh"],
    )
    margin: Seconds = Field(
        default=60.0,
        description="Seconds before its end by which a token is renewed, at most half the last tenth of its life.",
    )


class Backoff(Section):
    """How long to wait after a failed login or refresh: exponential, full jitter; Retry-After overrules it."""

    first: PositiveSeconds = Field(default=1.0, description="Seconds, at most, before the second try.")
    max: PositiveSeconds = Field(default=60.0, description="Seconds, at most, before any try.")


class Session(Section):
    """How a token is got, kept and renewed."""

    dialect: Dialect = Field(description="How FinHub spells the login; the environment brings its own.")
    url: Origin = Field(description="The token endpoint's origin; default: upstream.url.")
    login: Literal["eager", "lazy"] = Field(
        default="eager",
        description='"eager" logs in at start and keeps the token fresh, "lazy" logs in when a caller comes.',
    )
    store: Literal["memory"] = Field(
        default="memory", description="Where the session is kept; this version has memory only."
    )
    client_ip: Ip = Field(
        default="127.0.0.1", description="X-Forwarded-For of our own calls, and of callers that send none."
    )
    wait: Seconds = Field(default=10.0, description="Seconds a request waits for a login in flight; then 503.")
    refresh: Refresh = Field(default=Refresh(), description="When and how a token is renewed before it ends.")
    backoff: Backoff = Field(default=Backoff(), description="How long to wait after a failed login or refresh.")
    blocked_for: PositiveSeconds = Field(
        default=1800.0,
        description="Seconds without a login after FinHub rejected the credentials: five failures lock them.",
    )
    expired_when: Text | None = Field(
        default=None,
        description="Text, in any case, that a 401's body must contain to count as expiry; default: every 401 does.",
        examples=["access token has expired"],
    )
    login_endpoint: Literal["refuse"] = Field(
        default="refuse", description="What a caller's own login gets; this version refuses it with 403."
    )
    logout: Flag = Field(default=False, description="Whether to log out at shutdown.")
    lifetime: PositiveSeconds = Field(
        description="Seconds that a token lives when FinHub does not say; the environment brings its own."
    )


class FieldRule(Section):
    """What happens to one header field on its way to FinHub: a template is set, or the field is removed."""

    value: FieldValue | None = Field(default=None, description="The field's value, with variables in braces.")
    when: Literal["absent", "always", "append"] = Field(
        default="absent",
        description="Set it where the caller sent none, in place of the caller's, or after it in a list.",
    )
    remove: Flag = Field(default=False, description="Take the field out instead.")

    @model_validator(mode="after")
    def _does_one_thing(self) -> FieldRule:
        if self.remove == (self.value is not None):
            found = "both value and remove" if self.remove else "neither value nor remove"
            raise Unfit('{ value = "…" } or { remove = true }', found=found)
        return self


class Check(Section):
    """What `finhub-sidecar check` tries beyond the login."""

    path: Target | None = Field(
        default=None, description="A harmless authenticated GET.", examples=["/api/v2.1/wallets/1/balance"]
    )


class Limits(Section):
    """How fast requests go to FinHub."""

    requests_per_second: Zero = Field(default=0.0, description="0: no shaping, all that this version has.")
