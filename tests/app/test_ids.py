from __future__ import annotations

import multiprocessing
import re
import threading
import uuid
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sidecar.app import ids
from sidecar.app.ids import new_id

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_each_is_a_version_4_uuid() -> None:
    for _ in range(2000):
        one = new_id()
        assert FORM.fullmatch(one)
        read = uuid.UUID(one)
        assert (read.version, read.variant, str(read)) == (4, uuid.RFC_4122, one)


def test_a_million_of_them_are_a_million() -> None:
    assert len({new_id() for _ in range(1_000_000)}) == 1_000_000


def test_every_bit_but_the_six_fixed_ones_is_chance() -> None:
    number = 4000
    ones = Counter(bit for _ in range(number) for bit in range(128) if uuid.UUID(new_id()).int >> bit & 1)
    fixed = {76, 77, 78, 79, 62, 63}
    assert {bit for bit in range(128) if ones[bit] in {0, number}} == fixed
    assert all(number * 0.4 < ones[bit] < number * 0.6 for bit in set(range(128)) - fixed)


def test_all_the_chance_is_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def zeros(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    monkeypatch.setattr("os.urandom", zeros)
    monkeypatch.setattr(ids, "_chance", iter(()))
    assert {new_id() for _ in range(257)} == {"00000000-0000-4000-8000-000000000000"}
    assert asked == [4096, 4096]


def test_threads_get_different_ones() -> None:
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.extend([new_id() for _ in range(20_000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 80_000


def _tell(queue: Queue[list[str]]) -> None:
    queue.put([new_id() for _ in range(1000)])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this platform has no fork")
def test_a_child_hands_out_others_than_its_parent() -> None:
    new_id()  # some of the parent's chance waits, which the child inherits
    fork = multiprocessing.get_context("fork")
    queue: Queue[list[str]] = fork.Queue()
    child = fork.Process(target=_tell, args=(queue,))
    child.start()
    theirs = queue.get(timeout=30)
    child.join(30)
    ours = [new_id() for _ in range(1000)]
    assert len({*ours, *theirs}) == 2000
