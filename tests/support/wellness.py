"""A sidecar with which all is well, and a login that failed: what a test changes of them is what is wrong."""

from __future__ import annotations

from typing import Any

from sidecar.app.facts import Facts
from sidecar.session.answer import Failure, Kind

NOON = 1_800_014_400.0  # 2027-01-15 12:00:00 UTC
DAY = 86400.0


def facts(**changes: Any) -> Facts:
    well: dict[str, Any] = {
        "state": "FRESH",
        "for_seconds": 60.0,
        "token_ends": NOON + 600,
        "tries_at": None,
        "failure": None,
        "lazy": False,
        "certificate_ends": NOON + 90 * DAY,
        "certificate_days": 90,
        "draining": False,
        "waiting": 0,
        "most": 100,
        "lately": {"requests": 1000, "upstream_errors": 0, "sidecar_errors": 0, "refused": 0, "replays": 0},
    }
    return Facts(**{**well, **changes})


def failure(**changes: Any) -> Failure:
    told: dict[str, Any] = {
        "kind": Kind.TRANSIENT,
        "cause": "destination_unavailable",
        "detail": "FinHub answered 503 to the login",
        "remedy": "Wait.",
        "status": 503,
    }
    return Failure(**{**told, **changes})
