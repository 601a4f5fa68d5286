from __future__ import annotations

import pytest

from sidecar.config.refs import EnvRef
from sidecar.errors import SecretError
from sidecar.secret import env


def test_the_whole_value_is_the_secret() -> None:
    assert env.read(EnvRef("NAME"), {"NAME": " pässword\n"}).reveal() == " pässword\n"


def test_an_unset_variable_is_named_with_what_to_do() -> None:
    with pytest.raises(SecretError, match="the variable NAME is not set") as caught:
        env.read(EnvRef("NAME"), {"OTHER": "x"})
    assert caught.value.remedy == "Set NAME in the environment of the sidecar."


@pytest.mark.parametrize("value", ["", "hunter2\udce9", "hunter2\0"])
def test_what_is_no_secret_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(SecretError, match="the variable NAME") as caught:
        env.read(EnvRef("NAME"), {"NAME": value})
    assert "hunter2" not in caught.value.detail + caught.value.remedy
