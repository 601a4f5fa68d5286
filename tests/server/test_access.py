from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from otherusers import NOBODY, ONLY_ROOT, STRANGER, acting_as, common_folder

from sidecar.errors import ListenError
from sidecar.server.access import PRIVATE, Access, Grant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNKNOWN = "nobody-of-that-name"


@pytest.fixture
def folder() -> Iterator[Path]:
    with common_folder() as made:
        yield made


def private(path: Path) -> os.stat_result:
    """Make a socket as the listener does, and return what it is."""
    before = os.umask(0o177)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    finally:
        os.umask(before)
    return path.stat()


def seen(path: Path | str) -> tuple[str, int, int]:
    found = os.stat(path)  # noqa: PTH116  # a path of the kernel's as well
    return f"{stat.S_IMODE(found.st_mode):04o}", found.st_uid, found.st_gid


@pytest.mark.parametrize(
    ("owner", "uid", "gid"),
    [
        (None, -1, -1),
        ("root", 0, -1),
        ("root:root", 0, 0),
        (":root", -1, 0),
        ("54321:12345", 54321, 12345),
        (":12345", -1, 12345),
    ],
)
def test_an_owner_is_a_user_a_group_or_both_by_name_or_number(owner: str | None, uid: int, gid: int) -> None:
    grant = Grant.of(Access(0o660, owner))
    assert (grant.uid, grant.gid) == (uid, gid)


@pytest.mark.parametrize(("owner", "what"), [(UNKNOWN, "user"), (f"root:{UNKNOWN}", "group"), (f":{UNKNOWN}", "group")])
def test_an_unknown_owner_is_told_with_its_key_and_a_remedy(owner: str, what: str) -> None:
    with pytest.raises(ListenError, match=rf"^listen\.socket_owner: there is no {what} '{UNKNOWN}'") as caught:
        Grant.of(Access(0o600, owner))
    assert caught.value.remedy.startswith(f"Create the {what}")


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666, 0o200, 0o777])
def test_a_socket_gets_exactly_the_mode_whatever_the_umask(folder: Path, mode: int) -> None:
    made = private(folder / "s")
    Grant.of(Access(mode)).give(folder / "s", made)
    assert seen(folder / "s") == (f"{mode:04o}", os.geteuid(), os.getegid())


@ONLY_ROOT
def test_a_socket_gets_owner_and_mode(folder: Path) -> None:
    Grant.of(Access(0o620, f"{STRANGER}:12345")).give(folder / "s", private(folder / "s"))
    assert seen(folder / "s") == ("0620", STRANGER, 12345)


def test_what_a_private_socket_has_already_takes_no_right_and_no_call(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = private(folder / "s")
    for call in ("open", "chown", "chmod"):
        monkeypatch.setattr(os, call, lambda *_, **__: pytest.fail("a call"))
    Grant.of(PRIVATE).give(folder / "s", made)


def watched(monkeypatch: pytest.MonkeyPatch, call: str, before: Callable[[str], None]) -> None:
    """Have `before` called with the path when the real `os.call` is about to happen."""
    real: Any = getattr(os, call)

    def calling(path: str, *rest: Any) -> None:
        before(path)
        real(path, *rest)

    monkeypatch.setattr(os, call, calling)


@ONLY_ROOT
def test_it_is_opened_to_others_only_when_it_is_its_owners(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[str, int, int]] = []
    for call in ("chown", "chmod"):
        watched(monkeypatch, call, lambda path: steps.append(seen(path)))
    Grant.of(Access(0o666, f"{STRANGER}:12345")).give(folder / "s", private(folder / "s"))
    assert steps == [("0600", 0, 0), ("0600", STRANGER, 12345)]
    assert seen(folder / "s") == ("0666", STRANGER, 12345)


@ONLY_ROOT
@pytest.mark.parametrize("call", ["chown", "chmod"])
def test_a_link_that_takes_its_place_meanwhile_gives_nothing_else_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    treasure = folder / "treasure"
    treasure.touch(0o600)

    def swap(_: str) -> None:
        (folder / "s").unlink()
        (folder / "s").symlink_to(treasure)

    made = private(folder / "s")
    watched(monkeypatch, call, swap)
    Grant.of(Access(0o666, f"{STRANGER}")).give(folder / "s", made)
    assert seen(treasure) == ("0600", 0, 0)


@pytest.mark.parametrize("kind", ["link", "file", "socket"])
def test_what_took_its_place_before_is_left_alone_and_told(folder: Path, kind: str) -> None:
    made = private(folder / "s")
    (folder / "s").rename(folder / "moved")
    if kind == "link":
        (folder / "s").symlink_to(folder / "moved")
    elif kind == "file":
        (folder / "s").touch(0o600)
    else:
        private(folder / "s")
    with pytest.raises(ListenError, match="another program has taken the socket's place") as caught:
        Grant.of(Access(0o666)).give(folder / "s", made)
    assert "folder" in caught.value.remedy
    assert seen(folder / "s")[0] == "0600"


def test_a_file_that_is_no_socket_is_not_given_away(folder: Path) -> None:
    (folder / "s").touch(0o600)
    with pytest.raises(ListenError):
        Grant.of(Access(0o666)).give(folder / "s", (folder / "s").stat())
    assert seen(folder / "s")[0] == "0600"


@ONLY_ROOT
def test_without_the_right_to_give_it_away_the_key_is_told(folder: Path) -> None:
    with acting_as(NOBODY):
        made = private(folder / "s")
        with pytest.raises(ListenError, match=r"^listen\.socket_owner 54321: Operation not permitted$") as caught:
            Grant.of(Access(0o660, f"{STRANGER}")).give(folder / "s", made)
    assert "CAP_CHOWN" in caught.value.remedy
    assert seen(folder / "s")[:2] == ("0600", NOBODY)


@ONLY_ROOT
def test_without_the_right_to_set_the_mode_the_key_is_told(folder: Path) -> None:
    made = private(folder / "s")
    with acting_as(NOBODY), pytest.raises(ListenError, match=r"^listen\.socket_mode 0666: Operation not") as caught:
        Grant.of(Access(0o666)).give(folder / "s", made)
    assert "CAP_FOWNER" in caught.value.remedy
    assert seen(folder / "s")[0] == "0600"


def test_elsewhere_than_on_linux_it_goes_by_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_PATH")
    Grant.of(Access(0o660)).give(folder / "s", private(folder / "s"))
    assert seen(folder / "s")[0] == "0660"


def test_no_handle_is_left_open(folder: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    made = private(folder / "s")
    Grant.of(Access(0o660)).give(folder / "s", made)
    with pytest.raises(ListenError):
        Grant.of(Access(0o660)).give(folder / "s", folder.stat())
    assert len(list(Path("/proc/self/fd").iterdir())) == before
