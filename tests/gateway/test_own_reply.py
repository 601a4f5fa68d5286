from __future__ import annotations

import email.utils
import time

from sidecar.answer import Answer
from sidecar.gateway.own_reply import fields_of, last_words


def test_a_reply_of_our_own_is_measured_and_dated() -> None:
    told = dict(fields_of(Answer(status=200, fields=(("X-A", "b"),), body=b"four")))
    assert (told[b"X-A"], told[b"Content-Length"]) == (b"b", b"4")
    assert abs(email.utils.parsedate_to_datetime(told[b"Date"].decode()).timestamp() - time.time()) < 5


def test_the_last_words_of_a_connection_say_that_they_are() -> None:
    raw = last_words(Answer(status=400, body=b"no"))
    assert raw.startswith(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nDate: ")
    assert raw.endswith(b" GMT\r\nConnection: close\r\n\r\nno")
