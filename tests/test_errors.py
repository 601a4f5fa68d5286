from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sidecar import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

# RFC 9209 §2.3 and the registry it made.
PROXY_ERRORS = {
    "connection_limit_reached",
    "connection_read_timeout",
    "connection_refused",
    "connection_terminated",
    "connection_timeout",
    "destination_unavailable",
    "dns_error",
    "http_protocol_error",
    "http_request_denied",
    "http_request_error",
    "proxy_configuration_error",
    "proxy_internal_error",
    "tls_alert_received",
    "tls_certificate_error",
    "tls_protocol_error",
}
OWN_REFUSALS = {400, 403, 408, 413, 414, 429, 431, 502, 503, 504}


def kinds(kind: type[errors.SidecarError] = errors.SidecarError) -> Iterator[type[errors.SidecarError]]:
    yield kind
    for sub in kind.__subclasses__():
        if sub.__module__ == errors.__name__:
            yield from kinds(sub)


def made(kind: type[errors.SidecarError]) -> errors.SidecarError:
    if issubclass(kind, errors.TokenUnavailable):
        return kind("what was found", cause="dns_error")
    return kind("what was found")


@pytest.mark.parametrize("kind", list(kinds()))
def test_every_error_names_a_registered_proxy_error(kind: type[errors.SidecarError]) -> None:
    assert made(kind).proxy_error in PROXY_ERRORS


@pytest.mark.parametrize("kind", list(kinds()))
def test_no_error_of_ours_is_a_401(kind: type[errors.SidecarError]) -> None:
    assert kind.status in OWN_REFUSALS


@pytest.mark.parametrize("kind", list(kinds()))
def test_every_error_has_a_title_and_a_remedy_in_whole_words(kind: type[errors.SidecarError]) -> None:
    error = made(kind)
    assert re.fullmatch(r"[A-Z].+[^.]", error.title)
    assert re.fullmatch(r"[A-Z].+\.", error.remedy)
    assert (str(error), error.detail) == ("what was found", "what was found")


def test_a_remedy_that_knows_more_replaces_the_general_one() -> None:
    assert errors.DnsError("x", remedy="Ask Ann.").remedy == "Ask Ann."
    assert errors.DnsError("x").remedy == errors.DnsError.default_remedy


@pytest.mark.parametrize(("asked", "told"), [(-3, 1), (0, 1), (1, 1), (7, 7)])
def test_without_a_token_a_caller_is_asked_to_wait_a_second_at_least(asked: int, told: int) -> None:
    assert errors.TokenUnavailable("x", cause="dns_error", retry_after=asked).retry_after == told


def test_without_a_token_the_last_cause_is_named_and_no_other_error_changes() -> None:
    error = errors.TokenUnavailable("x", cause="tls_alert_received")
    assert error.proxy_error == "tls_alert_received"
    assert errors.TokenUnavailable.proxy_error == "proxy_internal_error"


def test_only_who_asks_for_patience_says_how_long() -> None:
    assert errors.TooSoon("x", retry_after=5).retry_after == 5
    assert errors.RequestDenied("x").retry_after is None


def test_an_error_can_be_told_in_other_words() -> None:
    error = errors.ConfigError("a", remedy="r")
    error.told_as("tenant acme: a")
    assert (error.detail, str(error), error.remedy) == ("tenant acme: a", "tenant acme: a", "r")
