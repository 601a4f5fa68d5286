from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from listening import on_port, on_socket
from operating import ask
from rawcaller import Heard, calling

from sidecar import errors, events
from sidecar.admin.health import Vitals
from sidecar.admin.listener import Admin
from sidecar.gateway.caller_server import CallerServer, answering
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Ask = Callable[..., Awaitable[Heard]]


class Subject:
    """What the operator asks, with answers that a test chooses."""

    def __init__(self) -> None:
        self.started, self.draining, self.identity_in_date = True, False, True
        self.shown: dict[str, Any] = {"session": {"state": "FRESH"}}
        self.raises: Exception | None = None
        self.asked: list[str] = []

    def vitals(self) -> Vitals:
        return Vitals(
            started=self.started,
            draining=self.draining,
            identity_in_date=self.identity_in_date,
            token_alive=True,
            lazy=False,
            blocked=False,
            session="FRESH",
        )

    def status(self) -> dict[str, Any]:
        return self.shown

    async def reload(self) -> dict[str, list[str]]:
        self._note("reload")
        return {"changed": ["secrets"]}

    async def reauthenticate(self) -> None:
        self._note("reauthenticate")

    def stop(self, why: str) -> None:
        self._note(why)

    def _note(self, what: str) -> None:
        self.asked.append(what)
        if self.raises is not None:
            raise self.raises


@pytest.fixture
def subject() -> Subject:
    return Subject()


@pytest.fixture
def told() -> list[events.Event]:
    return []


@contextlib.asynccontextmanager
async def listening(subject: Subject, told: list[events.Event]) -> AsyncIterator[int]:
    admin = Admin(subject, told.append, over_unix=False)
    async with on_port(CallerServer(answering(admin.handle))) as port:
        yield port


@pytest.fixture
async def asked(subject: Subject, told: list[events.Event]) -> AsyncIterator[Ask]:
    async with listening(subject, told) as port:
        yield lambda method, path, *fields: ask(port, method, path, *fields)


@pytest.mark.parametrize(
    ("change", "path", "verdict"),
    [
        ({}, "/livez", (200, b"alive\n")),
        ({"started": False}, "/livez", (200, b"alive\n")),
        ({}, "/startupz", (200, b"started\n")),
        ({"started": False}, "/startupz", (503, b"starting\n")),
        ({}, "/readyz", (200, b"ready\n")),
        ({"draining": True}, "/readyz", (503, b"draining\n")),
        ({"draining": True}, "/startupz", (200, b"started\n")),
        ({"identity_in_date": False}, "/readyz?verbose", (503, b"the client certificate is out of date\n")),
    ],
)
async def test_a_probe_gets_the_verdict_and_the_reason(
    asked: Ask, subject: Subject, change: dict[str, bool], path: str, verdict: tuple[int, bytes]
) -> None:
    for name, value in change.items():
        setattr(subject, name, value)
    heard = await asked("GET", path)
    assert (heard.status, heard.body) == verdict
    assert heard.get(b"Cache-Control") == [b"no-store"]


@pytest.mark.parametrize("path", ["/livez", "/startupz", "/readyz"])
async def test_a_probe_comes_with_any_host_and_with_what_a_browser_sends(
    subject: Subject, told: list[events.Event], path: str
) -> None:
    async with listening(subject, told) as port, calling(port) as caller:
        fields = "Host: 10.1.2.3:9901\r\nOrigin: http://x\r\nSec-Fetch-Site: cross-site\r\n"
        await caller.send(f"GET {path} HTTP/1.1\r\n{fields}\r\n".encode())
        assert (await caller.reply()).status == 200


async def test_a_probe_may_ask_for_the_head_alone(asked: Ask) -> None:
    heard = await asked("HEAD", "/readyz")
    assert (heard.status, heard.body) == (200, b"")


@pytest.mark.parametrize("path", ["/-/quit", "/-/reload", "/-/reauthenticate"])
async def test_a_control_is_not_pulled_by_a_get(asked: Ask, subject: Subject, path: str) -> None:
    for method in ("GET", "HEAD", "PUT", "OPTIONS"):
        heard = await asked(method, path)
        assert (heard.status, heard.get(b"Allow")) == (405, [b"POST"])
    assert subject.asked == []


async def test_what_is_only_shown_takes_get_alone(asked: Ask) -> None:
    heard = await asked("POST", "/status")
    assert (heard.status, heard.get(b"Allow")) == (405, [b"GET"])
    assert json.loads(heard.body)["status"] == 405


async def test_an_unknown_path_is_not_there_and_the_others_are_named(asked: Ask) -> None:
    heard = await asked("GET", "/statu")
    members = json.loads(heard.body)
    assert (heard.status, members["status"]) == (404, 404)
    assert "/status" in members["remedy"]
    assert heard.get(b"Content-Type") == [b"application/problem+json"]


@pytest.mark.parametrize("path", ["/livez", "/status", "/nowhere", "/-/quit"])
async def test_no_reply_tells_what_it_was_made_with(asked: Ask, path: str) -> None:
    heard = await asked("GET", path)
    assert b"aiohttp" not in heard.raw
    assert b"Python" not in heard.raw
    assert heard.get(b"Server") == []


async def test_what_cannot_be_parsed_is_refused_without_an_echo(subject: Subject, told: list[events.Event]) -> None:
    async with listening(subject, told) as port, calling(port) as caller:
        await caller.send(b"GET /livez HTTP/1.1\r\nHost: a\r\nX: a\x00forged\r\n\r\n")
        heard = await caller.rest()
    assert heard.status == 400
    assert b"forged" not in heard.raw
    assert b"aiohttp" not in heard.raw


async def test_the_status_is_json_and_kept_nowhere(asked: Ask) -> None:
    heard = await asked("GET", "/status")
    assert json.loads(heard.body) == {"session": {"state": "FRESH"}}
    assert heard.get(b"Cache-Control") == [b"no-store"]
    assert heard.get(b"Content-Type") == [b"application/json; charset=utf-8"]


async def test_a_secret_that_FinHub_echoed_is_taken_out_of_the_status(asked: Ask, subject: Subject) -> None:  # noqa: N802  # its name
    secret = Secret('top"secret')
    subject.shown = {"session": {"last_error": {"detail": 'FinHub said: "top"secret"'}}}
    heard = await asked("GET", "/status")
    assert "[redacted]" in json.loads(heard.body)["session"]["last_error"]["detail"]
    assert secret


@pytest.mark.parametrize(
    ("path", "done", "answer"),
    [
        ("/-/reload", "reload", {"changed": ["secrets"]}),
        ("/-/reauthenticate", "reauthenticate", {"session": {"state": "FRESH"}}),
        ("/-/quit", "/-/quit", {"draining": True}),
    ],
)
async def test_a_control_does_what_it_says_once(
    asked: Ask, subject: Subject, path: str, done: str, answer: dict[str, Any]
) -> None:
    heard = await asked("POST", path)
    assert (heard.status, json.loads(heard.body)) == (200, answer)
    assert subject.asked == [done]


@pytest.mark.parametrize(
    "field", [b"Origin: http://localhost:9901", b"Sec-Fetch-Site: same-site", b"Host: second.example"]
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/status"), ("POST", "/-/quit"), ("POST", "/-/reload")])
async def test_a_web_page_neither_sees_the_status_nor_pulls_a_control(
    asked: Ask, subject: Subject, method: str, path: str, field: bytes
) -> None:
    assert (await asked(method, path, field)).status in {400, 403}
    assert subject.asked == []


async def test_a_host_that_only_resolves_to_us_gets_nothing(subject: Subject, told: list[events.Event]) -> None:
    async with listening(subject, told) as port, calling(port) as caller:
        await caller.send(b"POST /-/quit HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n")
        assert (await caller.reply()).status == 403
    assert subject.asked == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.ConfigError("x"), 422),
        (errors.SecretError("x"), 422),
        (errors.IdentityError("x"), 422),
        (errors.TokenUnavailable("x", cause="dns_error", retry_after=7), 503),
        (errors.TooSoon("x", retry_after=42), 429),
    ],
)
async def test_what_a_control_cannot_do_is_a_problem_with_the_replys_own_status(
    asked: Ask, subject: Subject, error: errors.SidecarError, status: int
) -> None:
    subject.raises = error
    heard = await asked("POST", "/-/reload")
    members = json.loads(heard.body)
    assert (heard.status, members["status"], members["detail"]) == (status, status, "x")
    assert members["remedy"] == error.remedy
    assert heard.get(b"Retry-After") == ([] if error.retry_after is None else [b"%d" % error.retry_after])


async def test_a_bug_is_told_as_an_event_and_shows_the_operator_no_text(
    asked: Ask, subject: Subject, told: list[events.Event]
) -> None:
    subject.raises = ValueError("Bearer of-a-secret")
    heard = await asked("POST", "/-/reload")
    assert heard.status == 502
    assert b"of-a-secret" not in heard.raw
    assert [(type(event), getattr(event, "kind", "")) for event in told] == [(events.Bug, "ValueError")]


async def test_on_a_unix_socket_any_host_is_let_in(subject: Subject, told: list[events.Event], tmp_path: Path) -> None:
    admin = Admin(subject, told.append, over_unix=True)
    async with on_socket(CallerServer(answering(admin.handle)), tmp_path / "admin.sock"):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "admin.sock"))
        writer.write(b"GET /status HTTP/1.1\r\nHost: any.thing\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()


async def test_a_tcp_connection_whose_peer_is_gone_is_not_taken_for_a_unix_socket(
    subject: Subject, told: list[events.Event], tmp_path: Path
) -> None:
    """A peer without an address is all that is left of a connection that was reset before it was accepted."""
    admin = Admin(subject, told.append, over_unix=False)
    nameless = tmp_path / "nameless.sock"  # its peers have no address
    async with on_socket(CallerServer(answering(admin.handle)), nameless):
        reader, writer = await asyncio.open_unix_connection(str(nameless))
        writer.write(b"POST /-/quit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert subject.asked == []
        writer.close()
