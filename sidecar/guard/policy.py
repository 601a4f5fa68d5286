"""May this caller use us at all?

Pure. Host, Origin, key, peer, user, method, path and framing decide. The order of the answers: what has no single
meaning is 400, who may not use us is 403, what nobody may use is 403, and what is too large is 413. Sources:
SECURITY.md, invariants 2, 5 and 9; RFC 9112 §3.2 and §6.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar.errors import FieldsTooLarge
from sidecar.guard import browser
from sidecar.guard.authority import AllowedHosts, require_one_host
from sidecar.guard.carriable import require_carriable_request
from sidecar.guard.framing import require_framing
from sidecar.guard.own_paths import OwnCall, OwnPaths
from sidecar.guard.peers import AllowedPeers
from sidecar.guard.refusal import Denied, Malformed, TooLarge
from sidecar.guard.rules import AllowRules
from sidecar.guard.seen import methods, shape_of, watch
from sidecar.guard.target import require_sound_target
from sidecar.rawfields import names_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sidecar.guard.peers import Network
    from sidecar.guard.seen import Seen, Shape
    from sidecar.rawfields import RawFields
    from sidecar.redact import Secret

# What nearly every request uses: a token, neither CONNECT nor TRACE.
_ORDINARY: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §9.1: a token, case-sensitive
_OLD: Final = (1, 0)
_NOW: Final = (1, 1)
_USER_REMEDY: Final = "Add the caller's user to listen.allowed_users if it is meant to use the sidecar."


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may use one listener, and for what; built once from the configuration by `build`."""

    hosts: AllowedHosts | None  # None on a Unix socket, where no browser gets to
    origins: frozenset[bytes]
    peers: AllowedPeers | None  # None: every peer
    users: frozenset[int]  # empty: every user; root only where it is named
    caller_key: Secret | None
    own_paths: OwnPaths
    allow: AllowRules
    max_body: int  # bytes
    max_fields: int  # bytes of all field names and values together

    @classmethod
    def build(
        cls,
        *,
        allowed_hosts: Iterable[str],
        allowed_origins: Iterable[str],
        allowed_peers: Iterable[Network],
        allowed_users: Iterable[int] = (),
        caller_key: Secret | None,
        own_paths: Iterable[tuple[str | None, str]],
        allow: Iterable[str],
        max_body: int,
        max_fields: int,
        host_checked: bool,
    ) -> Policy:
        """Return the policy that the keys of [listen] describe; raise ConfigError for one that cannot be read.

        Args:
            allowed_hosts: hosts with or without a port.
            allowed_origins: origins as browsers send them.
            allowed_peers: networks; none means every peer.
            allowed_users: numbers of users; none means everybody who can open the socket.
            caller_key: what callers must send as X-Sidecar-Key, if anything.
            own_paths: the dialect's login, refresh and logout, as (method or None for any, path with `{placeholders}`).
            allow: "METHOD path-glob" rules.
            max_body: bytes.
            max_fields: bytes of all field names and values of one request.
            host_checked: False on a Unix socket.
        """
        return cls(
            hosts=AllowedHosts.build(allowed_hosts) if host_checked else None,
            origins=browser.allowed_origins(allowed_origins),
            peers=AllowedPeers.build(allowed_peers),
            users=frozenset(allowed_users),
            caller_key=caller_key,
            own_paths=OwnPaths.build(own_paths),
            allow=AllowRules.build(allow),
            max_body=max_body,
            max_fields=max_fields,
        )


def admit(
    policy: Policy,
    *,
    method: str,
    target: str,
    fields: RawFields,
    peer: str | None,
    uid: int | None = None,
    version: tuple[int, int] = (1, 1),
) -> Sequence[str]:
    """Return every method that the request may be taken for; raise Malformed (400), Denied (403), TooLarge (413).

    The last that is raised is OwnCall, a Denied: nothing else speaks against the request, but `allow` was not asked.

    Args:
        policy: the listener's.
        method: as on the wire.
        target: the request target, as on the wire.
        fields: as on the wire.
        peer: the address of the other end, None on a Unix socket.
        uid: the user at the other end, None where the kernel does not tell.
        version: of HTTP, as on the wire.
    """
    names, values = names_of(fields), values_of(fields)
    if len(names) + len(values) > policy.max_fields:
        _require_size(fields, policy.max_fields)
    shape = shape_of(names, len(fields))
    require_carriable_request(fields, values, tokens=shape.tokens)
    seen = watch(fields, shape)
    if version != _NOW:
        _require_version(version, seen)
    path = _require_one_meaning(method, target)
    length = require_framing(seen) if shape.frames else 0
    host = require_one_host(seen)
    if policy.users:
        _admit_user(policy.users, uid)
    _admit_caller(policy, method, host, (seen, shape), peer)
    spoken = methods(method, seen) if shape.overrides else (method,)
    is_own = _admit_use(policy, spoken, path)
    if length > policy.max_body:
        raise TooLarge(f"The request announces a body of more than {policy.max_body} bytes (listen.max_body).")
    if is_own:
        raise OwnCall(spoken, path)
    return spoken


def admit_again(policy: Policy, method: str, target: str) -> str:
    """Return the path of `target`, if a request whose head was admitted may ask for that; raise as `admit` does.

    The head is everything but the target: method, fields, version, peer and user are as they were.
    """
    path = _require_one_meaning(method, target)
    if _admit_use(policy, (method,), path):
        raise OwnCall((method,), path)
    return path


def _require_size(fields: RawFields, most: int) -> None:
    """Return if the fields together are small enough to be kept while the request lives."""
    if sum([len(name) + len(value) for name, value in fields]) > most:
        raise FieldsTooLarge(f"the header fields together exceed {most} bytes")


def _require_version(version: tuple[int, int], seen: Seen) -> None:
    """Return if this is HTTP/1.0 or 1.1, and the former without a transfer coding (RFC 9112 §6.1)."""
    if version not in (_OLD, _NOW):
        raise Malformed("version", "The request is neither HTTP/1.0 nor HTTP/1.1.")
    if version == _OLD and b"transfer-encoding" in seen:
        raise Malformed("framing", "The request holds Transfer-Encoding, which HTTP/1.0 does not know.")


def _require_one_meaning(method: str, target: str) -> str:
    """Return the target's path; raise Malformed if method or target are none of a gateway's."""
    if method not in _ORDINARY:
        _require_sound_method(method)
    return require_sound_target(target)


def _require_sound_method(method: str) -> None:
    if not _METHOD.fullmatch(method):
        raise Malformed("method", "The method is not a token.")
    if method.upper() == "CONNECT":
        # Its only target is authority-form (RFC 9112 §3.2.3), and we are no tunnel.
        raise Malformed("method", "CONNECT is for forward proxies.", remedy="Send the request itself to the sidecar.")


def _admit_caller(policy: Policy, method: str, host: bytes, said: tuple[Seen, Shape], peer: str | None) -> None:
    """Return if whoever sent this may use us at all."""
    seen, shape = said
    if policy.peers is not None:
        policy.peers.admit(peer)
    if policy.hosts is not None:
        policy.hosts.admit(host)
    if shape.browses:
        browser.admit_site(policy.origins, method, seen)
    if policy.caller_key is not None:
        _admit_key(policy.caller_key, seen.get(b"x-sidecar-key", ()))


def _admit_use(policy: Policy, spoken: Sequence[str], path: str) -> bool:
    """Tell whether this method on this path is the session's own; raise where no caller may use it, own or not."""
    if not _ORDINARY.issuperset(spoken) and any(method.upper() == "TRACE" for method in spoken):
        # The reply would hold the request as FinHub got it, our Authorization included (RFC 9110 §9.3.8).
        raise Denied("method", "TRACE would show the session token.", remedy="Use another method.")
    if policy.own_paths.hold(spoken, path):
        return True
    policy.allow.admit(spoken, path)
    return False


def _admit_user(users: frozenset[int], uid: int | None) -> None:
    """Return if the user is one of those named; whom the kernel does not tell is none of them."""
    if uid not in users:
        who = "The caller's user is unknown, and" if uid is None else f"The user {uid}"
        raise Denied("user", f"{who} is not in listen.allowed_users.", remedy=_USER_REMEDY)


def _admit_key(key: Secret, sent: Sequence[bytes]) -> None:
    """Return if exactly one X-Sidecar-Key was sent and is the right one, compared in constant time."""
    if len(sent) != 1 or not hmac.compare_digest(sent[0], key.reveal().encode()):
        detail = f"The request holds {'no' if not sent else 'a wrong or doubled'} X-Sidecar-Key."
        raise Denied("caller_key", detail, remedy="Send the key of listen.caller_key as one X-Sidecar-Key field.")
