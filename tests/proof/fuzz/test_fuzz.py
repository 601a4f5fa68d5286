"""The fuzz targets hold on their seeds, on every input that was ever found, and on a few thousand random ones.

`run.py` feeds the same targets by coverage; what it finds lands in `corpus/` and so in here.
"""

from __future__ import annotations

from pathlib import Path

import fuzz_targets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scale import scale

CORPUS = Path(__file__).with_name("corpus")
FOUND = [(path.parent.name, path) for path in sorted(CORPUS.glob("*/*")) if path.is_file()]
OURS = (
    (b"Host", b"api.finhub.example"),
    (b"X-Tenant-ID", fuzz_targets.TENANT),
    (b"Authorization", fuzz_targets.AUTHORIZATION),
)


@pytest.mark.parametrize("target", fuzz_targets.TARGETS)
def test_a_target_holds_on_its_seeds_cut_anywhere(target: str) -> None:
    for seed in fuzz_targets.SEEDS[target]:
        for end in range(len(seed) + 1):
            fuzz_targets.TARGETS[target](seed[:end])


def test_the_targets_hold_on_whatever_was_found_once() -> None:
    for target, path in FOUND:
        fuzz_targets.TARGETS[target](path.read_bytes())


PIECES = st.sampled_from([b"\n", b":", b",", b" ", b"{", b"}", b'"', b"[", b"]", b"\x00", b"\xff", b"\r"])
WORDS = st.sampled_from(
    [
        piece
        for seeds in fuzz_targets.SEEDS.values()
        for seed in seeds
        for piece in seed.replace(b",", b"\n").split(b"\n")
    ]
)


@settings(max_examples=1500 * scale())
@given(parts=st.lists(st.one_of(WORDS, PIECES, st.binary(max_size=12)), max_size=12))
def test_the_targets_hold_on_anything(parts: list[bytes]) -> None:
    for target in fuzz_targets.TARGETS.values():
        target(b"".join(parts))
        target(b"\n".join(parts))


@pytest.mark.parametrize(
    "spoilt",
    [
        OURS[:2],
        (*OURS, (b"authorization", b"Bearer of-the-caller")),
        (*OURS, (b"X_Tenant_ID", b"9")),
        (*OURS, (b"x-tenant-id", b"9")),
        (*OURS, (b"Connection", b"close")),
        (*OURS, (b"Transfer-Encoding", b"chunked")),
        (*OURS, (b"Content-Length", b"1"), (b"Content-Length", b"2")),
        (*OURS, (b"X", b"a\r\nX-Tenant-ID: 9")),
        (*OURS, (b"X-Named", b"by the caller's Connection")),
    ],
)
def test_fields_that_must_not_go_to_finhub_are_found(spoilt: fuzz_targets.Fields) -> None:
    sent = ((b"Content-Length", b"1"), (b"Content-Length", b"2"), (b"Connection", b"x-named"))
    with pytest.raises(AssertionError):
        fuzz_targets.check_forwarded(spoilt, sent)
    fuzz_targets.check_forwarded(OURS, sent)
