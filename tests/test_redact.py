"""A secret cannot be printed, and is taken out of every text in every form in which it leaks."""

from __future__ import annotations

import base64
import copy
import gc
import json
import pickle
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.redact import HIDDEN, Secret, births, is_secret_key, living, redact

TEXT = 'p@ss/w+rd "ü'


def test_no_way_of_printing_shows_a_secret() -> None:
    secret = Secret(TEXT)
    shown = f"{secret} {secret!r} {[secret]} {secret!s:>30}"
    assert TEXT not in shown
    assert shown.count("Secret(…)") == 4


def test_only_reveal_gives_the_text() -> None:
    assert Secret(TEXT).reveal() == TEXT


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_cannot_be_pickled_or_copied(leave: object) -> None:
    with pytest.raises(TypeError):
        leave(Secret(TEXT))  # type: ignore[operator]  # each of them is a function of one argument


def test_secrets_of_the_same_text_are_equal_and_others_are_not() -> None:
    assert Secret("one") == Secret("one")
    assert hash(Secret("one")) == hash(Secret("one"))
    assert Secret("one") != Secret("two")
    assert Secret("one") != "one"


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("x")


@pytest.mark.parametrize(
    "form",
    [
        TEXT,
        urllib.parse.quote(TEXT, safe=""),
        urllib.parse.quote_plus(TEXT, safe=""),
        json.dumps(TEXT)[1:-1],
        base64.b64encode(TEXT.encode()).decode(),
        base64.urlsafe_b64encode(TEXT.encode()).decode().rstrip("="),
        repr(TEXT)[1:-1],
    ],
)
def test_every_form_of_a_living_secret_is_taken_out(form: str) -> None:
    secret = Secret(TEXT)
    cleaned = redact(f"before {form} after")
    assert form.rstrip("=") not in cleaned
    assert cleaned.startswith(f"before {HIDDEN}")
    assert secret


def test_a_secret_that_is_gone_is_not_looked_for() -> None:
    secret = Secret("a-forgotten-secret")
    del secret
    gc.collect()
    assert redact("a-forgotten-secret") == "a-forgotten-secret"


def test_of_two_equal_secrets_each_is_looked_for_as_long_as_it_lives() -> None:
    first, second = Secret("the-same-text"), Secret("the-same-text")
    del first
    gc.collect()
    assert redact("the-same-text") == HIDDEN
    assert second


def test_a_text_too_short_to_protect_anything_does_not_blank_out_ordinary_words() -> None:
    secret = Secret("b2b")
    assert redact("account_type b2b") == "account_type b2b"
    assert secret


@given(st.text(min_size=5, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_whatever_stands_around_it_a_secret_does_not_survive(text: str, before: str, after: str) -> None:
    secret = Secret(text)
    cleaned = redact(before + text + after).replace(HIDDEN, "")
    assert text not in cleaned or text in HIDDEN
    assert secret


@pytest.mark.parametrize(
    "name", ["Authorization", "x-api-key", "customerSecret", "PASSWORD", "refreshToken", "Cookie", "X-Sidecar-Key"]
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret_key(name)


@pytest.mark.parametrize("name", ["username", "status", "fingerprint", "tenant", "path"])
def test_ordinary_names_are_not_taken_for_secrets(name: str) -> None:
    assert not is_secret_key(name)


def test_who_keeps_the_living_keeps_them_recognised_and_a_birth_is_counted() -> None:
    before = births()
    secret = Secret("correct-horse")
    assert births() == before + 1
    kept = living()
    assert any(one is secret for one in kept)
    del secret
    gc.collect()
    assert redact("a correct-horse") == f"a {HIDDEN}"
    del kept
    gc.collect()
    assert redact("a correct-horse") == "a correct-horse"
    assert births() == before + 1
