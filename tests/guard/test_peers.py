from __future__ import annotations

import ipaddress

import pytest

from sidecar.errors import RequestDenied
from sidecar.guard.peers import AllowedPeers
from sidecar.guard.refusal import rule_of

PEERS = AllowedPeers.build((ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fe80::/10")))


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3", "fe80::1%eth0"])
def test_a_peer_of_one_of_the_networks_is_let_in(peer: str) -> None:
    assert PEERS is not None
    PEERS.admit(peer)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::ffff:11.1.2.3", "::1", "", "nobody", None])
def test_any_other_is_refused_each_time_it_asks(peer: str | None) -> None:
    assert PEERS is not None
    for _ in range(2):
        with pytest.raises(RequestDenied) as refusal:
            PEERS.admit(peer)
        assert rule_of(refusal.value) == "peer"
        assert refusal.value.detail == f"The peer {peer} is not in listen.allowed_peers."
        assert "listen.allowed_peers" in refusal.value.remedy


def test_two_listeners_share_no_memory_of_peers() -> None:
    one, other = (AllowedPeers.build([ipaddress.ip_network(text)]) for text in ("10.0.0.0/8", "11.0.0.0/8"))
    assert one is not None
    assert other is not None
    one.admit("10.0.0.1")
    with pytest.raises(RequestDenied):
        other.admit("10.0.0.1")


def test_no_network_at_all_means_every_peer() -> None:
    assert AllowedPeers.build(()) is None
