from __future__ import annotations

import asyncio
import json
import ssl
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from sidecar.errors import ConfigError
from sidecar.testing.finhub import FinHub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FIELDS = {
    "Content-Type": "application/json",
    "sec-ch-ua-platform": "Linux",
    "X-Forwarded-For": "127.0.0.1",
    "User-Agent": "test",
    "X-Tenant-ID": "1234567",
}


@pytest.fixture
def finhub(tmp_path: Path) -> Iterator[FinHub]:
    with FinHub(tmp_path) as running:
        yield running


def log_in(finhub: FinHub, password: str | None = None) -> int:
    """Log in over a fresh connection, as the account or with another password; return the status."""
    account = finhub.account
    form = {
        "username": account.username,
        "password": password or account.password.reveal(),
        "customerId": account.customer_id,
        "customerSecret": account.customer_secret.reveal(),
        "accountType": "b2b",
        "grantType": "password",
    }
    trust = ssl.create_default_context(cafile=finhub.ca)
    trust.load_cert_chain(*finhub.certificate)
    request = urllib.request.Request(  # noqa: S310  # the emulator's own URL
        finhub.url + "/api/v2/auth/token", json.dumps(form).encode(), FIELDS
    )
    try:
        with urllib.request.urlopen(request, context=trust) as reply:  # noqa: S310  # as above
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_blocking_test_logs_in_with_what_lies_in_the_folder(finhub: FinHub) -> None:
    assert log_in(finhub) == 200
    assert finhub.counts.logins == 1
    assert [call.path for call in finhub.calls("login")] == ["/api/v2/auth/token"]
    assert finhub.calls() == []
    assert finhub.config.parent == finhub.folder
    assert set(finhub.environ.values()) == {str(finhub.ca)}


async def test_a_test_with_an_event_loop_does_too(tmp_path: Path) -> None:
    finhub = FinHub(tmp_path)
    await asyncio.to_thread(finhub.__enter__)
    statuses = await asyncio.gather(*[asyncio.to_thread(log_in, finhub) for _ in range(3)])
    assert statuses == [200, 200, 200]
    await asyncio.to_thread(finhub.__exit__)


def test_the_clock_is_the_tests(finhub: FinHub) -> None:
    finhub.freeze()
    finhub.lock()
    finhub.advance(1799)
    assert log_in(finhub) == 401
    finhub.advance(1)
    assert log_in(finhub) == 200
    finhub.thaw()
    assert log_in(finhub) == 200


@pytest.mark.parametrize(
    ("harm", "status"),
    [
        (lambda finhub: finhub.lock(), 401),
        (lambda finhub: finhub.fault("login:status=500"), 500),
        (lambda finhub: finhub.play('[[step]]\nlogin = 1\nfault = "login:status=503"'), 503),
    ],
)
def test_what_goes_wrong_is_over_once_it_is_healed(finhub: FinHub, harm: Callable[[FinHub], Any], status: int) -> None:
    harm(finhub)
    assert log_in(finhub) == status
    finhub.heal()
    assert log_in(finhub) == 200


def test_an_expired_certificate_is_refused_in_the_handshake_until_it_is_good_again(finhub: FinHub) -> None:
    assert finhub.play('[[step]]\nat = 0\ndo = "certificate-expired"') == 1
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_EXPIRED"):
        log_in(finhub)
    assert finhub.seen == []
    finhub.heal()
    assert log_in(finhub) == 200


def test_tokens_end_and_everything_is_forgotten(finhub: FinHub) -> None:
    log_in(finhub)
    log_in(finhub)
    assert finhub.expire() == 2
    assert finhub.revoke() == 2
    finhub.accept(password="another-9f3a")
    assert log_in(finhub, "another-9f3a") == 200
    finhub.reset()
    assert finhub.seen == []
    assert finhub.counts.logins == 0


def test_nothing_of_it_is_left_behind(tmp_path: Path) -> None:
    before = threading.active_count()
    with FinHub(tmp_path) as finhub:
        url = finhub.admin_url
    assert threading.active_count() == before
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url + "/-/counts")  # noqa: S310  # as above


def test_a_folder_with_a_real_key_is_left_alone_and_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "client.key").write_text("a real key")
    before = threading.active_count()
    with pytest.raises(ConfigError, match=r"client\.key"), FinHub(tmp_path):
        pass
    assert threading.active_count() == before
