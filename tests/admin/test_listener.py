from __future__ import annotations

import asyncio
import contextlib
import json
import os
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

    async def scrape(self, accept: str) -> tuple[str, bytes]:
        return f"text/{accept or 'plain'}", b"up 1\n"

    def history(self) -> dict[str, Any]:
        return {"slots": [], "events": []}

    async def reload(self) -> dict[str, list[str]]:
        self._note("reload")
        return {"changed": ["secrets"]}

    async def reauthenticate(self, tenant: str = "") -> None:
        self._note(f"reauthenticate {tenant}".strip())

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


@pytest.mark.parametrize("path", ["/livez", "/startupz", "/readyz", "/metrics"])
async def test_a_probe_comes_with_any_host_and_with_what_a_browser_sends(
    subject: Subject, told: list[events.Event], path: str
) -> None:
    async with listening(subject, told) as port, calling(port) as caller:
        fields = "Host: 10.1.2.3:9901\r\nOrigin: http://x\r\nSec-Fetch-Site: cross-site\r\n"
        await caller.send(f"GET {path} HTTP/1.1\r\n{fields}\r\n".encode())
        assert (await caller.reply()).status == 200


async def test_the_metrics_come_in_the_form_that_is_asked_for_and_are_kept_nowhere(asked: Ask) -> None:
    heard = await asked("GET", "/metrics?x=1")
    assert (heard.status, heard.body) == (200, b"up 1\n")
    assert heard.get(b"Content-Type") == [b"text/plain"]
    assert heard.get(b"Cache-Control") == [b"no-store"]
    assert (await asked("GET", "/metrics", b"accept: open")).get(b"Content-Type") == [b"text/open"]


async def test_of_the_metrics_the_head_alone_has_the_same_fields(asked: Ask) -> None:
    whole, head = await asked("GET", "/metrics"), await asked("HEAD", "/metrics")
    assert (head.status, head.body) == (200, b"")
    for name in (b"Content-Type", b"Content-Length"):
        assert head.get(name) == whole.get(name) != []


async def test_the_metrics_take_get_alone(asked: Ask) -> None:
    heard = await asked("POST", "/metrics")
    assert (heard.status, heard.get(b"Allow")) == (405, [b"GET"])


async def test_the_metrics_answer_a_peer_that_is_not_of_this_machine(
    subject: Subject, told: list[events.Event], tmp_path: Path
) -> None:
    """Of a connection without an address nothing says that it comes from here: the status refuses it."""
    admin = Admin(subject, told.append, over_unix=False)
    nameless = tmp_path / "nameless.sock"
    async with on_socket(CallerServer(answering(admin.handle)), nameless):
        for target, line in ((b"/metrics", b"HTTP/1.1 200 OK\r\n"), (b"/status", b"HTTP/1.1 403 Forbidden\r\n")):
            reader, writer = await asyncio.open_unix_connection(str(nameless))
            writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: pod.example\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).startswith(line)
            writer.close()


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


async def test_the_history_is_json_and_kept_nowhere(asked: Ask) -> None:
    heard = await asked("GET", "/history")
    assert json.loads(heard.body) == {"slots": [], "events": []}
    assert heard.get(b"Cache-Control") == [b"no-store"]


async def test_the_page_is_html_that_may_ask_us_alone(asked: Ask) -> None:
    heard = await asked("GET", "/")
    assert (heard.status, heard.get(b"Content-Type")) == (200, [b"text/html; charset=utf-8"])
    assert heard.body.startswith(b"<!doctype html>")
    (policy,) = heard.get(b"Content-Security-Policy")
    assert policy.startswith(b"default-src 'none'; ")
    assert (await asked("HEAD", "/")).body == b""


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
        ("/-/reauthenticate?tenant=acme", "reauthenticate acme", {"session": {"state": "FRESH"}}),
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
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/status"), ("GET", "/history"), ("POST", "/-/quit"), ("POST", "/-/reload")],
)
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
    bug, control = told
    assert isinstance(bug, events.Bug)
    assert bug.kind == "ValueError"
    assert control == events.Controlled(action="reload", peer="127.0.0.1", uid=None, status=502, outcome="failed")


@pytest.mark.parametrize(
    ("path", "error", "became"),
    [
        ("/-/quit", None, (200, "done")),
        ("/-/reload", None, (200, "done")),
        ("/-/reauthenticate?now", None, (200, "done")),
        ("/-/reload", errors.ConfigError("x"), (422, "failed")),
        ("/-/reauthenticate", errors.TooSoon("x"), (429, "refused")),
        ("/-/reauthenticate", errors.TokenUnavailable("x", cause="dns_error"), (503, "failed")),
    ],
)
async def test_it_is_told_who_pulled_a_control_and_what_became_of_it(
    subject: Subject, told: list[events.Event], path: str, error: errors.SidecarError | None, became: tuple[int, str]
) -> None:
    subject.raises = error
    async with listening(subject, told) as port:
        await ask(port, "POST", path)
    (control,) = told
    assert isinstance(control, events.Controlled)
    assert control.action == path.removeprefix("/-/").removesuffix("?now")
    assert (control.peer, control.uid, (control.status, control.outcome)) == ("127.0.0.1", None, became)


async def test_a_control_that_a_web_page_pulled_is_told_as_refused(subject: Subject, told: list[events.Event]) -> None:
    async with listening(subject, told) as port:
        await ask(port, "POST", "/-/quit", b"Origin: http://evil.example")
    (control,) = told
    assert isinstance(control, events.Controlled)
    assert (control.action, control.status, control.outcome) == ("quit", 403, "refused")


async def test_of_many_refusals_one_a_second_is_told(subject: Subject, told: list[events.Event]) -> None:
    now = [0.0]
    admin = Admin(subject, told.append, over_unix=False, clock=lambda: now[0])
    async with on_port(CallerServer(answering(admin.handle))) as port:
        for instant in (0.0, 0.5, 0.9, 1.0, 1.5):
            now[0] = instant
            assert (await ask(port, "POST", "/-/quit", b"Origin: http://evil.example")).status == 403
        await ask(port, "POST", "/-/quit")
    outcomes = [control.outcome for control in told if isinstance(control, events.Controlled)]
    assert outcomes == ["refused", "refused", "done"]


async def test_a_target_without_a_path_is_nowhere_and_no_bug(subject: Subject, told: list[events.Event]) -> None:
    async with listening(subject, told) as port:
        for method in ("GET", "POST"):
            assert (await ask(port, method, "//[")).status == 404
    assert told == []


async def test_what_is_only_looked_at_is_not_told(subject: Subject, told: list[events.Event]) -> None:
    async with listening(subject, told) as port:
        for method, path in (("GET", "/-/quit"), ("GET", "/status"), ("POST", "/status"), ("POST", "/-/nowhere")):
            await ask(port, method, path)
    assert told == []


async def test_an_operator_that_left_before_its_control_was_done_is_told(
    subject: Subject, told: list[events.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def never(_: str = "") -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(subject, "reauthenticate", never)
    async with listening(subject, told) as port, calling(port) as caller:
        await caller.send(b"POST /-/reauthenticate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        await begun.wait()
    (control,) = told
    assert isinstance(control, events.Controlled)
    assert (control.action, control.status, control.outcome) == ("reauthenticate", 0, "failed")


async def test_on_a_unix_socket_it_is_told_which_user_pulled_a_control(
    subject: Subject, told: list[events.Event], tmp_path: Path
) -> None:
    admin = Admin(subject, told.append, over_unix=True)
    async with on_socket(CallerServer(answering(admin.handle)), tmp_path / "admin.sock"):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "admin.sock"))
        writer.write(b"POST /-/quit HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await reader.read()
        writer.close()
    assert told == [events.Controlled(action="quit", peer="", uid=os.getuid(), status=200, outcome="done")]


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
