from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from bench import nginx
from bench.machine import program

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(program("nginx") is None, reason="needs nginx: install Debian's nginx-light")
def test_nginx_takes_what_is_written_around_an_empty_block_and_refuses_a_broken_one(tmp_path: Path) -> None:
    command = nginx.written(tmp_path, nginx.around("  access_log off;\n"))
    assert subprocess.run((*command, "-t"), capture_output=True, check=False, timeout=10).returncode == 0
    command = nginx.written(tmp_path, nginx.around("  access_log off\n"))
    assert subprocess.run((*command, "-t"), capture_output=True, check=False, timeout=10).returncode != 0
