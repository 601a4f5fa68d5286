from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from counting import READINGS, forwarded
from cryptography import x509
from operating import Operated, finhub, operated
from scrape import samples

from sidecar.app.scrape import Now, scrape
from sidecar.observe.metrics import Metrics, Readings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_a_scrape_shows_what_was_counted_in_the_form_that_is_asked_for() -> None:
    metrics = Metrics()
    metrics(forwarded())
    kind, text = await scrape(metrics, READINGS, "")
    assert (kind, samples(text)["reply_body_bytes_total"]) == ("text/plain; version=0.0.4; charset=utf-8", 12)
    assert (await scrape(metrics, READINGS, "application/openmetrics-text"))[1].endswith(b"# EOF\n")


async def test_the_text_is_written_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a thousand times as long as a request may be held up, and the first time the library is loaded."""
    threads = list[bool]()
    monkeypatch.setattr(
        "sidecar.observe.exposition.render",
        lambda *_: (threads.append(threading.current_thread() is threading.main_thread()), ("", b""))[1],
    )
    await scrape(Metrics(), READINGS, "")
    assert threads == [False]


def read(one: Operated, *, spans: int = 0, waiting: int = 0, fails: bool = False) -> Readings:
    sidecar = one.sidecar
    now = Now(sidecar.vitals(), waiting, 3, fails, spans)
    return sidecar.tenancies[0].readings(now)


async def test_the_gauges_are_read_off_the_parts(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        assert (await one.call("GET", "/api/v2.1/wallets/w-1/balance")).status == 200
        identity = one.sidecar.tenancies[0].keeper.standing.identity
        shown = read(one, spans=7, waiting=2, fails=True)
        assert identity is not None
        assert (shown.ready, shown.state, shown.in_flight, shown.callers_open) == (True, "FRESH", 2, 3)
        assert (shown.upstream_busy, shown.upstream_idle, shown.upstream_waiting) == (0, 1, 0)
        assert (shown.upstream_most, shown.callers_most) == (100, 1024)
        assert shown.identity_expires == identity.not_after.timestamp()
        presented = x509.load_pem_x509_certificate(files.emulator.certificates.server_pem)
        assert shown.upstream_expires == presented.not_valid_after_utc.timestamp()
        assert (shown.trail_fails, shown.spans_dropped) == (True, 7)


async def test_without_a_token_and_a_connection_there_is_nothing_that_ends(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        files.add("session", 'login = "lazy"')
        async with operated(files) as one:
            shown = read(one)
            assert (shown.token_expires, shown.upstream_expires, shown.state) == (None, None, "EMPTY")
            one.sidecar.draining = True
            assert read(one).ready is False


def test_the_library_is_loaded_by_the_first_scrape_alone() -> None:
    program = "import sidecar.app.sidecar, sidecar.server, sys; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
