"""Every proxy that is compared really carries a request to the upstream over mutual TLS, with all that it must have."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench import kernel, latency, long, site, subjects, transfer
from bench.client import ASKED, exchange, request
from bench.contender import Contender, check_fields
from bench.errors import BenchError
from bench.load import warm
from bench.machine import program
from bench.parts import loaded
from bench.record import Record
from bench.stage import stage
from bench.subject import Recipe, Subject
from bench.transport import connected, mutual_tls
from bench.upstream import BODY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.site import Site
    from bench.stage import Stage

CORES = sorted(os.sched_getaffinity(0))
NAIVE = subjects.ALL[-1]

# Envoy is a wheel of a hundred megabytes: no lock file has it, and where it is not installed there is nothing to see.
HERE = [subject for subject in subjects.ALL if subject.name != "envoy" or subject.version() is not None]

pytestmark = [
    pytest.mark.skipif(program("nginx") is None, reason="nginx is not installed (Debian: nginx-light)"),
    pytest.mark.skipif(program("wrk") is None, reason="wrk is not installed (Debian: wrk)"),
]


@pytest.fixture(scope="module")
def ready() -> Iterator[Stage]:
    """An upstream, on whatever cores there are."""
    with stage(CORES[0], CORES[-1]) as found:
        yield found


@pytest.fixture(scope="module")
def naive(ready: Stage) -> Iterator[Contender]:
    """The one that is always there."""
    with ready.contender(NAIVE) as found:
        yield found


@pytest.mark.parametrize("subject", HERE, ids=[subject.name for subject in HERE])
def test_each_gives_the_upstream_all_that_it_must_have(ready: Stage, subject: Subject) -> None:
    with ready.contender(subject) as one:
        check_fields(one.port)
        with connected(one.port) as connection:
            reply = exchange(connection, ASKED)
        assert reply.body == BODY.encode()
        assert one.started_in > 0
        assert one.resident_bytes() > 1_000_000


@pytest.mark.parametrize("subject", HERE, ids=[subject.name for subject in HERE])
def test_each_writes_a_line_for_every_request(ready: Stage, subject: Subject) -> None:
    before = set(ready.folder.iterdir())
    with ready.contender(subject) as one, connected(one.port) as connection:
        for _ in range(5):
            exchange(connection, ASKED)
    (folder,) = set(ready.folder.iterdir()) - before
    lines = [line for file in ("access.log", "stdout", "stderr") for line in _lines(folder / file) if site.PATH in line]
    assert len(lines) >= 6  # the one by which it was seen to serve, too


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def test_the_upstream_lets_nobody_in_without_certificate_or_token(ready: Stage) -> None:
    with connected(ready.site.upstream, mutual_tls(ready.site.certificates)) as connection:
        assert exchange(connection, ASKED).status == 401
        assert exchange(connection, request("GET", "/", f"Authorization: Bearer {site.TOKEN}")).status == 200
    with connected(ready.site.upstream, ssl.create_default_context(cafile=ready.site.file("ca.crt"))) as connection:
        assert exchange(connection, ASKED).status == 400


def test_load_is_counted_and_charged(ready: Stage, naive: Contender) -> None:
    warm(naive.port, 4)
    report, cpu = loaded(naive, 4, 1, ready.other_core)
    assert report.failed == 0
    assert report.requests > 10
    assert 0 < report.p50 <= report.p99
    assert cpu > 1


def test_requests_that_are_answered_otherwise_do_not_count(ready: Stage) -> None:
    wrong = Contender(NAIVE, ready.site.upstream, os.getpid(), 0.0)  # plain HTTP, to a port of TLS
    with pytest.raises(BenchError, match="requests failed"):
        loaded(wrong, 1, 1, ready.other_core)


def test_who_waits_is_timed(naive: Contender) -> None:
    with connected(naive.port) as connection:
        assert latency.median_latency(connection, ASKED, 0.05) > 1


def test_a_wrong_answer_is_not_timed(ready: Stage) -> None:
    connection = connected(ready.site.upstream, mutual_tls(ready.site.certificates))
    with connection, pytest.raises(BenchError, match="answered 401"):
        latency.median_latency(connection, ASKED, 0.05)


def test_large_bodies_go_both_ways(naive: Contender) -> None:
    assert transfer.download(naive.port) > 1
    assert transfer.upload(naive.port) > 1


def test_a_download_of_another_length_is_not_timed(naive: Contender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "BULK_BYTES", 5)
    with pytest.raises(BenchError, match="a download was answered"):
        transfer.download(naive.port)


def test_idle_callers_hold_their_connections(naive: Contender) -> None:
    with long.idle_callers(naive.port, 3):
        pass


def test_upstream_and_caller_move_to_the_core_of_the_proxy_and_back(ready: Stage) -> None:
    def cores() -> list[set[int]]:
        upstream = [pid for pid in kernel.family(os.getpid()) if Path(f"/proc/{pid}/comm").read_text() == "nginx\n"]
        return [os.sched_getaffinity(pid) for pid in (0, *upstream)]

    with ready.on_one_core():
        assert cores() == [{CORES[0]}] * 3  # this process, nginx's master, its worker
    assert cores() == [{CORES[-1]}] * 3


def test_who_does_not_serve_is_noted_and_left_out(ready: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    def prepare(_: Site, folder: Path, port: int) -> Recipe:
        assert folder.is_dir()
        assert port
        return Recipe((sys.executable, "-c", "import sys; sys.exit('told why')"))

    broken = Subject("broken", "Broken", prepare, lambda: "1", "none")
    record = Record()
    with ready.contenders([broken, NAIVE], record) as serving:
        assert [one.subject.name for one in serving] == ["naive"]
    assert len(record.troubles) == 1
    assert "ended with 1" in record.troubles[0]
    assert "told why" in record.troubles[0]
    assert "told why" in capsys.readouterr().err
