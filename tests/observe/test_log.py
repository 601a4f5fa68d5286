from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import os
import re
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from sidecar import events
from sidecar.observe.log import Log, told
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

FORWARDED: dict[str, Any] = {
    "request_id": "r-1",
    "method": "GET",
    "path": "/a",
    "status": 200,
    "upstream_status": 200,
    "source": "upstream",
    "reason": "",
    "rule": "",
    "duration": 0.12345678,
    "upstream_duration": 0.1,
    "received": 0,
    "sent": 12,
    "attempts": 1,
    "replay": "",
    "outcome": "complete",
}
EXAMPLES: list[events.Event] = [
    events.Minted(tenant="t", kind="login", fingerprint="f", expires_in=1.0, renew_in=0.9, duration=0.1),
    events.RefreshFailed(tenant="t", cause="c", detail="d"),
    events.RefreshUnavailable(tenant="t", status=404),
    events.MintFailed(tenant="t", kind="login", gate="COOLING", cause="c", detail="d", remedy="r", retry_in=1.0),
    events.TokenRejected(tenant="t", fingerprint="f", braked=False),
    events.SessionAdopted(
        tenant="t", gate="COOLING", cause="c", fingerprint="f", expires_in=9.0, renew_in=8.0, retry_in=1.0
    ),
    events.StoreLost(tenant="t", detail="d", remedy="r"),
    events.StoreBack(tenant="t", seconds=5.0),
    events.StoreIgnored(tenant="t", why="w", remedy="r"),
    events.Forwarded(**FORWARDED),
    events.Shaped(request_id="r", seconds=0.2, refused=False),
    events.Bug(request_id="", kind="ValueError", where="f (m.py:1)"),
    events.IdentityLoaded(subject="s", not_after_utc="n", days_left=1, warnings=("w",)),
    events.Reloaded(what=("secrets",), restart=("workers",)),
    events.ReloadFailed(what="SecretError", detail="d", remedy="r"),
    events.Listening(listen="l", admin="a", environment="production", version="0"),
    events.Caution(detail="core dumps could not be turned off", remedy="Set it."),
    events.Draining(why="SIGTERM", in_flight=2, limit=25.0),
    events.Stopped(cut=0),
    events.Controlled(action="quit", peer="", uid=1000, status=200, outcome="done"),
    events.TrailHead(why="opened", file="f", seq=1, head="h"),
    events.TrailFailed(detail="d", remedy="r", stops=True),
    events.TrailResumed(lost=1, refused=0),
]


class Streams:
    """Both streams of one log."""

    def __init__(self, form: str = "json", level: str = "debug") -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.log = Log(form, level, out=self.out, err=self.err)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out.getvalue() + self.err.getvalue()).splitlines()]


def forwarded(**changes: Any) -> events.Forwarded:
    return events.Forwarded(**{**FORWARDED, **changes})


@pytest.fixture
def adopted() -> Iterator[Streams]:
    """A log, and `logging` put back as it was: a test adopts it itself, when pytest's own handlers are in place."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    streams = Streams()
    with warnings.catch_warnings():
        yield streams
        logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_there_is_an_example_of_every_event() -> None:
    kinds = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)}
    assert {type(event) for event in EXAMPLES} == kinds - {events.Event}


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_every_event_has_its_words_and_makes_one_line(event: events.Event, form: str) -> None:
    streams = Streams(form)
    streams.log(event)
    written = streams.out.getvalue() + streams.err.getvalue()
    assert written.endswith("\n")
    assert written.count("\n") == 1


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_requests_go_to_stdout_and_everything_else_to_stderr(event: events.Event) -> None:
    streams = Streams()
    streams.log(event)
    assert bool(streams.out.getvalue()) == isinstance(event, events.Forwarded)
    assert bool(streams.err.getvalue()) != isinstance(event, events.Forwarded)


def test_an_event_can_be_shown_elsewhere_in_the_same_words() -> None:
    secret = Secret("top-secret-password")
    event = events.Reloaded(what=("a\nb", "top-secret-password"))
    assert told(event) == ("info", "reloaded", {"what": "a\\nb, [redacted]"})
    assert secret


def test_a_request_is_told_with_all_that_is_not_empty() -> None:
    streams = Streams()
    streams.log(forwarded())
    line = streams.lines()[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert line == {
        "event": "request",
        "level": "info",
        "request_id": "r-1",
        "method": "GET",
        "path": "/a",
        "status": 200,
        "upstream_status": 200,
        "source": "upstream",
        "duration": 0.123457,
        "upstream_duration": 0.1,
        "received": 0,
        "sent": 12,
        "attempts": 1,
        "outcome": "complete",
    }


@pytest.mark.parametrize(("level", "lines"), [("debug", 23), ("info", 22), ("warning", 11), ("error", 4)])
def test_nothing_below_the_level_is_written(level: str, lines: int) -> None:
    streams = Streams(level=level)
    for event in EXAMPLES:
        streams.log(event)
    assert len(streams.lines()) == lines


def test_the_level_can_change_while_it_writes(adopted: Streams) -> None:
    adopted.log.adopt_stdlib()
    adopted.log.set_level("error")
    adopted.log(forwarded())
    logging.getLogger("aiohttp").warning("below")
    assert adopted.lines() == []
    adopted.log.set_level("info")
    logging.getLogger("aiohttp").warning("above")
    assert [line["event"] for line in adopted.lines()] == ["above"]


# ── lines about requests wait for each other ────────────────────────────────────────────────────────────────────


class Written(io.StringIO):
    """A stream that remembers what each write brought."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


def paths(text: str) -> list[str]:
    return [json.loads(line)["path"] for line in text.splitlines()]


async def test_requests_of_one_moment_cost_one_write_and_wait_no_longer_than_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sidecar.observe.log._LONGEST", 0.0)
    out = Written()
    log = Log("json", "info", out=out, err=io.StringIO())
    for moment in range(2):
        for number in range(3):
            log(forwarded(path=f"/{moment}{number}"))
        assert len(out.writes) == moment
        while len(out.writes) == moment:  # noqa: ASYNC110  # the loop's own timer does it, and tells nobody
            await asyncio.sleep(0)
    assert [paths(text) for text in out.writes] == [["/00", "/01", "/02"], ["/10", "/11", "/12"]]


async def test_no_more_of_them_wait_than_fill_the_bound() -> None:
    out = Written()
    log = Log("json", "info", out=out, err=io.StringIO())
    asked = [f"/{number}/{'x' * 1000}" for number in range(200)]
    for path in asked:
        log(forwarded(path=path))
    assert len(out.writes) == 3
    assert max(map(len, out.writes)) < 65536 + 2000
    log.flush()
    assert paths(out.getvalue()) == asked


async def test_any_other_line_stands_behind_the_requests_before_it() -> None:
    both = Written()
    log = Log("json", "info", out=both, err=both)
    log(forwarded())
    log(events.Stopped(cut=0))
    log(forwarded())
    log.note("info", "noted", {})
    log.note("debug", "below the level", {})
    log(forwarded())
    log.flush()
    told = [json.loads(line)["event"] for line in both.getvalue().splitlines()]
    assert told == ["request", "stopped", "request", "noted", "request"]


async def test_a_line_of_another_thread_leaves_alone_what_waits() -> None:
    streams = Streams()
    streams.log(forwarded())
    await asyncio.to_thread(streams.log.note, "info", "from a thread", {})
    assert (streams.out.getvalue(), len(streams.lines())) == ("", 1)
    streams.log.flush()
    assert len(streams.lines()) == 2


async def test_flushed_with_nothing_waiting_it_writes_nothing() -> None:
    out = Written()
    log = Log("json", "info", out=out, err=io.StringIO())
    log.flush()
    log(forwarded())
    log.flush()
    log.flush()
    assert len(out.writes) == 1


def test_without_a_loop_a_request_is_told_at_once() -> None:
    out = Written()
    log = Log("json", "info", out=out, err=io.StringIO())
    log(forwarded())
    log(forwarded())
    assert len(out.writes) == 2


async def test_below_the_level_a_request_is_not_even_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = Streams(level="warning")
    monkeypatch.setattr("sidecar.observe.batch.Batch.add", None)
    monkeypatch.setattr(streams.log, "_render", None)
    streams.log(forwarded())
    streams.log.flush()
    assert streams.lines() == []


async def test_what_waits_when_the_level_is_raised_is_written() -> None:
    streams = Streams()
    streams.log(forwarded())
    streams.log.set_level("error")
    streams.log(forwarded())
    streams.log.flush()
    assert len(streams.lines()) == 1


async def test_a_reader_that_has_gone_or_a_full_disk_costs_the_lines_and_nothing_else() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:  # noqa: ARG002  # whatever it is
            raise OSError(28, "No space left on device")

    log = Log("json", "info", out=Full(), err=(err := io.StringIO()))
    log(forwarded())
    log(events.Stopped(cut=0))
    log(forwarded())
    log.flush()
    assert '"stopped"' in err.getvalue()


# ── nobody forges a line ────────────────────────────────────────────────────────────────────────────────────────

FORGERIES = [
    '/x\n{"event": "listening"}',
    "/x\r\nlistening",
    "/\x1b]0;owned\x07\x1b[2J",
    "/\x9b2J",
    "/\u2028forged\u202e",
    "/caf\udce9",
    "/\x7f\x00",
]


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("path", FORGERIES)
def test_a_path_forges_neither_a_line_nor_a_terminal_sequence(path: str, form: str) -> None:
    streams = Streams(form)
    streams.log(forwarded(path=path))
    written = streams.out.getvalue()
    assert written.endswith("\n")
    assert written[:-1].isprintable()
    assert len(written.splitlines()) == 1
    written.encode()


@pytest.mark.parametrize("path", FORGERIES)
def test_what_a_json_line_spells_out_reads_as_it_was(path: str) -> None:
    streams = Streams()
    streams.log(forwarded(path=path))
    assert streams.lines()[0]["path"] == path


def test_what_stands_in_a_list_is_spelt_out_too() -> None:
    streams = Streams("console")
    streams.log(events.Reloaded(what=("a\x1b[2J", "b\nc")))
    assert streams.err.getvalue()[:-1].isprintable()


# ── no secret ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("text", ["correct-horse", "two\nlines of it", 'quo"te\\d', "gehe\u00efm-wort"])
def test_a_living_secret_is_taken_out_by_value_at_every_level(text: str, form: str) -> None:
    streams, secret = Streams(form), Secret(text)
    streams.log(forwarded(path=f"/{text}/b"))
    streams.log(events.ReloadFailed(what="x", detail=f"found {text} here", remedy=text))
    for written in (streams.out.getvalue(), streams.err.getvalue()):
        assert len(written.splitlines()) == 1
        assert "[redacted]" in written
        assert secret.reveal().split("\n")[-1] not in written


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_value_whose_key_speaks_of_a_secret_is_hidden_whatever_it_is(form: str) -> None:
    streams = Streams(form)
    streams.log.note("debug", "x", {"Authorization": "Bearer abc", "password": 12345678, "kept": "yes"})
    written = streams.err.getvalue()
    assert "abc" not in written
    assert "12345678" not in written
    assert "yes" in written


# ── what other libraries log ────────────────────────────────────────────────────────────────────────────────────


def test_what_other_libraries_log_is_a_line_like_ours(adopted: Streams) -> None:
    adopted.log.adopt_stdlib()
    secret = Secret("correct-horse")
    logging.getLogger("aiohttp.server").warning("hello %s", secret.reveal())
    (line,) = adopted.lines()
    assert (line["event"], line["level"], line["logger"]) == ("hello [redacted]", "warning", "aiohttp.server")


def test_a_traceback_is_told_as_kind_and_places_without_the_text(adopted: Streams) -> None:
    adopted.log.adopt_stdlib()
    try:
        int("Bearer of-a-secret")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("Error handling request")
    (line,) = adopted.lines()
    assert line["failure"] == "ValueError"
    assert "test_a_traceback" in line["where"]
    assert "of-a-secret" not in adopted.err.getvalue()


async def test_an_exception_that_asyncio_finds_is_told_without_its_text(adopted: Streams) -> None:
    adopted.log.adopt_stdlib()

    async def fail() -> None:
        raise ValueError("Bearer of-a-secret")

    task = asyncio.get_running_loop().create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task  # nobody retrieved its exception
    gc.collect()
    (line,) = [line for line in adopted.lines() if line["logger"] == "asyncio"]
    assert line["event"] == "Task exception was never retrieved"
    assert "of-a-secret" not in adopted.err.getvalue()


def test_a_record_that_cannot_be_formatted_is_still_a_line(adopted: Streams) -> None:
    adopted.log.adopt_stdlib()
    logging.getLogger("odd").warning("%d", "of-a-secret")
    (line,) = adopted.lines()
    assert line["event"] == "a message of odd that cannot be formatted"


def test_a_level_of_another_librarys_own_counts_as_info(adopted: Streams) -> None:
    adopted.log.adopt_stdlib()
    logging.getLogger("odd").log(33, "x")
    assert [line["level"] for line in adopted.lines()] == ["info"]


def test_a_warning_of_pythons_is_a_line_like_ours(adopted: Streams) -> None:
    adopted.log.adopt_stdlib()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old and\nnew", UserWarning, stacklevel=1)
    (line,) = adopted.lines()
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")


# ── streams ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_reader_that_has_gone_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    err = io.StringIO()
    out = os.fdopen(writing, "w", buffering=1)
    log = Log("json", "info", out=out, err=err)
    log(forwarded())
    log(forwarded())
    log(events.Stopped(cut=0))
    assert '"stopped"' in err.getvalue()
    with pytest.raises(BrokenPipeError):
        out.close()


def test_a_stream_that_was_closed_ends_nothing() -> None:
    out = io.StringIO()
    out.close()
    Log("json", "info", out=out, err=io.StringIO())(forwarded())


def test_without_a_stream_at_all_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    log = Log(None, "info")
    log(forwarded())
    log(events.Stopped(cut=0))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("form", "stream", "json_lines"),
    [(None, Terminal, False), (None, io.StringIO, True), ("json", Terminal, True), ("console", io.StringIO, False)],
)
def test_on_a_terminal_the_lines_are_for_people_unless_told_otherwise(
    form: str | None,
    stream: type[io.StringIO],
    json_lines: bool,  # noqa: FBT001  # a table's column
) -> None:
    err = stream()
    Log(form, "info", out=io.StringIO(), err=err)(events.Stopped(cut=0))
    assert err.getvalue().startswith("{") == json_lines


@pytest.mark.parametrize("form", ["json", "console"])
def test_who_asked_as_whom_is_the_audit_trails_alone(form: str) -> None:
    streams = Streams(form)
    streams.log(forwarded(tenant="1234567", fingerprint="0123456789ab", peer="10.1.2.3", uid=1000))
    streams.log.flush()
    assert "0123456789ab" not in streams.out.getvalue()
    assert "10.1.2.3" not in streams.out.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_whose_request_it_was_is_told_where_there_are_several_tenants(form: str) -> None:
    streams = Streams(form)
    streams.log.tell_tenants()
    streams.log(forwarded(tenant="acme", fingerprint="0123456789ab", peer="10.1.2.3", uid=1000))
    streams.log.flush()
    written = streams.out.getvalue()
    assert "acme" in written
    assert "0123456789ab" not in written
