"""This machine's users and groups, by name or number.

Thin, and blocking: names may be asked for over the network. A number needs no entry anywhere: a container's users often
have none.
"""

from __future__ import annotations

import grp
import pwd
from typing import TYPE_CHECKING, Final

from sidecar.errors import ConfigError
from sidecar.gateway import peer

if TYPE_CHECKING:
    from collections.abc import Iterable

_LAST: Final = 2**32 - 2
"""The largest number; the one above it means "nobody in particular" to the kernel (chown(2))."""


def allowed(names: Iterable[str]) -> frozenset[int]:
    """Return the numbers of `listen.allowed_users`, blocking.

    Raises:
        ConfigError: there is no such user, every one told, a line each; or no platform's word on who connects.
    """
    wanted = tuple(names)
    if wanted and not peer.are_told():
        remedy = "Leave listen.allowed_users empty, and choose who may open the socket by its owner and mode."
        raise ConfigError("listen.allowed_users: this platform does not tell which user connects", remedy=remedy)
    found = {name: uid(name) for name in wanted}
    unknown = [name for name, number in found.items() if number is None]
    if unknown:
        lines = "\n".join(f"listen.allowed_users: there is no user {name!r} on this machine" for name in unknown)
        raise ConfigError(lines, remedy="Create the user, or name one that exists; a number needs no entry.")
    return frozenset(number for number in found.values() if number is not None)


def uid(user: str) -> int | None:
    """Return the number of a user, None where there is no such user; blocking."""
    if _is_number(user):
        return _number(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None


def gid(group: str) -> int | None:
    """Return the number of a group, None where there is no such group; blocking."""
    if _is_number(group):
        return _number(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(text: str) -> int | None:
    # A number of thousands of digits is more than `int` reads.
    return int(text) if len(text) <= len(str(_LAST)) and int(text) <= _LAST else None
