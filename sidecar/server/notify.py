"""What the service manager is told (sd_notify(3)): one datagram for each word, sent without waiting.

Without NOTIFY_SOCKET nobody loads this.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import MutableMapping

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
RELOADING: Final = "RELOADING=1"
PING: Final = "WATCHDOG=1"

_LONGEST_STATUS: Final = 400
"""Characters of the words that a person reads in `systemctl status`: one line."""


class Notify:
    """The way to the service manager."""

    def __init__(self, address: str) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._plug = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._plug.setblocking(False)  # noqa: FBT003  # the standard library's signature

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> Self | None:
        """Return the way that NOTIFY_SOCKET names; None where it is no socket of this machine's.

        The variable is gone then, so that no child speaks for us.
        """
        address = environ.pop("NOTIFY_SOCKET", "")
        return cls(address) if address[:1] in {"/", "@"} and len(address) > 1 else None

    def tell(self, *words: str) -> bool:
        """Send assignments as one message; False where the manager did not take it: say it again, or let it be."""
        with contextlib.suppress(OSError):
            return self._plug.sendto("\n".join(words).encode(), self._address) > 0
        return False

    def close(self) -> None:
        """Tell nothing more."""
        self._plug.close()


def status(words: str) -> str:
    """Return the assignment of what a person reads; a line break would begin another assignment."""
    line = " ".join(words.split())
    return f"STATUS={line if len(line) <= _LONGEST_STATUS else line[: _LONGEST_STATUS - 1] + '…'}"
