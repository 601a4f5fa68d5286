from __future__ import annotations

from sidecar.emulator.call import shown_pair
from sidecar.emulator.seen import fingerprint


def test_a_field_keeps_every_byte() -> None:
    assert shown_pair(b"X-Odd", b"caf\xe9\xff") == ("X-Odd", "caf\xe9\xff")


def test_a_secret_leaves_a_fingerprint() -> None:
    assert shown_pair(b"authorization", b"Bearer abc") == ("authorization", f"Bearer {fingerprint('abc')}")
