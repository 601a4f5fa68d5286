"""Lines about requests that are written together, free of secrets.

Looking for secrets in all of them at once costs a fraction of looking through each. So that none slips through
meanwhile, a secret that lives when a line is added is kept until it has been looked for.
"""

from __future__ import annotations

import time
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING

from sidecar.observe.request_line import request_line, start_of
from sidecar.redact import births, living, redact

if TYPE_CHECKING:
    from sidecar.events import Forwarded
    from sidecar.redact import Secret


class Batch:
    """Lines that wait. `size` is how many characters they have."""

    def __init__(self, level: str, words: str) -> None:
        self.size = 0
        self._start = start_of(words, level)
        self._lines: list[str] = []
        self._secrets: set[Secret] = set()
        self._births = -1
        self._second, self._date = -1, ""

    def add(self, event: Forwarded, now: float) -> None:
        """Add the line of a request that was over at `now`, by the wall clock."""
        if births() != self._births:
            self._births = births()
            self._secrets.update(living())
        line = request_line(self._start, event, self._stamp(now))
        self._lines.append(line)
        self.size += len(line)

    def take(self) -> str:
        """Return the lines, and wait for others."""
        lines, self._lines, self.size = self._lines, [], 0
        text = redact("".join(lines))
        if text.count("\n") != len(lines):  # a secret with a line end in it has taken two lines for one
            text = "".join(redact(line[:-1]) + "\n" for line in lines)
        self._secrets, self._births = set(), -1
        return text

    def _stamp(self, now: float) -> str:
        """Return an instant in UTC, to the microsecond; the second is spelt once for all its lines."""
        micros = int(now * 1_000_000)
        second = micros // 1_000_000
        if second != self._second:
            self._second, self._date = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._date}.{micros % 1_000_000:06d}Z"


class SeveralTenants(Batch):
    """Lines that begin with whose request it was, where it was anybody's."""

    def __init__(self, level: str, words: str) -> None:
        super().__init__(level, words)
        self._nobodys = self._start

    def add(self, event: Forwarded, now: float) -> None:
        """Add the line of a request; see `Batch`."""
        self._start = f'{self._nobodys}, "tenant": {quoted(event.tenant)}' if event.tenant else self._nobodys
        super().add(event, now)
