from __future__ import annotations

import pytest

from sidecar.config.inherit import inherit

TOP: dict[str, object] = {
    "credentials": {
        "username": "u",
        "password": {"file": "p"},
        "customer_id": "c",
        "customer_secret": {"file": "cs"},
        "tenant_id": "1",
    },
    "identity": {"certificate_file": "a.crt", "key_file": "a.key", "reload_interval": 5},
    "upstream": {"url": "https://a", "proxy": "http://p:1", "proxy_user": {"file": "pu"}},
    "session": {
        "url": "https://tokens",
        "refresh": {"margin": 5},
        "store": "redis://r:1/0",
        "store_password": {"file": "sp"},
        "store_key": {"file": "sk"},
    },
    "fields": {"X-A": {"value": "a"}},
}


def test_what_a_tenant_leaves_out_is_the_top_levels() -> None:
    assert inherit(TOP, {}) == TOP
    found = inherit(TOP, {"session": {"refresh": {"enabled": False}}, "fields": {"x-a": {"remove": True}}})
    assert isinstance(found["session"], dict)
    assert found["session"]["refresh"] == {"margin": 5, "enabled": False}
    assert found["session"]["url"] == "https://tokens"
    assert found["fields"] == {"x-a": {"remove": True}}


@pytest.mark.parametrize(
    ("own", "section", "left"),
    [
        (
            {"credentials": {"username": "v"}},
            "credentials",
            {"username", "customer_id", "customer_secret", "tenant_id"},
        ),
        ({"credentials": {"customer_id": "d"}}, "credentials", {"username", "password", "customer_id", "tenant_id"}),
        ({"credentials": {"tenant_id": "2"}}, "credentials", set(TOP["credentials"])),  # type: ignore[call-overload]  # a table
        ({"identity": {"pkcs12_file": "b.p12"}}, "identity", {"pkcs12_file", "reload_interval"}),
        ({"identity": {"key_file": "b.key"}}, "identity", {"key_file", "reload_interval"}),
        ({"upstream": {"proxy": "http://q:1"}}, "upstream", {"url", "proxy"}),
        ({"session": {"store": "file:/s"}}, "session", {"url", "refresh", "store", "store_key"}),
    ],
)
def test_what_belongs_together_comes_from_one_place(own: dict[str, object], section: str, left: set[str]) -> None:
    table = inherit(TOP, own)[section]
    assert isinstance(table, dict)
    assert set(table) == left


def test_another_finhub_is_not_asked_for_tokens_at_the_top_levels() -> None:
    without = inherit(TOP, {"upstream": {"url": "https://b"}})["session"]
    assert isinstance(without, dict)
    assert "url" not in without
    assert without["refresh"] == {"margin": 5}
    assert inherit(TOP, {"upstream": {"wait": 1}})["session"] == TOP["session"]
    own = {"upstream": {"url": "https://b"}, "session": {"url": "https://c"}}
    found = inherit(TOP, own)["session"]
    assert isinstance(found, dict)
    assert found["url"] == "https://c"


def test_what_is_no_table_is_left_for_the_checks() -> None:
    assert inherit(TOP, {"identity": 5})["identity"] == 5
