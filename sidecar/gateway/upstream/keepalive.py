"""How long FinHub keeps an idle connection, where it says so: the `Keep-Alive` field of a reply.

Pure. The field is from RFC 2068 §19.7.1.1 and was never standardised again, but servers send it and mean it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_TIMEOUT: Final = re.compile(r"(?:^|,)\s*timeout\s*=\s*\"?(\d{1,9})\"?\s*(?=,|$)", re.IGNORECASE | re.ASCII)

_ON_THE_WAY: Final = 1.0
"""Seconds that a request may be under way: FinHub counts from its last byte's leaving, we from its arrival."""


def rest_of(values: Iterable[str]) -> float | None:
    """Return the seconds that a connection may rest before it is given up; None where no `timeout` is told.

    `values` are those of all `Keep-Alive` fields of one reply; of several time-outs the shortest counts.
    """
    told = [int(found[1]) for value in values for found in _TIMEOUT.finditer(value)]
    return max(min(told) - _ON_THE_WAY, 0.0) if told else None
