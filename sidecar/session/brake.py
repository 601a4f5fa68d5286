"""The storm brake's memory of single endpoints: one that always says 401 must not cost a login per request.

Pure. The session's own strikes (`state.py`) are cleared by any good reply, so that a real revocation heals at once.
Among healthy traffic an endpoint that refuses every token would thus never be braked; here its own strikes are kept,
and only its own good reply clears them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cachetools import LRUCache

from sidecar.session.state import BRAKE_SECONDS, STRIKES

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_MOST_ENDPOINTS: Final = 1024
_VARIABLE: Final = re.compile(r"(?<![^/])(?!v[0-9](\.[0-9])?(/|$))([^/]*[0-9%][^/]*|[^/]{33,})")
"""A segment of a path that holds an id, by its looks; a version such as `v2.1` does not."""


@dataclass(slots=True)
class _Suspect:
    strikes: int = 0
    rejected_at: float = float("-inf")


class EndpointBrake:
    """Strikes by endpoint ("METHOD /path"); of too many, the least recently seen is forgotten.

    Requests that differ in ids alone are one endpoint. Instants are on the steady clock.
    """

    def __init__(self) -> None:
        self._suspects: MutableMapping[str, _Suspect] = LRUCache(_MOST_ENDPOINTS)

    @property
    def suspects(self) -> int:
        """How many endpoints are remembered: none, as a rule."""
        return len(self._suspects)

    def holds(self, endpoint: str, now: float) -> bool:
        """Tell whether a 401 of this endpoint is to be delivered: three strikes, and a minute not yet over."""
        suspect = self._suspects.get(_folded(endpoint))
        return suspect is not None and suspect.strikes >= STRIKES and now < suspect.rejected_at + BRAKE_SECONDS

    def rejected(self, endpoint: str, now: float) -> None:
        """A token was dropped because of this endpoint."""
        self._suspects.setdefault(_folded(endpoint), _Suspect()).rejected_at = now

    def strike(self, endpoint: str) -> None:
        """This endpoint refused a replay on its fresh token."""
        self._suspects.setdefault(_folded(endpoint), _Suspect()).strikes += 1

    def clear(self, endpoint: str) -> None:
        """This endpoint answered with something else than 401."""
        self._suspects.pop(_folded(endpoint), None)


def _folded(endpoint: str) -> str:
    """Return what stands for all requests of one kind: the ids in the path become `*`."""
    method, _, path = endpoint.partition(" ")
    return f"{method} {template_of(path)}"


def template_of(path: str) -> str:
    """Return what stands for all paths of one kind: the ids in it become `*`."""
    return _VARIABLE.sub("*", path)
