"""What fails is noted, and the run goes on; what is a bug of the bench is not hidden."""

from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.record import Record


@pytest.mark.parametrize("error", [BenchError("no reply"), ConnectionRefusedError("no reply")])
def test_a_failed_measurement_is_noted(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    record = Record()
    with record.attempt("Envoy, 64 callers"):
        raise error
    assert record.troubles == ["Envoy, 64 callers: no reply"]
    assert "Envoy, 64 callers: no reply" in capsys.readouterr().err


def test_a_bug_is_not_noted_but_raised() -> None:
    record = Record()
    with pytest.raises(KeyError), record.attempt("Envoy"):
        raise KeyError
    assert record.troubles == []
