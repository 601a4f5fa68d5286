from __future__ import annotations

import sys

import pytest

from sidecar.gateway.socket_table import is_orphan

HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
HERE, THERE = ("127.0.0.1", 0xDDA6), ("127.0.0.1", 0x8851)


def line(local: str, remote: str, inode: int) -> bytes:
    shown = f"   2: {local} {remote} 05 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0000 20\n"
    return HEAD + shown.encode()


def hexed(packed: str) -> str:
    """Return an address, given as on the wire, in the words of this machine."""
    words = [packed[at : at + 8] for at in range(0, len(packed), 8)]
    turned = [bytes.fromhex(word)[::-1].hex().upper() if sys.byteorder == "little" else word for word in words]
    return "".join(turned)


V4 = hexed("7F000001")
MAPPED = hexed("00000000000000000000FFFF7F000001")
V6 = hexed("00000000000000000000000000000001")


@pytest.mark.parametrize("address", [V4, MAPPED])
@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(("inode", "orphan"), [(0, True), (8007, False), (10, False)])
def test_a_socket_that_no_program_holds_has_no_inode(address: str, host: str, inode: int, *, orphan: bool) -> None:
    table = line(f"{address}:DDA6", f"{address}:8851", inode)
    assert is_orphan(table, (host, HERE[1]), (host, THERE[1])) is orphan


def test_a_socket_of_ipv6_is_found() -> None:
    table = line(f"{V6}:DDA6", f"{V6}:8851", 0)
    assert is_orphan(table, ("::1", HERE[1]), ("::1", THERE[1]))


@pytest.mark.parametrize(
    "table",
    [
        b"",
        HEAD,
        line(f"{V4}:8851", f"{V4}:DDA6", 0),
        line(f"{V4}:DDA7", f"{V4}:8851", 0),
        line(f"{V4}:DDA6", f"{hexed('7F000002')}:8851", 0),
        HEAD + f"   2: {V4}:DDA6 {V4}:8851 05 0".encode(),
    ],
)
def test_a_socket_that_is_not_listed_is_taken_to_be_held(table: bytes) -> None:
    assert not is_orphan(table, HERE, THERE)
