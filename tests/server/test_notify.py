from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from manager import Told

from sidecar.server.notify import READY, Notify, status

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("where", ["path", "abstract"])
def test_words_go_to_the_socket_that_the_manager_names_as_one_message(where: str, tmp_path: Path) -> None:
    address = str(tmp_path / "notify") if where == "path" else f"@{tmp_path}/notify"
    environ = {"NOTIFY_SOCKET": address, "PATH": "/bin"}
    with Told(address) as told:
        way = Notify.of(environ)
        assert way is not None
        assert way.tell(READY, status("ready"))
        way.close()
    assert told.messages == [{"READY": "1", "STATUS": "ready"}]
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize("address", ["", "/", "@", "vsock:2:1234", "notify"])
def test_what_is_no_socket_of_this_machine_is_no_way(address: str) -> None:
    assert Notify.of({"NOTIFY_SOCKET": address}) is None
    assert Notify.of({}) is None


def test_a_manager_that_is_gone_or_does_not_listen_is_not_waited_for(tmp_path: Path) -> None:
    way = Notify(str(tmp_path / "nobody"))
    assert not way.tell(READY)
    way.close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        way = Notify(str(tmp_path / "deaf"))
        said = [way.tell(READY) for _ in range(2000)]
        way.close()
    assert said[0] is True
    assert said[-1] is False


def test_a_status_is_one_line_of_bounded_length() -> None:
    assert status("a\nREADY=1\r\n b") == "STATUS=a READY=1 b"
    assert len(status("x" * 1000)) == len("STATUS=") + 400
    assert status("x" * 1000).endswith("x…")
