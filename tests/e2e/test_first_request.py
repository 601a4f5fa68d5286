"""A caller that sends no header at all, and what FinHub sees of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from calling import BALANCE, curl

if TYPE_CHECKING:
    from staging import Stage

    from sidecar.emulator import Seen

PLAIN = ("Content-Type", "sec-ch-ua-platform", "X-Forwarded-For", "User-Agent", "X-Tenant-ID")
SUBJECT = "organizationName=8812345,commonName=finhub-sidecar"
LOGIN = "/api/v2/auth/token"


def times(seen: Seen, names: tuple[str, ...]) -> dict[str, int]:
    return {name: len([value for value in seen.values(name) if value]) for name in names}


def test_of_a_curl_without_any_header_finhub_sees_all_six_fields_once_and_the_client_certificate(shared: Stage) -> None:
    got = curl("--include", "-H", "User-Agent:", "-H", "Accept:", f"{shared.sidecar.url}{BALANCE}")
    assert (got.returncode, got.stderr) == (0, b"")
    assert got.stdout.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(got.stdout.partition(b"\r\n\r\n")[2])["success"] is True
    seen = shared.finhub.seen(BALANCE)[-1]
    assert times(seen, (*PLAIN, "Authorization")) == dict.fromkeys((*PLAIN, "Authorization"), 1)
    assert seen.values("Authorization")[0].startswith("Bearer ")
    assert seen.values("X-Tenant-ID") == ["1234567"]
    assert not any("curl" in value for _, value in seen.fields)
    assert seen.client_certificate == SUBJECT


def test_the_token_call_has_the_five_fields_and_the_client_certificate_too(shared: Stage) -> None:
    curl(f"{shared.sidecar.url}{BALANCE}")
    (seen,) = shared.finhub.seen(LOGIN)
    assert seen.status == 200
    assert times(seen, (*PLAIN, "Authorization")) == {**dict.fromkeys(PLAIN, 1), "Authorization": 0}
    assert seen.client_certificate == SUBJECT


def test_a_caller_that_names_the_six_fields_itself_changes_neither_token_nor_tenant(shared: Stage) -> None:
    own = ("-H", "Authorization: Bearer of-the-caller", "-H", "X-Tenant-ID: 666", "-H", "X_Tenant_ID: 666")
    got = curl("--write-out", "%{http_code}", *own, f"{shared.sidecar.url}{BALANCE}")
    assert got.stdout.endswith(b"200")
    seen = shared.finhub.seen(BALANCE)[-1]
    assert times(seen, ("Authorization", "X-Tenant-ID", "X_Tenant_ID")) == {
        "Authorization": 1,
        "X-Tenant-ID": 1,
        "X_Tenant_ID": 0,
    }
    assert seen.values("X-Tenant-ID") == ["1234567"]
