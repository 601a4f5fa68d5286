from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from sidecar.errors import ConfigError
from sidecar.tls import handover
from sidecar.tls.handover import HandOver, best, in_memory, on_disk

both = pytest.mark.parametrize("lend", [in_memory, on_disk])


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@both
def test_what_is_lent_can_be_read_more_than_once_and_is_gone_afterwards(lend: HandOver) -> None:
    before = open_files()
    with lend(b"something") as name:
        assert [Path(name).read_bytes() for _ in range(2)] == [b"something"] * 2
        assert open_files() == before + 1
    assert not Path(name).exists()
    assert open_files() == before


@both
def test_an_error_meanwhile_leaves_nothing_behind_either(lend: HandOver) -> None:
    before = open_files()
    with pytest.raises(RuntimeError), lend(b"something") as name:
        raise RuntimeError
    assert not Path(name).exists()
    assert open_files() == before


def test_in_memory_touches_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with in_memory(b"something"):
        assert list(tmp_path.iterdir()) == []


def test_on_disk_only_we_may_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with on_disk(b"something") as name:
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600
        assert list(tmp_path.iterdir()) == [Path(name)]
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_directory_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="no temporary file") as caught, on_disk(b"something"):
        pass
    assert "TMPDIR" in caught.value.remedy


def test_memory_is_preferred_where_there_are_such_files() -> None:
    assert best() is in_memory


def test_the_disk_is_the_way_out_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    assert best() is on_disk


def test_the_disk_is_the_way_out_where_a_sandbox_forbids_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(name: str) -> int:
        raise PermissionError(name)

    monkeypatch.setattr(os, "memfd_create", forbidden)
    assert best() is on_disk


def test_the_disk_is_the_way_out_where_proc_is_not_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "_DESCRIPTORS", tmp_path)
    assert best() is on_disk
