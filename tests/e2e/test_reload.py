"""The configuration as an operator changes it: an editor, a signal or a POST, and a look at the log."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from calling import BALANCE, get, post, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from staging import SidecarProcess, Stage


def say(sidecar: SidecarProcess, how: str) -> None:
    if how == "SIGHUP":
        sidecar.process.send_signal(signal.SIGHUP)
    else:
        post(f"{sidecar.admin}/-/reload")


@pytest.mark.parametrize("how", ["SIGHUP", "/-/reload"])
def test_what_can_change_does_what_cannot_is_named_and_what_is_broken_changes_nothing(
    put_up: Callable[..., Stage], how: str
) -> None:
    stage = put_up()
    sidecar, file = stage.run(), stage.finhub.config
    text = file.read_text()
    assert post(f"{sidecar.url}/api/echo", b"123456").status == 200

    file.write_text(
        f"{text}\n[replay]\nmax_total = 5\n\n[drain]\nmax = 3.0\n".replace("[listen]\n", "[listen]\nmax_body = 5\n")
    )
    say(sidecar, how)
    until(lambda: bool(sidecar.lines("reloaded")), "the reload is told")
    (told,) = sidecar.lines("reloaded")
    assert (set(told["what"]), told["restart"]) == ({"listen.max_body", "drain.max"}, ["replay.max_total"])
    assert post(f"{sidecar.url}/api/echo", b"123456").status == 413

    file.write_text(f"{text}\n[drain]\nmax = -1\n".replace("[listen]\n", "[listen]\nmax_body = 0\n"))
    say(sidecar, how)
    until(lambda: bool(sidecar.lines("reload failed, what was in use stays")), "the failure is told")
    (failed,) = sidecar.lines("reload failed, what was in use stays")
    assert [line.partition(":")[0] for line in failed["detail"].splitlines()] == ["listen.max_body", "drain.max"]
    assert post(f"{sidecar.url}/api/echo", b"123456").status == 413
    assert get(f"{sidecar.url}{BALANCE}").status == 200

    file.write_text(text)
    say(sidecar, how)
    until(lambda: len(sidecar.lines("reloaded")) == 2, "the next reload is told")
    assert post(f"{sidecar.url}/api/echo", b"123456").status == 200
    assert stage.finhub.counts.logins == 1
