from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from made import DAY, NOW, make

from sidecar import __version__
from sidecar.app import status
from sidecar.config.build import build
from sidecar.config.defaults import defaults
from sidecar.gateway.handler import Traffic
from sidecar.session.answer import Failure, Kind
from sidecar.session.source import Session
from sidecar.tls.identity import IdentityBytes, parse

if TYPE_CHECKING:
    from sidecar.tls.identity import Identity


def identity() -> Identity:
    one = make("shop-7", end=NOW + 90 * DAY)
    return parse(IdentityBytes(certificate=one.certificate_pem, key=one.key_pem, pkcs12=None), None, NOW)


def session(failure: Failure | None = None, *, alive: bool = True) -> Session:
    return Session(
        word="FRESH" if alive else "COOLING",
        since=100.0,
        expires_at=1900.0 if alive else None,
        renew_at=1800.5 if alive else None,
        logins=2,
        refreshes=3,
        failure=failure,
    )


@pytest.mark.parametrize(
    ("posix", "text"),
    [(0.0, "1970-01-01T00:00:00.000Z"), (1_767_225_599.9996, "2025-12-31T23:59:59.999Z")],
)
def test_an_instant_is_rfc_3339_in_utc_to_the_millisecond(posix: float, text: str) -> None:
    assert status.rfc3339(posix) == text


def test_an_instant_beyond_all_calendars_is_the_last_one() -> None:
    assert status.rfc3339(1e30) == "9999-12-31T23:59:59.000Z"


def test_steady_instants_are_shown_on_the_wall_clock() -> None:
    assert status.session(session(), "1234567", steady_now=1000.0, utc_now=1_800_000_000.0) == {
        "state": "FRESH",
        "tenant": "1234567",
        "since": status.rfc3339(1_800_000_000.0 - 900),
        "expires_at": status.rfc3339(1_800_000_000.0 + 900),
        "renew_at": status.rfc3339(1_800_000_000.0 + 800.5),
        "mints": {"login": 2, "refresh": 3},
        "last_error": None,
    }


def test_without_a_token_the_last_error_says_why() -> None:
    failure = Failure(kind=Kind.FINAL, cause="proxy_configuration_error", detail="d", remedy="r", status=401)
    shown = status.session(session(failure, alive=False), None, steady_now=0.0, utc_now=0.0)
    assert (shown["expires_at"], shown["renew_at"], shown["tenant"]) == (None, None, None)
    assert shown["last_error"] == {
        "error": "proxy_configuration_error",
        "detail": "d",
        "remedy": "r",
        "status": 401,
    }


def test_the_identity_is_shown_by_subject_and_end() -> None:
    assert status.identity(identity(), NOW + dt.timedelta(days=3)) == {
        "subject": "CN=shop-7",
        "not_after": "2026-09-29T12:00:00.000Z",
        "days_left": 87,
    }


def test_without_an_identity_there_is_nothing_to_show() -> None:
    assert status.identity(None, NOW) is None


def test_the_counters_are_shown_as_they_are() -> None:
    traffic = Traffic(total=4, in_flight=1, replays=2, refused=3)
    assert status.requests(traffic) == {"total": 4, "in_flight": 1, "replays": 2, "refused": 3}


def test_the_heading_says_who_this_is_and_where_it_really_listens() -> None:
    config = build({"environment": "playground", "credentials": {"tenant_id": "1"}}, defaults("playground"))
    assert status.heading(config, "127.0.0.1:5", "unix:/a") == {
        "version": __version__,
        "environment": "playground",
        "listen": "127.0.0.1:5",
        "admin": "unix:/a",
    }
