from __future__ import annotations

from sidecar.guard.seen import methods, watch


def test_watched_fields_are_gathered_by_name_in_order_without_white_space() -> None:
    fields = ((b"HOST", b" a\t"), (b"X-Other", b"1"), (b"host", b"b"), (b"Origin", b""))
    assert watch(fields) == {b"host": [b"a", b"b"], b"origin": [b""]}


def test_the_methods_are_the_requests_own_as_sent_and_every_override() -> None:
    fields = ((b"X-HTTP-Method-Override", b"delete"), (b"X-HTTP-Method", b"PUT"), (b"x-method-override", b"\xe9"))
    assert methods("post", watch(fields)) == ("post", "DELETE", "PUT", "\xc9")
