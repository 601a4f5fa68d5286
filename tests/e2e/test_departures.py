"""Callers that leave, as real programs do it: a question ends at FinHub too, a payment is told with its outcome."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from calling import BALANCE, curl, until

if TYPE_CHECKING:
    from staging import SidecarProcess, Stage

TIMED_OUT = 28  # curl's exit code


def the_request(sidecar: SidecarProcess) -> dict[str, Any]:
    until(lambda: bool(sidecar.lines("request")), "the request is told")
    (line,) = sidecar.lines("request")
    return line


@pytest.mark.parametrize("unix", [True, False])
def test_a_question_that_curl_gives_up_ends_at_finhub(stage: Stage, *, unix: bool) -> None:
    sidecar = stage.run(LISTEN__ADDRESS=f"unix:{stage.finhub.folder}/s") if unix else stage.run()
    where = ["--unix-socket", f"{stage.finhub.folder}/s", "http://localhost"] if unix else [sidecar.url]
    got = curl("--max-time", "1", *where[:-1], f"{where[-1]}/api/slow?seconds=60")
    assert got.returncode == TIMED_OUT
    # The emulator waits its 60 s only while somebody is there, and records the call then.
    until(lambda: len(stage.finhub.seen("/api/slow")) == 1, "FinHub noticed", within=10)
    line = the_request(sidecar)
    assert (line["outcome"], line["status"], line["upstream_status"]) == ("caller_left", 0, 0)
    assert line["duration"] < 10


def test_a_payment_that_curl_gives_up_is_told_as_executed(stage: Stage) -> None:
    sidecar = stage.run()
    stage.finhub.fault("api:delay=2,path=/api/sink")
    got = curl("--max-time", "1", "--data", "payment", f"{sidecar.url}/api/sink")
    assert got.returncode == TIMED_OUT
    line = the_request(sidecar)
    assert (line["outcome"], line["status"], line["upstream_status"]) == ("caller_left", 0, 200)
    assert len(stage.finhub.seen("/api/sink")) == 1


def test_a_caller_that_ends_its_sending_behind_its_request_is_answered(stage: Stage) -> None:
    sidecar = stage.run()
    stage.finhub.fault("api:delay=1.5,times=1")
    host, port = sidecar.listen.split(":")
    with socket.create_connection((host, int(port)), 30) as caller, caller.makefile("rb") as heard:
        caller.sendall(f"GET {BALANCE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        caller.shutdown(socket.SHUT_WR)
        assert heard.read().startswith(b"HTTP/1.1 200 ")  # and the end, although HTTP/1.1 would go on
    assert the_request(sidecar)["outcome"] == "complete"
