from __future__ import annotations

import io

import pytest
from trails import text_of, trail

from sidecar.audit.chain import End
from sidecar.audit.stream import StreamSink

LINES = trail(5)


class Stuck(io.RawIOBase):
    """A stream that takes nothing for a while."""

    def __init__(self) -> None:
        self.taken = b""
        self.is_full = False

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.taken += bytes(data)  # type: ignore[call-overload]  # a memoryview
        return len(bytes(data))  # type: ignore[call-overload]  # as above


def test_a_stream_gets_whole_lines_and_has_no_past() -> None:
    stream = io.BytesIO()
    sink = StreamSink(stream)
    assert sink.write(text_of(LINES)) == len(text_of(LINES))
    sink.sync(hard=True)
    sink.close()
    assert stream.getvalue() == text_of(LINES)
    assert (sink.name, sink.end, sink.torn, sink.size, sink.surplus(1)) == ("-", End(), None, 0, ([], End()))


def test_a_line_that_a_full_stream_has_taken_is_written_once() -> None:
    raw = Stuck()
    sink = StreamSink(io.BufferedWriter(raw, 1024))
    raw.is_full = True
    taken = sink.write(text_of(LINES))
    assert 0 < taken < len(text_of(LINES))
    with pytest.raises(OSError, match="No space left"):
        sink.write(text_of(LINES)[taken:])
    with pytest.raises(OSError, match="No space left"):
        sink.sync(hard=False)
    raw.is_full = False
    sink.write(text_of(LINES)[taken:])
    sink.sync(hard=False)
    assert raw.taken == text_of(LINES)


def test_a_closed_stream_is_a_failure_like_any_other() -> None:
    stream = io.BytesIO()
    stream.close()
    sink = StreamSink(stream)
    for action in (lambda: sink.write(LINES[0]), lambda: sink.sync(hard=True)):
        with pytest.raises(OSError, match="closed"):
            action()


def test_a_stream_has_no_other_file() -> None:
    sink = StreamSink(io.BytesIO())
    sink.remove(["a"])
    with pytest.raises(OSError, match="no other file"):
        sink.rotate()
