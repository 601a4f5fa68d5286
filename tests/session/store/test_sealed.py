"""Sealing: nothing in the clear, nothing that was moved or altered opens, keys can be changed."""

from __future__ import annotations

import base64

import pytest

from sidecar import errors
from sidecar.redact import Secret
from sidecar.session.store.sealed import NONCE, KeyRing, Unopenable, digest_of, ring

PLAIN = b'{"token":"a-secret-token"}'
ABOUT = b"whose it is"
NONCE_1 = bytes(range(NONCE))
KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in range(3)]


def of(*keys: str) -> KeyRing:
    return ring(Secret("\n".join(keys)))


def test_what_was_sealed_opens_and_shows_nothing_before() -> None:
    sealed = of(KEYS[0]).seal(PLAIN, ABOUT, NONCE_1)
    assert b"secret" not in sealed
    assert ABOUT not in sealed
    plain, key = of(KEYS[0]).open(sealed, ABOUT)
    assert (plain, key.id) == (PLAIN, of(KEYS[0]).keys[0].id)


def test_the_first_key_seals_and_all_open() -> None:
    sealed = of(KEYS[1], KEYS[0]).seal(PLAIN, ABOUT, NONCE_1)
    assert of(KEYS[2], KEYS[1]).open(sealed, ABOUT)[0] == PLAIN
    with pytest.raises(Unopenable, match="another key"):
        of(KEYS[0], KEYS[2]).open(sealed, ABOUT)


def test_an_entry_that_was_moved_does_not_open() -> None:
    sealed = of(KEYS[0]).seal(PLAIN, ABOUT, NONCE_1)
    with pytest.raises(Unopenable, match="belongs to another"):
        of(KEYS[0]).open(sealed, b"somebody else's")


def test_no_byte_can_be_altered_unseen() -> None:
    keys = of(KEYS[0])
    sealed = keys.seal(PLAIN, ABOUT, NONCE_1)
    for place in range(len(sealed)):
        altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(Unopenable):
            keys.open(altered, ABOUT)
    for length in range(len(sealed)):
        with pytest.raises(Unopenable):
            keys.open(sealed[:length], ABOUT)


@pytest.mark.parametrize("text", [b"", b"FHS1", b"FHS2" + bytes(60), b"garbage" * 20])
def test_another_format_is_told_as_such(text: bytes) -> None:
    with pytest.raises(Unopenable, match="another format"):
        of(KEYS[0]).open(text, ABOUT)


def test_a_key_file_takes_lines_blanks_and_empty_ones() -> None:
    assert [key.id for key in of("", f"  {KEYS[0]} ", "", KEYS[1]).keys] == [
        of(KEYS[0]).keys[0].id,
        of(KEYS[1]).keys[0].id,
    ]


@pytest.mark.parametrize("bad", ["hunter2", base64.b64encode(b"short").decode(), base64.b64encode(bytes(33)).decode()])
def test_what_is_no_key_is_refused_by_its_line_and_never_shown(bad: str) -> None:
    with pytest.raises(errors.SecretError, match="line 2 is no key") as caught:
        of(KEYS[0], bad)
    assert bad not in f"{caught.value.detail}{caught.value.remedy}"


@pytest.mark.parametrize("keys", [[""], ["", "  "]])
def test_no_key_at_all_is_refused(keys: list[str]) -> None:
    with pytest.raises(errors.SecretError, match="no key in it"):
        of(*keys)


def test_the_same_key_twice_is_refused() -> None:
    with pytest.raises(errors.SecretError, match="twice"):
        of(KEYS[0], KEYS[0])


def test_a_digest_is_one_keys_and_one_texts() -> None:
    one, other = of(KEYS[0]).keys[0], of(KEYS[1]).keys[0]
    assert one.digest(b"secret") == one.digest(b"secret")
    assert len({one.digest(b"secret"), one.digest(b"other"), other.digest(b"secret")}) == 3
    assert "secret" not in one.digest(b"secret")


def test_a_key_shows_nothing_of_itself() -> None:
    key = of(KEYS[0]).keys[0]
    assert repr(key) == f"Key(id={key.id!r})"


def test_texts_cannot_be_shifted_into_each_other() -> None:
    assert digest_of(["ab", "c"]) != digest_of(["a", "bc"])
    assert digest_of(iter(["ab", "c"])) == digest_of(["ab", "c"])
