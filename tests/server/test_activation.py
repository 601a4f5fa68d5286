from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Final

import pytest

from sidecar.errors import ListenError
from sidecar.server import activation
from sidecar.server.activation import Passed, by_name, take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FIRST: Final = 300


@pytest.fixture
def hand_over(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., dict[str, str]]]:
    """Put sockets where a manager would, and return the variables that tell of them; what was taken is closed."""
    monkeypatch.setattr(activation, "FIRST", FIRST)
    used: list[int] = []

    def put(names: str, *plugs: socket.socket) -> dict[str, str]:
        for number, plug in enumerate(plugs, FIRST):
            os.dup2(plug.fileno(), number)
            used.append(number)
            plug.close()
        return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(plugs)), "LISTEN_FDNAMES": names}

    yield put
    for number in used:
        with contextlib.suppress(OSError):
            os.close(number)


@contextlib.contextmanager
def taken(environ: dict[str, str]) -> Iterator[Passed]:
    passed = take(environ)
    try:
        yield passed
    finally:
        for plug in (plug for plugs in passed.sockets.values() for plug in plugs):
            plug.close()


def over_tcp(host: str = "127.0.0.1", family: int = socket.AF_INET) -> socket.socket:
    plug = socket.socket(family, socket.SOCK_STREAM)
    plug.bind((host, 0))
    plug.listen()
    return plug


def over_unix(path: Path | str) -> socket.socket:
    plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    plug.bind(str(path))
    plug.listen()
    return plug


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


# ── what the variables tell ─────────────────────────────────────────────────────────────────────────────────────


def test_numbers_are_found_by_name_in_order() -> None:
    assert by_name("3", "admin:callers:callers") == {"admin": [3], "callers": [4, 5]}
    assert by_name("0", "") == {}


@pytest.mark.parametrize(
    ("count", "names", "told"),
    [
        ("", "", "expected a number"),
        ("one", "callers", "expected a number"),
        ("-1", "", "expected a number"),
        ("²", "callers:admin", "expected a number"),
        ("1", "", "1 sockets were passed with 0 names"),
        ("1", "callers:admin", "1 sockets were passed with 2 names"),
        ("1", "unknown", "'unknown', which means nothing here"),
    ],
)
def test_what_does_not_say_which_listener_is_which_is_refused(count: str, names: str, told: str) -> None:
    with pytest.raises(ListenError, match=told):
        by_name(count, names)


# ── taking over ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_port_stands_for_the_configured_address(hand_over: Callable[..., dict[str, str]]) -> None:
    callers, admin = over_tcp(), over_tcp()
    ports = [plug.getsockname()[1] for plug in (callers, admin)]
    with taken(hand_over("callers:admin", callers, admin)) as passed:
        assert passed.variables == {
            "FINHUB_LISTEN__ADDRESS": f"127.0.0.1:{ports[0]}",
            "FINHUB_ADMIN__ADDRESS": f"127.0.0.1:{ports[1]}",
        }
        (plug,) = passed.sockets["callers"]
        assert (plug.fileno(), plug.getblocking(), plug.get_inheritable()) == (FIRST, False, False)


def test_a_unix_socket_stands_for_its_path(hand_over: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    with taken(hand_over("callers", over_unix(tmp_path / "s"))) as passed:
        assert passed.variables == {"FINHUB_LISTEN__ADDRESS": f"unix:{tmp_path}/s"}


def test_ipv6_is_told_in_brackets(hand_over: Callable[..., dict[str, str]]) -> None:
    with taken(hand_over("callers", over_tcp("::1", socket.AF_INET6))) as passed:
        assert passed.variables["FINHUB_LISTEN__ADDRESS"].startswith("[::1]:")


def test_of_several_ports_the_one_that_others_can_reach_is_judged(hand_over: Callable[..., dict[str, str]]) -> None:
    with taken(hand_over("callers:callers", over_tcp(), over_tcp("0.0.0.0"))) as passed:  # noqa: S104  # what is tested
        assert passed.variables["FINHUB_LISTEN__ADDRESS"].startswith("0.0.0.0:")


def test_no_child_finds_what_was_passed(hand_over: Callable[..., dict[str, str]]) -> None:
    environ = {**hand_over("callers", over_tcp()), "PATH": "/bin"}
    with taken(environ):
        assert environ == {"PATH": "/bin"}


def test_what_was_passed_to_another_process_is_left_alone(hand_over: Callable[..., dict[str, str]]) -> None:
    environ = {**hand_over("callers", over_tcp()), "LISTEN_PID": "1"}
    assert take(environ).variables == {}
    assert is_open(FIRST)


def bound() -> socket.socket:
    plug = socket.socket()
    plug.bind(("127.0.0.1", 0))
    return plug


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (bound, "does not listen"),
        (lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), "does not listen"),
        (lambda: over_unix(f"\0sidecar-{os.getpid()}"), "without a file"),
    ],
)
def test_what_cannot_be_listened_on_is_refused_and_closed(
    hand_over: Callable[..., dict[str, str]], make: Callable[[], socket.socket], told: str
) -> None:
    with pytest.raises(ListenError, match=told):
        take(hand_over("admin:callers", over_tcp(), make()))
    assert not is_open(FIRST)
    assert not is_open(FIRST + 1)


def test_what_is_no_socket_is_refused(hand_over: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    environ = hand_over("callers", over_tcp())
    with (tmp_path / "file").open("wb") as file:
        os.dup2(file.fileno(), FIRST)
    with pytest.raises(ListenError, match="'callers' is no socket"):
        take(environ)


def test_a_port_and_a_unix_socket_for_the_same_listener_are_refused(
    hand_over: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    """Over a Unix socket Host is not checked: taken for one, the port would be open to web pages."""
    with pytest.raises(ListenError, match="both a port and a Unix socket"):
        take(hand_over("callers:callers", over_unix(tmp_path / "s"), over_tcp()))
