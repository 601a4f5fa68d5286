from __future__ import annotations

import pytest
from rawcaller import request

from sidecar.gateway.heads import LONGEST, MOST, Heads
from sidecar.gateway.upstream import SAFE_METHODS

FIELDS = ((b"Host", b"localhost"),)
GET = request(b"GET", b"/a?b=%2f")


def test_a_head_is_recalled_for_another_target_and_method() -> None:
    heads = Heads(100)
    known = heads.learn(GET, FIELDS, last=True)
    assert known is not None
    assert (known.fields, known.last) == (FIELDS, True)
    assert heads.recall(GET) == (b"GET /a?b=%2f HTTP/1.1", "GET", "/a?b=%2f", known)
    assert heads.recall(request(b"HEAD", b"/c")) == (b"HEAD /c HTTP/1.1", "HEAD", "/c", known)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n" + GET,
        GET[:-1],
        GET + b"x",
        GET + GET,
        GET.replace(b"Host", b"host"),
        GET.replace(b"localhost", b"localhosT"),
        request(b"GET", b"/a", b"X-A: b"),
        request(b"POST", b"/a"),
        request(b"get", b"/a"),
        request(b"GET", b"/a", version=b"1.0"),
        request(b"GET", b"/a#b"),
        request(b"GET", b"/a b"),
        request(b"GET", b"/caf\xe9"),
        request(b"GET", b"/a\x7f"),
        request(b"GET", b"/a\x00"),
        request(b"GET", b"*"),
        request(b"GET", b"http://localhost/a"),
        request(b"GET", b"/" + b"a" * 100),
        GET.replace(b"GET ", b"GET  "),
        GET.replace(b" HTTP", b"  HTTP"),
        GET.replace(b"\r\nHost", b"\nHost"),
    ],
)
def test_whatever_is_not_such_a_request_to_the_byte_is_not_recalled(data: bytes) -> None:
    heads = Heads(100)
    heads.learn(GET, FIELDS, last=False)
    assert heads.recall(data) is None


@pytest.mark.parametrize(
    "data",
    [
        GET + GET,
        GET + b"x",
        request(b"POST", b"/a"),
        request(b"GET", b"/a", version=b"1.0"),
        request(b"GET", b"/a", b"X-A: " + b"a" * LONGEST),
        b"GET /a HTTP/1.1\nHost: localhost\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: localhost\n\n",
    ],
)
def test_what_could_not_be_recalled_is_not_remembered(data: bytes) -> None:
    heads = Heads(100)
    assert heads.learn(data, FIELDS, last=False) is None
    assert heads.recall(data) is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"])
def test_only_what_changes_nothing_is_recalled(method: str) -> None:
    heads = Heads(100)
    heads.learn(GET, FIELDS, last=False)
    recalled = heads.recall(request(method.encode(), b"/a"))
    assert (recalled is not None) is (method in SAFE_METHODS)


def test_what_is_learned_again_stays_what_it_was() -> None:
    heads = Heads(100)
    assert heads.learn(GET, FIELDS, last=False) is heads.learn(GET, FIELDS, last=False)


def test_of_too_many_heads_the_oldest_is_forgotten() -> None:
    heads = Heads(100)
    several = [request(b"GET", b"/", b"X-A: %d" % number) for number in range(MOST + 1)]
    for one in several:
        heads.learn(one, FIELDS, last=False)
    assert [heads.recall(one) is None for one in several] == [True] + [False] * MOST
