"""The comparison itself: what it finds, and what it counts."""

from __future__ import annotations

from agreed import Verdict, counted, differences, verdicts

OK = Verdict("OK", "OK", 1000)
LATE = Verdict("NON-STRICT", "OK", 1002)


def test_a_report_is_read_case_by_case() -> None:
    case = {"behavior": "OK", "behaviorClose": "OK", "duration": 2, "remoteCloseCode": 1000, "reportfile": "a.json"}
    odd = {**case, "behavior": "FAILED", "remoteCloseCode": None}
    assert verdicts({"echo": {"1.1.1": case, "7.9.5": odd}}) == {
        "1.1.1": OK,
        "7.9.5": Verdict("FAILED", "OK", None),
    }


def test_what_ended_otherwise_is_told_and_so_is_what_is_missing() -> None:
    direct = {"1.1.1": OK, "2.10": OK, "2.9": OK}
    ours = {"1.1.1": OK, "2.10": LATE, "3.1": LATE}
    assert list(differences(direct, ours)) == [
        "2.9: OK, OK, 1000 directly, missing through the sidecar",
        "2.10: OK, OK, 1000 directly, NON-STRICT, OK, 1002 through the sidecar",
        "3.1: missing directly, NON-STRICT, OK, 1002 through the sidecar",
    ]


def test_where_all_ended_the_same_there_is_nothing_to_tell_be_it_a_failure() -> None:
    failed = {"1.1.1": Verdict("FAILED", "FAILED", None)}
    assert list(differences(failed, failed)) == []


def test_the_counts_are_those_of_the_behaviours() -> None:
    assert counted({"1": OK, "2": LATE, "3": OK}) == "1 NON-STRICT, 2 OK"
