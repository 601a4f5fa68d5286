"""All that is read from outside and may change while we run: identity, trust and secrets, by content.

Thin. `read` takes it all in, `stand` makes of it what the doors use; nothing is kept until both have succeeded, so a
broken replacement leaves the old one in place.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sidecar import secret
from sidecar.config.refs import CommandRef, EnvRef
from sidecar.config.residents import residents
from sidecar.errors import IdentityError, SecretError
from sidecar.events import IdentityLoaded
from sidecar.tls import files
from sidecar.tls.context import client_context
from sidecar.tls.identity import Identity, IdentityBytes, parse
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

    from sidecar.config.model import Config, SecretRef
    from sidecar.config.residents import Resident
    from sidecar.redact import Secret

_SECRET_CREDENTIALS: Final = ("password", "customer_secret", "tenant_secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What was read, as it was read. Two are equal when nothing changed."""

    identity: IdentityBytes | None
    key_password: Secret | None
    ca: bytes | None
    crl: bytes | None
    secrets: tuple[tuple[str, Secret], ...]
    caller_key: Secret | None
    proxy_user: Secret | None = None
    proxy_password: Secret | None = None
    store_key: Secret | None = None
    store_password: Secret | None = None

    def changes(self, before: Material) -> tuple[str, ...]:
        """Return what is not as it was, in words: "identity", "secrets" …."""
        names = (field.name for field in fields(self) if getattr(self, field.name) != getattr(before, field.name))
        return tuple(dict.fromkeys(_WORDS[name] for name in names))


_WORDS: Final = {
    "identity": "identity",
    "key_password": "identity",
    "ca": "CA",
    "crl": "CRL",
    "secrets": "secrets",
    "caller_key": "caller key",
    "proxy_user": "proxy credentials",
    "proxy_password": "proxy credentials",
    "store_key": "store key",
    "store_password": "store password",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the doors use now, and the material it was made of."""

    material: Material
    identity: Identity | None
    tls: Tls


def read(config: Config, environ: Mapping[str, str]) -> Material:
    """Read everything that `config` names, blocking.

    Raises:
        SecretError: one or more secrets cannot be read; each is told, a line each.
        IdentityError, ConfigError: the first file that cannot be read.
    """
    secrets = read_secrets(config, environ)
    credentials = [(name, secrets[f"credentials.{name}"]) for name in _SECRET_CREDENTIALS]
    return Material(
        identity=_identity(config),
        key_password=secrets["identity.key_password"],
        ca=_trust("upstream.ca_file", config.upstream.ca_file),
        crl=_trust("upstream.crl_file", config.upstream.crl_file),
        secrets=tuple((name, value) for name, value in credentials if value is not None),
        caller_key=secrets["listen.caller_key"],
        proxy_user=secrets["upstream.proxy_user"],
        proxy_password=secrets["upstream.proxy_password"],
        store_key=secrets["session.store_key"],
        store_password=secrets["session.store_password"],
    )


def _references(config: Config) -> dict[str, SecretRef | None]:
    return {
        **{f"credentials.{name}": getattr(config.credentials, name) for name in _SECRET_CREDENTIALS},
        "identity.key_password": config.identity.key_password,
        "listen.caller_key": config.listen.caller_key,
        "upstream.proxy_user": config.upstream.proxy_user,
        "upstream.proxy_password": config.upstream.proxy_password,
        "session.store_key": config.session.store_key,
        "session.store_password": config.session.store_password,
    }


def seen_by(resident: Resident, known: Iterable[Resident], environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return `environ` as one tenant sees it: without what holds the secrets of others and none of its own."""
    own = _variables_of(resident.config)
    hidden = {name for other in known for name in _variables_of(other.config)}.difference(own)
    return {name: value for name, value in environ.items() if name not in hidden} if hidden else environ


def forget_secrets(config: Config, environ: MutableMapping[str, str]) -> None:
    """Take the variables out of `environ` that hold the secrets of `config`: nothing that we start shall have them."""
    for one in (config, *(resident.config for resident in residents(config))):
        for name in _variables_of(one):
            environ.pop(name, None)


def _variables_of(config: Config) -> list[str]:
    return [ref.name for ref in _references(config).values() if isinstance(ref, EnvRef)]


def read_secrets(config: Config, environ: Mapping[str, str]) -> dict[str, Secret | None]:
    """Return every secret by its key, None where the configuration names none; SecretError as `read`."""
    found: dict[str, Secret | None] = {}
    failures: list[SecretError] = []
    others = dict(environ)
    forget_secrets(config, others)
    for key, ref in _references(config).items():
        try:
            seen = others if isinstance(ref, CommandRef) else environ  # a command is started, and reads its own alone
            found[key] = None if ref is None else secret.read(ref, seen)
        except SecretError as error:
            failures.append(SecretError(f"{key}: {error.detail}", remedy=error.remedy))
    if failures:
        raise SecretError("\n".join(one.detail for one in failures), remedy=" ".join(one.remedy for one in failures))
    return found


def stand(config: Config, material: Material, now: datetime | None = None) -> Standing:
    """Return what the doors use for `material`, checked at `now` (UTC). Blocking, some 30 ms.

    Raises:
        IdentityError: certificate and key do not belong together, are out of date or cannot be opened.
        ConfigError: the CA or CRL file holds none.
    """
    identity = None
    if material.identity is not None:
        identity = parse(material.identity, material.key_password, now or datetime.now(UTC))
    needs_tls = any(url.startswith("https:") for url in (config.upstream.url, config.session.url))
    context = client_context(identity, material.ca, material.crl, pins=config.upstream.pins) if needs_tls else None
    return Standing(material=material, identity=identity, tls=Tls(context, presented=identity is not None))


def _identity(config: Config) -> IdentityBytes | None:
    section = config.identity
    if section.is_given:
        found = files.read(
            files.IdentityFiles(
                certificate_file=section.certificate_file, key_file=section.key_file, pkcs12_file=section.pkcs12_file
            )
        )
        if not section.unsafe_key_mode:
            files.refuse_exposed(found)
        return found
    if config.identity_required:
        raise IdentityError(
            "no client certificate is configured, and FinHub's production demands one",
            remedy="Set identity.certificate_file and identity.key_file, or identity.pkcs12_file.",
        )
    return None


def _trust(key: str, path: str | None) -> bytes | None:
    return None if path is None else files.read_trust(key, path)


def loaded(identity: Identity) -> IdentityLoaded:
    """Return the event that tells which identity stands."""
    return IdentityLoaded(
        subject=identity.subject,
        not_after_utc=identity.not_after.isoformat(),
        days_left=identity.days_left(datetime.now(UTC)),
        warnings=identity.warnings,
    )
