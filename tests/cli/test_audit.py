from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import house
import pytest
from trails import text_of, trail

from sidecar.audit.chain import GENESIS
from sidecar.cli import main

if TYPE_CHECKING:
    from pathlib import Path

LINES = trail(6)
HEAD = json.loads(LINES[-1])["hash"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "audit.jsonl.1").write_bytes(text_of(LINES[:3]))
    (tmp_path / "audit.jsonl").write_bytes(text_of(LINES[3:]))
    return tmp_path / "audit.jsonl"


def test_a_whole_trail_is_0_and_its_head_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(path)]) == 0
    told, head = capsys.readouterr().out.splitlines()
    assert told == "✓ 6 lines, number 1 to 6: none was changed, taken out, moved or put in"
    assert head == f"  head {HEAD}"


def test_a_changed_line_is_1_and_its_place_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_bytes(path.read_bytes().replace(b"204", b"999"))
    assert main(["audit", "verify", str(path)]) == 1
    fault, verdict, remedy = capsys.readouterr().out.splitlines()
    assert fault == f"✗ {path}:2: line 5 was changed: its hash is not the one of its bytes"
    assert verdict == "✗ The trail is not whole: 1 fault"
    assert remedy.startswith("  → Keep these files")


def test_a_file_that_was_taken_out_is_1(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.with_suffix(".jsonl.1").unlink()
    assert main(["audit", "verify", str(path)]) == 1
    assert "lines 1 to 3 are missing before line 4" in capsys.readouterr().out


def test_of_many_faults_the_first_hundred_are_told_and_the_rest_is_counted(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_bytes(b"".join(line.replace(b"status", b"stadus") for line in trail(150)[3:]))
    assert main(["audit", "verify", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "was changed" in line]) == 100
    assert lines[100] == "✗ … and 47 more"
    assert "147 faults" in lines[101]


def test_a_torn_line_is_noted_and_no_fault(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_bytes(path.read_bytes() + b'{"seq":7,"ti')
    assert main(["audit", "verify", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"! {path}:4 is torn")


def test_a_head_from_elsewhere_finds_a_cut_off_end(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(path), "--head", HEAD]) == 0
    path.write_bytes(text_of(LINES[3:5]))
    assert main(["audit", "verify", str(path)]) == 0
    assert main(["audit", "verify", str(path), "--head", HEAD]) == 1
    assert "the end was cut off" in capsys.readouterr().out


def test_a_part_is_verified_by_the_head_of_the_part_before_it(path: Path) -> None:
    path.with_suffix(".jsonl.1").rename(path.parent / "archived")
    before = json.loads(LINES[2])["hash"]
    assert main(["audit", "verify", str(path), "--after", before]) == 0
    assert main(["audit", "verify", str(path), "--after", GENESIS]) == 1
    assert main(["audit", "verify", str(path.parent / "archived"), str(path)]) == 0


def test_it_can_be_told_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", "--json", str(path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "whole": True,
        "lines": 6,
        "first": 1,
        "last": 6,
        "head": HEAD,
        "faults": [],
        "count": 0,
        "notes": [],
    }
    path.write_bytes(path.read_bytes().replace(b"204", b"999"))
    assert main(["audit", "verify", "--json", str(path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["whole"], told["count"]) == (False, 1)
    assert told["faults"][0]["seq"] == 5


def test_a_file_that_is_not_there_is_2_with_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(tmp_path / "nothing")]) == 2
    assert "Name the file that audit.file names" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--head", "abc"], ["--after", "A" * 64], []])
def test_what_is_no_hash_and_no_command_is_2(path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["audit", *(["verify", str(path), *arguments] if arguments else [])])
    assert caught.value.code == 2


def by_hand(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the commands that the manual names."""
    manual = (house.ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    command = manual.partition(f"<!-- command: {name} -->\n```sh\n")[2].partition("\n```")[0]
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)


def test_a_hash_can_be_checked_by_hand_as_the_manual_says(path: Path) -> None:
    assert by_hand("hash", path.parent).stdout.split()[0] == HEAD


def test_the_chain_can_be_checked_by_hand_as_the_manual_says(path: Path) -> None:
    assert (by_hand("chain", path.parent).returncode, by_hand("chain", path.parent).stdout) == (0, "")
    path.write_bytes(LINES[3] + LINES[5])
    assert by_hand("chain", path.parent).returncode == 1
