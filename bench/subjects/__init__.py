"""Those that are compared, in the order of the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.subjects import envoy, naive, nginx, ours

if TYPE_CHECKING:
    from bench.subject import Subject

ALL: Final[tuple[Subject, ...]] = (ours.SUBJECT, nginx.SUBJECT, envoy.SUBJECT, naive.SUBJECT)
