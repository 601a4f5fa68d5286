"""What wrk printed becomes numbers, or an error that shows it."""

from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.report import Report, parse

TABLE = "Running 2s test @ http://127.0.0.1:1/\n  99%    1.56ms\nRequests/sec:   2344.25\n"
LINE = '{"requests": 4400, "microseconds": 2000000, "p50": 794, "p99": 1564, "failed": 3}\n'


def test_the_last_line_is_the_report() -> None:
    report = parse(TABLE + LINE)
    assert report == Report(4400, 2_000_000, 794, 1564, 3)
    assert report.rate == 2200.0


@pytest.mark.parametrize("output", ["", TABLE, "unable to connect to 127.0.0.1:1 Connection refused\n", '{"p50": 1}'])
def test_an_output_without_a_report_is_shown(output: str) -> None:
    with pytest.raises(BenchError, match="wrk printed no report"):
        parse(output)


def test_a_report_of_no_request_is_none() -> None:
    with pytest.raises(BenchError, match="answered nothing"):
        parse('{"requests": 0, "microseconds": 2000000, "p50": 0, "p99": 0, "failed": 0}')
