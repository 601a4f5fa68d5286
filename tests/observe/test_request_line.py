from __future__ import annotations

import dataclasses
import json
from typing import Any

import structlog
import told
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.events import Forwarded
from sidecar.observe.request_line import request_line, start_of
from sidecar.redact import is_secret_key

STAMP = "2026-01-02T03:04:05.000006Z"
SECONDS = st.floats(allow_nan=False, allow_infinity=False) | st.floats(0, 100) | st.integers(0, 9)
NUMBERS = st.integers(0, 10**12)
TEXTS = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(["", "/a", '"\\\n\x7f\x1b\u2028\udce9'])
EVENTS = st.builds(
    Forwarded,
    request_id=st.uuids(version=4).map(str),
    method=TEXTS,
    path=TEXTS,
    status=NUMBERS,
    upstream_status=NUMBERS,
    source=st.sampled_from(["upstream", "sidecar"]),
    reason=TEXTS,
    rule=TEXTS,
    duration=SECONDS,
    upstream_duration=SECONDS,
    received=NUMBERS,
    sent=NUMBERS,
    attempts=NUMBERS,
    replay=TEXTS,
    outcome=st.sampled_from(["complete", "aborted", "caller_left", "caller_stalled"]),
    session_wait=st.none() | SECONDS,
)
AUDITED_ALONE = ("tenant", "fingerprint", "peer", "uid")
PLAIN = dataclasses.replace(told.PLAIN, duration=1e-07, upstream_duration=12345678.1234567)


def rendered(event: Forwarded) -> str:
    """Return what the general renderer makes of it."""
    members: dict[str, Any] = {"event": "request", "level": "info"}
    for name, value in dataclasses.asdict(event).items():
        if value not in ("", None) and name not in AUDITED_ALONE:
            members[name] = round(value, 6) if isinstance(value, float) else value
    return f"{structlog.processors.JSONRenderer()(None, 'info', members | {'timestamp': STAMP})}\n"


@given(EVENTS)
@example(PLAIN)
@example(dataclasses.replace(PLAIN, method="", path="", reason="r", rule="r", replay="r", attempts=0, session_wait=0.1))
def test_a_line_is_the_one_that_the_general_renderer_makes(event: Forwarded) -> None:
    line = request_line(start_of("request", "info"), event, STAMP)
    assert line == rendered(event)
    assert json.loads(line)["path" if event.path else "timestamp"] == (event.path or STAMP)


def test_no_member_of_a_request_is_one_that_must_be_hidden() -> None:
    assert [field.name for field in dataclasses.fields(Forwarded) if is_secret_key(field.name)] == []
