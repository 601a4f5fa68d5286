from __future__ import annotations

import pytest

from sidecar.errors import ConfigError, MalformedRequest, RequestDenied
from sidecar.guard.browser import admit_site, allowed_origins
from sidecar.guard.refusal import rule_of

ORIGINS = allowed_origins(["https://App.example:8443", "http://localhost:3000"])
GOOD = b"https://app.example:8443"
PREFLIGHT = b"access-control-request-method"

Fields = dict[bytes, list[bytes]]


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("GET", {}),
        ("GET", {b"sec-fetch-site": [b"none"]}),
        ("GET", {b"sec-fetch-site": [b"same-origin"]}),
        ("POST", {b"origin": [GOOD]}),
        ("POST", {b"origin": [b"HTTPS://APP.example:8443"], b"sec-fetch-site": [b"cross-site"]}),
        ("POST", {b"origin": [b"http://localhost:3000"], b"sec-fetch-site": [b"same-site"]}),
        ("OPTIONS", {}),
        ("OPTIONS", {b"origin": [GOOD]}),
        ("OPTIONS", {b"origin": [GOOD], PREFLIGHT: [b"POST"]}),
        ("GET", {PREFLIGHT: [b"POST"]}),
    ],
)
def test_programs_and_allowed_pages_are_admitted(method: str, fields: Fields) -> None:
    admit_site(ORIGINS, method, fields)


@pytest.mark.parametrize(
    ("method", "fields", "rule"),
    [
        ("GET", {b"origin": [b"https://evil.example"]}, "origin"),
        ("GET", {b"origin": [b"null"]}, "origin"),
        ("GET", {b"origin": [b""]}, "origin"),
        ("GET", {b"origin": [b"http://app.example:8443"]}, "origin"),
        ("GET", {b"origin": [b"https://app.example"]}, "origin"),
        ("GET", {b"origin": [GOOD + b"/"]}, "origin"),
        ("GET", {b"origin": [GOOD + b" " + GOOD]}, "origin"),
        ("GET", {b"origin": [b"https://evil.example"], b"sec-fetch-site": [b"none"]}, "origin"),
        ("GET", {b"sec-fetch-site": [b"cross-site"]}, "sec_fetch_site"),
        ("GET", {b"sec-fetch-site": [b"same-site"]}, "sec_fetch_site"),
        ("GET", {b"sec-fetch-site": [b""]}, "sec_fetch_site"),
        ("GET", {b"sec-fetch-site": [b"none", b"cross-site"]}, "sec_fetch_site"),
        ("OPTIONS", {PREFLIGHT: [b"POST"]}, "preflight"),
        ("options", {PREFLIGHT: [b"POST"]}, "preflight"),
        ("OPTIONS", {b"origin": [GOOD], b"access-control-request-private-network": [b"true"]}, "preflight"),
        ("GET", {b"origin": [GOOD], b"access-control-request-local-network": [b"true"]}, "preflight"),
    ],
)
def test_any_other_page_is_refused(method: str, fields: Fields, rule: str) -> None:
    with pytest.raises(RequestDenied) as refusal:
        admit_site(ORIGINS, method, fields)
    assert rule_of(refusal.value) == rule
    assert refusal.value.remedy


@pytest.mark.parametrize("rule", ["origin", "sec_fetch_site"])
def test_the_remedy_names_the_key(rule: str) -> None:
    with pytest.raises(RequestDenied) as refusal:
        admit_site(ORIGINS, "GET", {rule.replace("_", "-").encode(): [b"cross-site"]})
    assert "listen.allowed_origins" in refusal.value.remedy


def test_two_origins_are_malformed_even_when_both_are_allowed() -> None:
    with pytest.raises(MalformedRequest, match="more than one Origin"):
        admit_site(ORIGINS, "GET", {b"origin": [GOOD, GOOD]})


@pytest.mark.parametrize("entry", ["null", "*", "app.example", "https://app.example/", "https://a b", "", "https://"])
def test_an_entry_that_is_no_origin_is_an_error_of_the_configuration(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"listen\.allowed_origins"):
        allowed_origins([entry])
