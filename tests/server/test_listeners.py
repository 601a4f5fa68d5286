from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest
from operating import Files, operated, refused
from otherusers import NOBODY, ONLY_ROOT, STRANGER, acting_as, common_folder
from rawcaller import calling, request

from sidecar import events
from sidecar.answer import Answer
from sidecar.config.addresses import address
from sidecar.errors import ListenError
from sidecar.gateway.caller_server import CallerServer
from sidecar.server.access import Access
from sidecar.server.listeners import Door, open_listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from sidecar.gateway.caller_request import CallerRequest

BALANCE = "/api/v2.1/wallets/w-1/balance"
LISTEN, ADMIN = '[listen]\naddress = "127.0.0.1:0"', '[admin]\naddress = "127.0.0.1:0"'


@contextlib.contextmanager
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


async def over_unix(path: Path, text: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(text + b"\r\nConnection: close\r\n\r\n")
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_both_listeners_are_open_before_the_first_login_and_their_ports_are_told(files: Files) -> None:
    files.emulator.fault("login:delay=60")
    async with operated(files) as one:
        assert (await one.control("GET", "/startupz")).status == 200
        assert (await one.control("GET", "/readyz")).status == 503
        async with calling(one.port):
            pass
        (told,) = one.events(events.Listening)
        assert (told.listen, told.admin) == (f"127.0.0.1:{one.port}", f"127.0.0.1:{one.admin_port}")
        assert one.port * one.admin_port > 0
        assert one.events(events.Minted) == []


@pytest.mark.parametrize(("text", "key"), [(LISTEN, "listen.address"), (ADMIN, "admin.address")])
async def test_a_port_in_use_is_named_with_its_key(files: Files, text: str, key: str) -> None:
    with taken() as port:
        files.edit(text, text.replace(":0", f":{port}"))
        with pytest.raises(ListenError, match=rf"{key} 127\.0\.0\.1:{port}: Address already in use") as caught:
            async with operated(files):
                pytest.fail("it listens")
    assert "`finhub-sidecar status` asks it" in caught.value.remedy
    assert caught.value.remedy.endswith(f"write another port into {key}.")


async def test_when_one_port_is_taken_the_other_is_not_kept(files: Files) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        admin = free.getsockname()[1]
    with taken() as port:
        files.edit(LISTEN, LISTEN.replace(":0", f":{port}"))
        files.edit(ADMIN, ADMIN.replace(":0", f":{admin}"))
        with pytest.raises(ListenError):
            async with operated(files):
                pytest.fail("it listens")
    assert await refused(admin)


async def test_a_host_that_is_none_of_this_machines_is_named(files: Files) -> None:
    files.edit(ADMIN, ADMIN.replace("127.0.0.1", "192.0.2.1"))
    with pytest.raises(ListenError, match=r"admin\.address 192\.0\.2\.1:0: (Cannot assign|could not bind)") as caught:
        async with operated(files):
            pytest.fail("it listens")
    assert caught.value.remedy == "Write an address of this machine into admin.address, such as 127.0.0.1."


async def test_ipv6_is_told_in_brackets(files: Files) -> None:
    files.edit(LISTEN, LISTEN.replace("127.0.0.1", "[::1]"))
    async with operated(files) as one:
        assert one.sidecar.listen == f"[::1]:{one.port}"


# ── Unix sockets ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sockets(files: Files) -> tuple[Path, Path]:
    files.edit(LISTEN, '[listen]\naddress = "unix:callers.sock"')
    files.edit(ADMIN, '[admin]\naddress = "unix:admin.sock"')
    return files.folder / "callers.sock", files.folder / "admin.sock"


async def test_both_listeners_can_be_unix_sockets_for_their_owner_alone(
    files: Files, sockets: tuple[Path, Path]
) -> None:
    async with operated(files) as one:
        assert (one.sidecar.listen, one.sidecar.admin) == (f"unix:{sockets[0]}", f"unix:{sockets[1]}")
        assert [stat.S_IMODE(path.stat().st_mode) for path in sockets] == [0o600, 0o600]
        reply = await over_unix(sockets[0], f"GET {BALANCE} HTTP/1.1\r\nHost: any.thing".encode())
        assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
        reply = await over_unix(sockets[1], b"POST /-/reload HTTP/1.1\r\nHost: any.thing\r\nContent-Length: 0")
        assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
    assert [path.exists() for path in sockets] == [False, False]


async def test_the_umask_is_as_it_was(files: Files, sockets: tuple[Path, Path]) -> None:
    before = os.umask(0o027)
    try:
        async with operated(files):
            assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


async def test_what_a_killed_process_left_behind_is_replaced(files: Files, sockets: tuple[Path, Path]) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(sockets[0]))
    async with operated(files):
        reply = await over_unix(sockets[0], f"GET {BALANCE} HTTP/1.1\r\nHost: a".encode())
        assert reply.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_socket_that_somebody_listens_on_is_left_alone(files: Files, sockets: tuple[Path, Path]) -> None:
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(sockets[0]))
        living.listen()
        with pytest.raises(ListenError, match="another program listens there"):
            async with operated(files):
                pytest.fail("it listens")
        assert sockets[0].exists()


async def test_a_file_that_is_no_socket_is_left_alone(files: Files, sockets: tuple[Path, Path]) -> None:
    sockets[0].write_text("somebody's letter")
    with pytest.raises(ListenError, match=r"listen\.address unix:.*callers\.sock"):
        async with operated(files):
            pytest.fail("it listens")
    assert sockets[0].read_text() == "somebody's letter"


async def test_a_socket_that_took_the_place_of_ours_is_not_removed(files: Files, sockets: tuple[Path, Path]) -> None:
    async with operated(files):
        sockets[0].unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(sockets[0]))
    assert sockets[0].exists()


def told(path: Path) -> tuple[str, int, int]:
    found = path.stat()
    return f"{stat.S_IMODE(found.st_mode):04o}", found.st_uid, found.st_gid


async def test_the_callers_socket_gets_its_mode_whatever_the_umask_and_the_operators_stays_private(
    files: Files, sockets: tuple[Path, Path]
) -> None:
    files.add("listen", 'socket_mode = "0666"')
    before = os.umask(0o777)
    try:
        async with operated(files):
            assert [told(path)[0] for path in sockets] == ["0666", "0600"]
    finally:
        os.umask(before)
    assert [path.exists() for path in sockets] == [False, False]


@ONLY_ROOT
async def test_the_callers_socket_gets_its_owner_and_the_operators_stays_ours(
    files: Files, sockets: tuple[Path, Path]
) -> None:
    files.add("listen", f'socket_mode = "0620"\nsocket_owner = "{STRANGER}:12345"')
    async with operated(files) as one:
        assert [told(path) for path in sockets] == [("0620", STRANGER, 12345), ("0600", 0, 0)]
        reply = await over_unix(sockets[0], f"GET {BALANCE} HTTP/1.1\r\nHost: a".encode())
        assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
        assert one.sidecar.gateway.traffic.total == 1
    assert not sockets[0].exists()


@ONLY_ROOT
async def test_it_is_never_more_open_than_asked(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    for call in (os.chown, os.chmod):
        monkeypatch.setattr(os, call.__name__, lambda *what, call=call: (seen.append(told(folder / "s")), call(*what)))
    before = os.umask(0)
    try:
        async with opened(folder / "s", Access(0o666, f"{STRANGER}:12345")):
            seen.append(told(folder / "s"))
    finally:
        os.umask(before)
    assert seen == [("0600", 0, 0), ("0600", STRANGER, 12345), ("0666", STRANGER, 12345)]


async def test_an_unknown_owner_is_told_before_there_is_a_socket(files: Files, sockets: tuple[Path, Path]) -> None:
    files.add("listen", 'socket_owner = ":nobody-of-that-name"')
    with pytest.raises(ListenError, match=r"listen\.socket_owner: there is no group 'nobody-of-that-name'"):
        async with operated(files):
            pytest.fail("it listens")
    assert [path.exists() for path in sockets] == [False, False]


@ONLY_ROOT
def test_what_this_user_may_not_open_is_told_with_what_it_may(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with acting_as(NOBODY), pytest.raises(ListenError, match="Permission denied") as caught:
        open_listener("listen.address", address(f"unix:{closed}/s"))
    assert caught.value.remedy == (
        "This user may not open it: write a port above 1023, or a folder of this user's, into listen.address."
    )


@ONLY_ROOT
async def test_without_the_right_to_give_it_away_no_socket_is_left_behind(folder: Path) -> None:
    with acting_as(NOBODY), pytest.raises(ListenError, match=r"listen\.socket_owner 54321: Operation not permitted"):
        async with opened(folder / "s", Access(0o660, f"{STRANGER}")):
            pytest.fail("it listens")
    assert os.listdir(folder) == []  # noqa: PTH208  # on the loop of a test; nothing waits for it


@pytest.fixture
def folder() -> Iterator[Path]:
    with common_folder() as made:
        yield made


@contextlib.asynccontextmanager
async def opened(path: Path, access: Access) -> AsyncIterator[None]:
    listener = await asyncio.to_thread(open_listener, "listen.address", address(f"unix:{path}"), access)
    try:
        yield
    finally:
        await asyncio.to_thread(listener.close)


async def handle(asked: CallerRequest) -> None:
    asked.answer(Answer(status=200, body=b"served"))


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[Door]:
    listener = await asyncio.to_thread(open_listener, "listen.address", address("127.0.0.1:0"))
    door = await listener.serve(CallerServer(handle))
    try:
        yield door
    finally:
        await door.close()
        await asyncio.to_thread(listener.close)


# ── before anybody serves ───────────────────────────────────────────────────────────────────────────────────────


def port_of(told: str) -> int:
    return int(told.rpartition(":")[2])


@pytest.mark.parametrize("where", ["127.0.0.1:0", "[::1]:0", "unix:"])
async def test_who_comes_before_anybody_serves_is_served_then(where: str, tmp_path: Path) -> None:
    wanted = address(f"{where}{tmp_path}/s" if where == "unix:" else where)
    listener = await asyncio.to_thread(open_listener, "listen.address", wanted)
    if wanted.kind == "unix":
        reader, writer = await asyncio.open_unix_connection(wanted.path)
    else:
        reader, writer = await asyncio.open_connection(wanted.host, port_of(listener.address))
    writer.write(request(b"GET", b"/"))
    door = await listener.serve(CallerServer(handle))
    async with asyncio.timeout(2):
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    await door.close()
    writer.close()
    await asyncio.to_thread(listener.close)
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # on the loop of a test; nothing waits for it


async def test_a_name_of_several_addresses_is_listened_on_at_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0)), (socket.AF_INET6, 1, 6, "", ("::1", 0, 0, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*both, both[0]])
    listener = open_listener("listen.address", address("localhost:0"))
    assert [plug.getsockname()[0] for plug in listener._sockets] == ["127.0.0.1", "::1"]  # noqa: SLF001  # what it took
    door = await listener.serve(CallerServer(handle))
    assert not await refused_at_once(port_of(door.address))
    await door.close()


async def refused_at_once(port: int) -> bool:
    try:
        async with calling(port):
            return False
    except ConnectionRefusedError:
        return True


def test_when_one_of_several_addresses_is_taken_none_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with taken() as other:
        both = [(socket.AF_INET, 1, 6, "", ("127.0.0.1", number)) for number in (port, other)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        with pytest.raises(ListenError, match="Address already in use"):
            open_listener("listen.address", address("localhost:0"))
    with socket.create_server(("127.0.0.1", port)):
        pass


# ── closing ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_arrives_while_it_closes_is_served_or_ended_and_never_left_deaf(turns: int) -> None:
    """Asyncio takes a connection in several turns of its loop; closed in between, it keeps it open for nobody."""
    async with served() as door:
        host, _, port = door.address.rpartition(":")
        with socket.create_connection((host, int(port))) as caller:
            caller.sendall(request(b"GET", b"/"))
            for _ in range(turns):
                await asyncio.sleep(0)
            await door.refuse()
            caller.setblocking(False)  # noqa: FBT003  # the standard library's signature
            with contextlib.suppress(ConnectionResetError):
                async with asyncio.timeout(2):
                    assert (await asyncio.get_running_loop().sock_recv(caller, 1000)).startswith(b"HTTP/1.1 200 OK")


async def test_all_who_wait_in_the_kernel_when_it_closes_are_served_and_nobody_after_them() -> None:
    async with served() as door:
        port = port_of(door.address)
        with contextlib.ExitStack() as stack:
            callers = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(20)]
            for caller in callers:
                caller.sendall(request(b"GET", b"/"))
            await door.refuse()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))
            for caller in callers:
                caller.setblocking(False)  # noqa: FBT003  # the standard library's signature
                async with asyncio.timeout(2):
                    assert (await asyncio.get_running_loop().sock_recv(caller, 1000)).startswith(b"HTTP/1.1 200 OK")
