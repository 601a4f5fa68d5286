"""Who may open a Unix socket: its owner and its mode.

Thin, and blocking.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar.app import users
from sidecar.errors import ListenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_AS_IT_IS: Final = -1
"""The number by which chown(2) leaves a user or group alone."""

_OWNER_REMEDY: Final = (
    "Run the sidecar as root or with CAP_CHOWN; without them name only a group that it belongs to, as "
    '":GROUP", or leave listen.socket_owner out.'
)
_MODE_REMEDY: Final = "Run the sidecar as the socket's owner, as root or with CAP_FOWNER, or leave one of the two out."
_FOLDER_REMEDY: Final = "Put the socket into a folder in which nobody else may make files."


@dataclass(frozen=True, slots=True)
class Access:
    """The mode of a Unix socket, and its owner as chown(1) takes it: None for the user that made it."""

    mode: int
    owner: str | None = None


PRIVATE: Final = Access(0o600)
"""For the user alone that this process runs as: what a socket is made with."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An access, its user and group as numbers: looked up before there is a socket to give away."""

    access: Access
    uid: int
    gid: int

    @classmethod
    def of(cls, access: Access) -> Grant:
        """Return the numbers of an access. Raises ListenError where there is no such user or group."""
        user, _, group = (access.owner or "").partition(":")
        return cls(access, _known("user", user, users.uid), _known("group", group, users.gid))

    def give(self, path: Path, made: os.stat_result) -> None:
        """Give a private socket, which `made` describes, its owner and then its mode: it is never more open than asked.

        Raises:
            ListenError: there is no right to do so, or something else has taken the socket's place.
        """
        if self.access == PRIVATE:
            return
        mode, owner = self.access.mode, self.access.owner
        with _held(path, made) as held:
            if owner is not None:
                with _told(f"listen.socket_owner {owner}", _OWNER_REMEDY):
                    os.chown(held, self.uid, self.gid)
            with _told(f"listen.socket_mode {mode:04o}", _MODE_REMEDY):
                os.chmod(held, mode)  # noqa: PTH101  # beside chown, which pathlib does not have


def _known(what: str, name: str, look_up: Callable[[str], int | None]) -> int:
    if not name:
        return _AS_IT_IS
    number = look_up(name)
    if number is None:
        remedy = f"Create the {what}, or name one that exists; a number needs no entry."
        raise ListenError(f"listen.socket_owner: there is no {what} {name!r} on this machine", remedy=remedy)
    return number


@contextlib.contextmanager
def _held(path: Path, made: os.stat_result) -> Iterator[str]:
    """Yield a name of the very socket that was made, whatever takes its place in the folder from now on.

    A new owner, or whoever may write in the folder, could put a link there, and would have its target given away.
    """
    if not hasattr(os, "O_PATH"):  # not Linux
        yield str(path)
        return
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        ours = stat.S_ISSOCK(found.st_mode) and found.st_nlink == 1
        if not (ours and os.path.samestat(found, made)):
            raise ListenError(f"{path}: another program has taken the socket's place", remedy=_FOLDER_REMEDY)
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


@contextlib.contextmanager
def _told(key: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ListenError(f"{key}: {error.strerror}", remedy=remedy) from None
