"""Listeners that the service manager opened for us (sd_listen_fds(3)): told by variables, taken over by number.

What was passed stands for the configured address, so that every rule about addresses holds for it too.
"""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar.config.addresses import is_loopback
from sidecar.errors import ListenError

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

FIRST: Final = 3
"""The number of the first one (SD_LISTEN_FDS_START)."""

NAMES: Final = ("callers", "admin")
"""What the sockets are called: `FileDescriptorName=` in a unit."""

_VARIABLES: Final = {"callers": "FINHUB_LISTEN__ADDRESS", "admin": "FINHUB_ADMIN__ADDRESS"}
_TOLD_BY: Final = ("LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "LISTEN_PIDFDID")

_NAME_IT: Final = 'Set FileDescriptorName= to "callers" or "admin" in each .socket unit (--fdname for a trial by hand).'
_STREAM: Final = "Use ListenStream= with a port or a path, and Accept=no."


@dataclass(frozen=True, slots=True)
class Passed:
    """The listeners that were passed, by name; a name that is missing is opened as configured."""

    sockets: Mapping[str, tuple[socket.socket, ...]]

    @property
    def variables(self) -> dict[str, str]:
        """Return the addresses as the variables of the configuration that they stand for."""
        return {_VARIABLES[name]: _address(plugs) for name, plugs in self.sockets.items()}


def take(environ: MutableMapping[str, str]) -> Passed:
    """Take over what was passed to this very process; what told of it is gone from `environ`, for no child to find.

    Raises:
        ListenError: something was passed that cannot be listened on, or by a name that means nothing here.
    """
    told = {name: environ.pop(name, "") for name in _TOLD_BY}
    if told["LISTEN_PID"] != str(os.getpid()):
        return Passed({})
    numbers = by_name(told["LISTEN_FDS"], told["LISTEN_FDNAMES"])
    with contextlib.ExitStack() as stack:
        sockets = {name: tuple(stack.enter_context(_plug(name, fd)) for fd in fds) for name, fds in numbers.items()}
        for name, plugs in sockets.items():
            _require_fit(name, plugs)
        stack.pop_all()
    return Passed(sockets)


def by_name(count: str, names: str) -> dict[str, list[int]]:
    """Return the numbers of descriptors by name, as LISTEN_FDS and LISTEN_FDNAMES tell them; ListenError if wrong."""
    if not (count.isascii() and count.isdecimal()):
        raise ListenError(f"LISTEN_FDS: found {count!r}, expected a number", remedy="Let the service manager set it.")
    called = names.split(":") if names else []
    if len(called) != int(count):
        raise ListenError(f"{count} sockets were passed with {len(called)} names", remedy=_NAME_IT)
    found: dict[str, list[int]] = {}
    for number, name in enumerate(called, FIRST):
        if name not in NAMES:
            raise ListenError(f"a socket was passed as {name!r}, which means nothing here", remedy=_NAME_IT)
        found.setdefault(name, []).append(number)
    return found


def _plug(name: str, number: int) -> socket.socket:
    try:
        plug = socket.socket(fileno=number)
    except OSError as error:
        raise ListenError(f"what was passed as {name!r} is no socket: {error.strerror}", remedy=_STREAM) from None
    plug.set_inheritable(False)
    plug.setblocking(False)  # noqa: FBT003  # the standard library's signature
    return plug


def _require_fit(name: str, plugs: tuple[socket.socket, ...]) -> None:
    """Raise ListenError unless all listen, and what is checked of one caller (Host, peer) is to be checked of all."""
    for plug in plugs:
        if plug.type != socket.SOCK_STREAM or not plug.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise ListenError(f"what was passed as {name!r} does not listen for connections", remedy=_STREAM)
    if len({plug.family == socket.AF_UNIX for plug in plugs}) > 1:
        raise ListenError(
            f"{name!r} is both a port and a Unix socket", remedy="Pass either; callers of each are checked otherwise."
        )
    _address(plugs)


def _address(plugs: tuple[socket.socket, ...]) -> str:
    """Return where the sockets listen, as the configuration would write it: of several, one that others can reach."""
    first = plugs[0]
    if first.family == socket.AF_UNIX:
        return f"unix:{_path(first.getsockname())}"
    places = [plug.getsockname() for plug in plugs]
    exposed = [place for place in places if not is_loopback(place[0])]
    host, port = (exposed or places)[0][:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _path(name: str | bytes) -> str:
    if not isinstance(name, str) or not name.startswith("/"):
        raise ListenError(
            "a Unix socket without a file was passed, which every process of this machine may open",
            remedy="Use ListenStream= with an absolute path.",
        )
    return name
