from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sidecar import errors
from sidecar.gateway import rescue
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator


def kinds(root: type[errors.SidecarError] = errors.SidecarError) -> Iterator[type[errors.SidecarError]]:
    yield root
    for kind in root.__subclasses__():
        yield from kinds(kind)


def made(kind: type[errors.SidecarError]) -> errors.SidecarError:
    if issubclass(kind, errors.TokenUnavailable):
        return kind("what was found", cause="connection_refused", retry_after=7)
    return kind("what was found")


OURS = [kind for kind in kinds() if kind.__module__ == "sidecar.errors"]


@pytest.mark.parametrize("kind", OURS)
def test_every_error_becomes_a_reply_of_ours_and_none_of_them_a_401(kind: type[errors.SidecarError]) -> None:
    error = made(kind)
    reply = rescue.reply_to(error, "id-1")
    assert reply.status == error.status != 401
    assert 400 <= reply.status < 600
    assert isinstance(reply.body, bytes)
    assert json.loads(reply.body) == {
        "type": f"urn:finhub-sidecar:problem:{error.proxy_error}",
        "title": kind.title,
        "status": error.status,
        "detail": "what was found",
        "remedy": error.remedy,
        "request_id": "id-1",
    }
    assert dict(reply.fields)["Content-Type"] == "application/problem+json"
    assert dict(reply.fields)["Proxy-Status"] == f"finhub-sidecar; error={error.proxy_error}"
    assert dict(reply.fields)["Cache-Control"] == "no-store"


def test_retry_after_is_there_when_it_is_known_and_only_then() -> None:
    assert dict(rescue.reply_to(made(errors.TokenUnavailable), "id-1").fields)["Retry-After"] == "7"
    assert "Retry-After" not in dict(rescue.reply_to(errors.DnsError("no such host"), "id-1").fields)


def test_a_secret_that_got_into_an_error_does_not_get_into_its_reply() -> None:
    secret = Secret("s3cret-password")
    error = errors.SidecarError(f"sent {secret.reveal()}", remedy=f"do not send {secret.reveal()}")
    body = rescue.reply_to(error, "id-1").body
    assert isinstance(body, bytes)
    assert b"s3cret" not in body
    assert json.loads(body)["remedy"] == "do not send [redacted]"
