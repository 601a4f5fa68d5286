from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sidecar.config.caller_side import Admin, Drain, Listen, Log, Replay
from sidecar.config.section import Faults

if TYPE_CHECKING:
    from sidecar.config.section import Section


def test_the_defaults_are_those_of_the_contract() -> None:
    listen = Listen()
    assert str(listen.address) == "127.0.0.1:8080"
    assert listen.unsafe_listen is False
    assert listen.allowed_hosts == ("localhost", "127.0.0.1", "[::1]")
    assert listen.max_body == 256 * 1024 * 1024
    assert (listen.allowed_origins, listen.allowed_peers, listen.caller_key) == ((), (), None)
    assert (listen.body_timeout, listen.head_timeout, listen.idle_timeout, listen.write_timeout) == (30, 10, 75, 60)
    assert listen.min_rate == 240
    assert (listen.max_target, listen.max_field, listen.max_fields) == (2**14, 2**15, 2**17)
    assert (listen.max_connections, listen.max_requests) == (1024, 512)
    assert (listen.socket_mode, listen.socket_owner, listen.allowed_users) == ("0600", None, ())
    assert listen.allow == ("* /**",)
    assert str(Admin().address) == "127.0.0.1:9901"
    assert (Replay().max_body, Replay().max_total) == (2**20, 2**26)
    assert (Log().format, Log().level) == (None, "info")
    assert (Drain().min, Drain().max) == (0, 25)


def test_a_default_is_what_its_own_text_would_be_read_as() -> None:
    assert Listen.read({"address": "127.0.0.1:8080", "socket_mode": "0600"}) == Listen()
    assert Admin.read({"address": "127.0.0.1:9901"}) == Admin()


@pytest.mark.parametrize(
    ("section", "given"),
    [
        (Listen, {"max_body": 0}),
        (Listen, {"body_timeout": 0}),
        (Listen, {"allow": []}),
        (Listen, {"allowed_peers": ["x"]}),
        (Listen, {"allowed_origins": ["null"]}),
        (Listen, {"allowed_hosts": "localhost"}),
        (Listen, {"min_rate": 0}),
        (Listen, {"head_timeout": 0}),
        (Listen, {"idle_timeout": 0}),
        (Listen, {"write_timeout": 0}),
        (Listen, {"max_target": 0}),
        (Listen, {"max_field": 0}),
        (Listen, {"max_fields": 0}),
        (Listen, {"max_connections": 0}),
        (Listen, {"max_connections": 65_536}),
        (Listen, {"max_requests": 0}),
        (Listen, {"max_requests": 65_536}),
        (Listen, {"socket_mode": 0o660}),
        (Listen, {"socket_mode": "0066"}),
        (Listen, {"socket_owner": "app:"}),
        (Listen, {"socket_owner": ""}),
        (Listen, {"allowed_users": [1000]}),
        (Listen, {"allowed_users": "app"}),
        (Admin, {"address": None}),
        (Replay, {"max_total": -1}),
        (Log, {"level": "INFO"}),
        (Drain, {"max": float("inf")}),
    ],
)
def test_values_without_sense_are_refused(section: type[Section], given: dict[str, Any]) -> None:
    with pytest.raises(Faults):
        section.read(given)
