"""Where a secret is: a reference that names the place and never holds the text.

Pure. `sidecar.secret.read` turns one into a `Secret`, as late as possible.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sidecar.config.problems import Unfit, type_name

TIMEOUT: Final = 10.0  # seconds that a command may take
LONGEST_TIMEOUT: Final = 60.0  # the end of the program waits for a command that runs
CACHE: Final = 300.0  # seconds after which a command is run again
LONGEST_CACHE: Final = 86400.0
MOST_WORDS: Final = 64

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# systemd.exec(5), SetCredential: an ID is a file's name.
_CREDENTIAL: Final = re.compile(r"[A-Za-z0-9_.@:+-]{1,255}", re.ASCII)
_FORM: Final = '{ env = "NAME" }, { file = "PATH" }, { credential = "NAME" }, { keyring = "SERVICE/USER" }'
_COMMAND_FORM: Final = '{ command = ["PROGRAM", "WORD", ...] }'
_ANY_FORM: Final = f"{_FORM} or {_COMMAND_FORM}"


@dataclass(frozen=True, slots=True)
class EnvRef:
    """The secret is the value of the environment variable `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class FileRef:
    """The secret is the content of the file at `path`, less one trailing newline."""

    path: str


@dataclass(frozen=True, slots=True)
class CredentialRef:
    """The secret is the credential `name` that the service manager passes in, less one trailing newline."""

    name: str


@dataclass(frozen=True, slots=True)
class KeyringRef:
    """The secret is what this machine's keyring holds for `service` and `user`."""

    service: str
    user: str


@dataclass(frozen=True, slots=True)
class CommandRef:
    """The secret is what the program `words[0]` with the other `words` writes, less one trailing newline.

    Attributes:
        timeout: seconds that it may take.
        cache: seconds for which what it wrote is used without asking again; 0: not at all.
    """

    words: tuple[str, ...]
    timeout: float = TIMEOUT
    cache: float = CACHE


SecretRef = EnvRef | FileRef | CredentialRef | KeyringRef | CommandRef


def reference(value: object) -> SecretRef:
    """Return the reference that a table of one of the five forms means.

    A bare string is refused and never repeated: it is the secret itself, as a rule.
    """
    if isinstance(value, SecretRef):
        return value
    if not isinstance(value, Mapping):
        found = "a bare string" if isinstance(value, str) else type_name(value)
        raise Unfit(_ANY_FORM, found=found)
    kinds = [kind for kind in _PLACES if kind in value]
    if len(kinds) != 1:
        raise Unfit(_ANY_FORM, found="a table with several places" if kinds else "a table with other keys")
    return _PLACES[kinds[0]](value)


def table(ref: SecretRef) -> dict[str, object]:
    """Return the table that means `ref`: what `reference` reads."""
    match ref:
        case EnvRef(name):
            return {"env": name}
        case FileRef(path):
            return {"file": path}
        case CredentialRef(name):
            return {"credential": name}
        case KeyringRef(service, user):
            return {"keyring": f"{service}/{user}"}
    return {"command": list(ref.words), "timeout": ref.timeout, "cache": ref.cache}


# ── one place each ──────────────────────────────────────────────────────────────────────────────────────────────


def _env(value: Mapping[str, object]) -> EnvRef:
    return EnvRef(_text(value, "env", _is_variable, '{ env = "NAME" }, the name of a variable'))


def _file(value: Mapping[str, object]) -> FileRef:
    return FileRef(_text(value, "file", _is_printable, '{ file = "PATH" }, the path of a file'))


def _credential(value: Mapping[str, object]) -> CredentialRef:
    form = '{ credential = "NAME" }, what LoadCredential= calls it'
    return CredentialRef(_text(value, "credential", _is_credential, form))


def _keyring(value: Mapping[str, object]) -> KeyringRef:
    form = '{ keyring = "SERVICE/USER" }, as `finhub-sidecar login` prints it'
    # The last slash divides: services are often URLs, users hardly ever have one.
    service, _, user = _text(value, "keyring", _is_entry, form).rpartition("/")
    return KeyringRef(service, user)


def _command(value: Mapping[str, object]) -> CommandRef:
    _only(value, "command", "timeout", "cache", form=_COMMAND_FORM)
    words = value["command"]
    if not isinstance(words, (list, tuple)) or not 1 <= len(words) <= MOST_WORDS or not all(map(_is_word, words)):
        raise Unfit(
            f"{_COMMAND_FORM}: a list of 1 to {MOST_WORDS} words, no shell", found="something else than a command"
        )
    if not words[0]:
        raise Unfit(f"{_COMMAND_FORM}: a program first", found="a command without a program")
    return CommandRef(
        tuple(words),
        timeout=_seconds(value.get("timeout", TIMEOUT), "timeout", 0.1, LONGEST_TIMEOUT),
        cache=_seconds(value.get("cache", CACHE), "cache", 0, LONGEST_CACHE),
    )


_PLACES: Final[Mapping[str, Callable[[Mapping[str, object]], SecretRef]]] = {
    "env": _env,
    "file": _file,
    "credential": _credential,
    "keyring": _keyring,
    "command": _command,
}


def _text(value: Mapping[str, object], key: str, fits: Callable[[str], bool], form: str) -> str:
    _only(value, key, form=form)
    text = value[key]
    if not isinstance(text, str) or not fits(text):
        raise Unfit(form, found=f"a {key} reference that names none")
    return text


def _only(value: Mapping[str, object], *allowed: str, form: str) -> None:
    if not value.keys() <= set(allowed):
        raise Unfit(form, found="a table with other keys")


def _seconds(value: object, name: str, least: float, most: float) -> float:
    expected = f"{name}: seconds from {least:g} to {most:g}"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Unfit(expected, found="a command with a time that is none")
    if not least <= value <= most:
        raise Unfit(expected, found=f"{value:g}")
    return float(value)


def _is_variable(text: str) -> bool:
    return _VARIABLE.fullmatch(text) is not None


def _is_printable(text: str) -> bool:
    return bool(text) and text.isprintable()


def _is_credential(text: str) -> bool:
    return _CREDENTIAL.fullmatch(text) is not None and text not in {".", ".."}


def _is_entry(text: str) -> bool:
    service, _, user = text.rpartition("/")
    return bool(service and user) and text.isprintable()


def _is_word(word: object) -> bool:
    return isinstance(word, str) and "\0" not in word


KINDS: Final = tuple(_PLACES)
"""The keys of which a reference has one."""
