"""Where sessions are kept: every text that means something, and what is said of the others."""

from __future__ import annotations

import pytest

from sidecar.config import storing
from sidecar.config.problems import Unfit
from sidecar.config.storing import Place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("memory", Place(kind="memory")),
        ("file:/var/lib/x/session", Place(kind="file", path="/var/lib/x/session")),
        ("redis://cache", Place(kind="redis", nodes=(("cache", 6379),))),
        ("redis://cache/", Place(kind="redis", nodes=(("cache", 6379),))),
        ("redis://10.0.0.1:7000/3", Place(kind="redis", nodes=(("10.0.0.1", 7000),), db=3)),
        ("rediss://[::1]:7000", Place(kind="redis", nodes=(("::1", 7000),), tls=True)),
        (
            "redis+sentinel://a,b:7000/mymaster",
            Place(kind="sentinel", nodes=(("a", 26379), ("b", 7000)), service="mymaster"),
        ),
        (
            "rediss+sentinel://a/my-master/2",
            Place(kind="sentinel", nodes=(("a", 26379),), service="my-master", db=2, tls=True),
        ),
        ("rediss+cluster://a:7000,b/", Place(kind="cluster", nodes=(("a", 7000), ("b", 6379)), tls=True)),
    ],
)
def test_a_place_is_read(text: str, place: Place) -> None:
    assert storing.store(text) == text
    assert storing.place(text) == place
    assert place.is_shared is (text != "memory")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Memory",
        "file:",
        "redis:",
        "redis://",
        "redis://a:0",
        "redis://a:70000",
        "redis://a,b",
        "redis://a/x",
        "redis://a/1/2",
        "redis://a?db=1",
        "redis://a#1",
        "redis://:hunter2@a",
        "redis://user:hunter2@a/0",
        "redis+sentinel://a",
        "redis+sentinel://a/",
        "redis+sentinel:///master",
        "redis+cluster://a/1",
        "redis+cluster://a,,b",
        "redis+other://a",
        "unix:///run/redis.sock",
        "http://a",
        "file:a\nb",
        7,
        None,
        ["memory"],
    ],
)
def test_anything_else_is_refused_and_no_secret_in_it_repeated(text: object) -> None:
    with pytest.raises(Unfit) as caught:
        storing.store(text)
    assert "hunter2" not in f"{caught.value} {caught.value.found}"


@pytest.mark.parametrize("text", ["finhub-sidecar", "a:b_c.d-1"])
def test_a_prefix_is_plain(text: str) -> None:
    assert storing.prefix(text) == text


@pytest.mark.parametrize("text", ["", "a b", "{tag}", "a*", "x" * 101, 7])
def test_a_prefix_that_could_mean_more_is_refused(text: object) -> None:
    with pytest.raises(Unfit):
        storing.prefix(text)


@pytest.mark.parametrize("seconds", [1, 5.0, 60])
def test_a_lease_is_a_few_seconds(seconds: float) -> None:
    assert storing.lease(seconds) == float(seconds)


@pytest.mark.parametrize("seconds", [0, 0.5, 61, True, "5", None])
def test_a_lease_that_nobody_could_keep_or_wait_for_is_refused(seconds: object) -> None:
    with pytest.raises(Unfit):
        storing.lease(seconds)
