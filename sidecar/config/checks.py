"""What concerns two keys at once. A check names the keys it reads, and is left out while one of them is itself wrong.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar.config.addresses import host_of, is_loopback, is_plain
from sidecar.config.fieldrules import uses
from sidecar.config.problems import Problem, dotted
from sidecar.config.storing import place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from sidecar.config.merge import Path
    from sidecar.config.model import Config

PLAYGROUND_HOST: Final = "playground.finhub.cloud"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule over a whole configuration, and the keys or sections that must be right for it to make sense."""

    needs: tuple[Path, ...]
    find: Callable[[Config], Iterator[Problem]]


def problems(config: Config, broken: Collection[Path]) -> Iterator[Problem]:
    """Yield what the checks find; `broken` are the paths of keys that hold a default in place of something wrong."""
    for check in CHECKS:
        if not any(_touches(path, need) for path in broken for need in check.needs):
            yield from check.find(config)


def _touches(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _exposed(config: Config) -> Iterator[Problem]:
    listen = config.listen
    if listen.address.is_loopback:
        return
    if not listen.unsafe_listen:
        expected = "a loopback address or a Unix socket, or listen.unsafe_listen = true with a caller_key"
        yield Problem("listen.address", f'"{listen.address}", which others can reach', expected)
    if listen.caller_key is None and not listen.allowed_peers:
        expected = "one of the two, so that not everybody can act as you"
        yield Problem("listen.caller_key", f'neither it nor allowed_peers beside "{listen.address}"', expected)


def _peers(config: Config) -> Iterator[Problem]:
    if config.listen.allowed_peers and not config.listen.unsafe_listen:
        yield Problem("listen.allowed_peers", "networks without unsafe_listen", "no networks, or unsafe_listen = true")


def _two_listeners(config: Config) -> Iterator[Problem]:
    listen, admin = config.listen.address, config.admin.address
    same = (listen.kind, listen.host, listen.port, listen.path) == (admin.kind, admin.host, admin.port, admin.path)
    if same and (listen.kind == "unix" or listen.port):
        yield Problem("admin.address", f'"{admin}", which is listen.address too', "another address")


def _unix_only(config: Config) -> Iterator[Problem]:
    listen = config.listen
    if listen.address.kind == "unix":
        return
    expected = 'nothing, or listen.address = "unix:/PATH"'
    if listen.socket_owner is not None:
        yield Problem("listen.socket_owner", f'it beside "{listen.address}"', expected)
    if listen.allowed_users:
        yield Problem("listen.allowed_users", f'users beside "{listen.address}", where none are known', expected)


def _plain_http(config: Config) -> Iterator[Problem]:
    urls = {"upstream.url": config.upstream.url}
    # Where it was not given it is upstream.url: one mistake, one line.
    if config.session.url != config.upstream.url:
        urls["session.url"] = config.session.url
    for key, url in urls.items():
        if is_plain(url):
            yield from _plain(config, key, host_of(url))


def _plain(config: Config, key: str, host: str) -> Iterator[Problem]:
    if not config.plain_http_allowed:
        expected = "https://; without TLS only in the playground environment"
        yield Problem(key, f"http:// in the {config.environment} environment", expected)
    elif not is_loopback(host) and host != PLAYGROUND_HOST:
        yield Problem(key, "http:// to another machine", f"https://, or http:// to loopback or {PLAYGROUND_HOST}")


def _proxy(config: Config) -> Iterator[Problem]:
    upstream = config.upstream
    given = {key for key in ("proxy_user", "proxy_password") if getattr(upstream, key) is not None}
    if len(given) == 1:
        (one,) = given
        other = "proxy_password" if one == "proxy_user" else "proxy_user"
        yield Problem(f"upstream.{other}", f"nothing beside {one}", "both, or neither")
    if upstream.proxy is None:
        yield from (Problem(f"upstream.{key}", "it without upstream.proxy", "the proxy's URL") for key in sorted(given))
    elif any(map(is_plain, (upstream.url, config.session.url))):
        expected = "https:// in upstream.url and session.url, so that the proxy cannot read what is secret"
        yield Problem("upstream.proxy", "a proxy on a way without TLS", expected)


def _identity(config: Config) -> Iterator[Problem]:
    identity = config.identity
    if identity.key_file is not None and identity.certificate_file is None:
        yield Problem("identity.certificate_file", "nothing beside key_file", "the certificate's file")
    if identity.pkcs12_file is not None and (identity.certificate_file or identity.key_file):
        expected = "one of them: the PEM pair or the PKCS#12 file"
        yield Problem("identity.pkcs12_file", "it beside certificate_file or key_file", expected)


def _password(config: Config) -> Iterator[Problem]:
    identity = config.identity
    if identity.key_password is not None and not (identity.key_file or identity.is_given):
        expected = "certificate_file and key_file, or pkcs12_file"
        yield Problem("identity.key_password", "it without a file that it opens", expected)


def _tenant(config: Config) -> Iterator[Problem]:
    users = [name for name, rule in config.fields.items() if uses(rule.value, "{tenant_id}")]
    if users and config.credentials.tenant_id is None:
        expected = f"the tenant that {', '.join(dotted(('fields', name)) for name in users)} sends"
        yield Problem("credentials.tenant_id", "nothing", expected)


def _store(config: Config) -> Iterator[Problem]:
    session = config.session
    found = place(session.store)
    if found.is_shared and session.store_key is None:
        expected = "a reference to base64 of 32 bytes (openssl rand -base64 32): nothing is kept unsealed"
        yield Problem("session.store_key", f"nothing beside a store of kind {found.kind}", expected)
    if found.is_shared and session.logout:
        expected = "false: others, or the next start, go on with the session"
        yield Problem("session.logout", f"true beside a store of kind {found.kind}", expected)
    if not found.nodes:
        for key in ("store_user", "store_password"):
            if getattr(session, key) is not None:
                yield Problem(f"session.{key}", "it without a Redis in session.store", "nothing, or redis:// …")


def _store_tls(config: Config) -> Iterator[Problem]:
    tls = config.session.store_tls
    if not place(config.session.store).tls:
        for key in ("ca_file", "certificate_file", "key_file"):
            if getattr(tls, key) is not None:
                yield Problem(f"session.store_tls.{key}", "it beside a store without TLS", "rediss:// in session.store")
    elif (tls.certificate_file is None) != (tls.key_file is None):
        yield Problem("session.store_tls", "a certificate or a key alone", "certificate_file and key_file, or neither")


def _drain(config: Config) -> Iterator[Problem]:
    if config.drain.min > config.drain.max:
        yield Problem("drain.min", f"{config.drain.min:g}", f"at most drain.max, which is {config.drain.max:g}")


_IDENTITY_FILES: Final = (
    ("identity", "certificate_file"),
    ("identity", "key_file"),
    ("identity", "pkcs12_file"),
)

_PROXY: Final = (
    ("upstream", "url"),
    ("session", "url"),
    ("upstream", "proxy"),
    ("upstream", "proxy_user"),
    ("upstream", "proxy_password"),
)

_STORE: Final = (
    ("session", "store"),
    ("session", "store_user"),
    ("session", "store_password"),
    ("session", "store_key"),
    ("session", "logout"),
)

CHECKS: Final = (
    Check(
        (("listen", "address"), ("listen", "unsafe_listen"), ("listen", "caller_key"), ("listen", "allowed_peers")),
        _exposed,
    ),
    Check((("listen", "unsafe_listen"), ("listen", "allowed_peers")), _peers),
    Check((("listen", "address"), ("admin", "address")), _two_listeners),
    Check((("listen", "address"), ("listen", "socket_owner"), ("listen", "allowed_users")), _unix_only),
    Check((("environment",), ("upstream", "url"), ("session", "url")), _plain_http),
    Check(_PROXY, _proxy),
    Check(_IDENTITY_FILES, _identity),
    Check((*_IDENTITY_FILES, ("identity", "key_password")), _password),
    Check((("environment",), ("fields",), ("credentials", "tenant_id")), _tenant),
    Check((("drain", "min"), ("drain", "max")), _drain),
    Check(_STORE, _store),
    Check((("session", "store"), ("session", "store_tls")), _store_tls),
)
