from __future__ import annotations

import pytest

from sidecar.config import rules
from sidecar.config.problems import Unfit


@pytest.mark.parametrize("rule", ["* /**", "GET /", "POST /api/*/x", "M-SEARCH /a%20b/**", "GET /a;b=@:~'()/"])
def test_a_rule_is_a_method_and_a_path(rule: str) -> None:
    assert rules.rule(rule) == rule


def test_a_method_is_kept_in_capitals() -> None:
    assert rules.rule("get /a") == "GET /a"


@pytest.mark.parametrize(
    "rule", ["", "/a", "GET", "GET a", "GET  /a", "GET /a b", "GET /a?b", "GET /a#b", "GET /a*", "GET /***", "**/ /", 3]
)
def test_what_is_no_rule_is_refused(rule: object) -> None:
    with pytest.raises(Unfit):
        rules.rule(rule)


def test_no_rule_at_all_would_refuse_everything() -> None:
    assert rules.some(("* /**",)) == ("* /**",)
    with pytest.raises(Unfit, match="at least one rule"):
        rules.some(())
