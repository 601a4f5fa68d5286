from __future__ import annotations

import re
import tomllib

import pytest

from sidecar.config.catalogue import keys
from sidecar.config.kinds import Kind
from sidecar.config.load import parse
from sidecar.config.model import ENVIRONMENTS
from sidecar.config.render import value_of
from sidecar.config.sample import sample


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_sample_is_accepted_as_it_is(environment: str) -> None:
    config = parse(sample(environment), {})
    assert config.environment == environment
    assert config.identity.is_given == config.identity_required


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_must_be_filled_in_stands_on_top_and_all_else_is_a_comment(environment: str) -> None:
    text = sample(environment)
    active = [line.partition(" =")[0] for line in text.splitlines() if re.match(r"\w+ = ", line)]
    asked = ["username", "password", "customer_id", "customer_secret", "account_type", "grant_type", "tenant_id"]
    identity = ["certificate_file", "key_file"] if environment == "production" else []
    assert active == ["environment", *asked, *identity]
    assert text.index("[credentials]") < text.index("[identity]") < text.index("[listen]")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_key_is_in_it_under_its_own_table_with_the_default_that_holds(environment: str) -> None:
    text = sample(environment)
    config = parse(text, {})
    everything = tomllib.loads(re.sub(r"(?m)^#(?=\S)", "", text))
    for key in keys():
        if key.kind in {Kind.TABLE, Kind.FIELDS}:
            continue
        table = everything
        for part in key.parts[:-1]:
            table = table[part]
        assert key.parts[-1] in table, key.name
        if key.example is None and key.kind in {Kind.NUMBER, Kind.TEXT, Kind.FLAG, Kind.WHOLE, Kind.ORIGIN}:
            assert table[key.parts[-1]] == value_of(config, key), key.name
    assert everything["fields"].keys() == config.fields.keys()


def test_no_line_is_too_long_to_read() -> None:
    assert max(map(len, sample("production").splitlines())) <= 120


def test_a_default_taken_out_of_its_comment_changes_nothing() -> None:
    text = sample("production")
    config = parse(text, {})
    defaults = [key for key in keys() if key.default is not None and key.example is None]
    for key in defaults:
        uncommented = re.sub(rf"(?m)^#(?={key.parts[-1]} = )", "", text)
        assert parse(uncommented, {}) == config, key.name
