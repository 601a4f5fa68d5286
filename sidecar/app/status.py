"""What `/status` shows, as plain JSON values. Pure but for reading what it is handed; never a secret."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sidecar import __version__

if TYPE_CHECKING:
    from sidecar.config.model import Config
    from sidecar.gateway.handler import Traffic
    from sidecar.session.source import Session
    from sidecar.tls.identity import Identity


_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def rfc3339(posix: float) -> str:
    """Return an instant as RFC 3339 in UTC, to the millisecond; FinHub may name one that no calendar has."""
    return datetime.fromtimestamp(min(posix, _LAST), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def session(shown: Session, tenant: str | None, *, steady_now: float, utc_now: float) -> dict[str, Any]:
    """Return the session's part; steady instants become wall-clock ones by what lies between them and now."""

    def at(instant: float | None) -> str | None:
        return None if instant is None else rfc3339(utc_now - (steady_now - instant))

    failure = shown.failure
    return {
        "state": shown.word,
        "tenant": tenant,
        "since": at(shown.since),
        "expires_at": at(shown.expires_at),
        "renew_at": at(shown.renew_at),
        "mints": {"login": shown.logins, "refresh": shown.refreshes},
        "last_error": None
        if failure is None
        else {"error": failure.cause, "detail": failure.detail, "remedy": failure.remedy, "status": failure.status},
    }


def identity(shown: Identity | None, now: datetime) -> dict[str, Any] | None:
    """Return the client certificate's part, None where there is none."""
    if shown is None:
        return None
    return {
        "subject": shown.subject,
        "not_after": rfc3339(shown.not_after.timestamp()),
        "days_left": shown.days_left(now),
    }


def requests(traffic: Traffic) -> dict[str, int]:
    """Return the counters of this process."""
    return {
        "total": traffic.total,
        "in_flight": traffic.in_flight,
        "replays": traffic.replays,
        "refused": traffic.refused,
    }


def heading(config: Config, listen: str, admin: str) -> dict[str, Any]:
    """Return who this is and where it listens."""
    return {"version": __version__, "environment": config.environment, "listen": listen, "admin": admin}
