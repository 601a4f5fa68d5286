from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from operating import Files, operated, refused
from otherusers import NOBODY, ONLY_ROOT, STRANGER, acting_as, common_folder
from rawcaller import calling, request

from sidecar import events
from sidecar.config.addresses import address
from sidecar.errors import ListenError
from sidecar.gateway.caller_server import CallerServer
from sidecar.server.access import Access
from sidecar.server.listeners import listen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

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
        with pytest.raises(ListenError, match=rf"{key} 127\.0\.0\.1:{port}: Address already in use"):
            async with operated(files):
                pytest.fail("it listens")


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
    with pytest.raises(ListenError, match=r"admin\.address 192\.0\.2\.1:0: (Cannot assign|could not bind)"):
        async with operated(files):
            pytest.fail("it listens")


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
    async def handle(_: web.BaseRequest) -> web.Response:
        raise AssertionError("nobody calls")

    async with contextlib.AsyncExitStack() as stack:
        await listen("listen.address", address(f"unix:{path}"), CallerServer(handle), stack, access)
        yield


# ── closing ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_arrives_while_it_closes_is_served_or_ended_and_never_left_deaf(turns: int) -> None:
    """Asyncio takes a connection in several turns of its loop; closed in between, it keeps it open for nobody."""

    async def handle(_: web.BaseRequest) -> web.Response:
        return web.Response(text="served")

    async with contextlib.AsyncExitStack() as stack:
        door = await listen("listen.address", address("127.0.0.1:0"), CallerServer(handle), stack)
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
