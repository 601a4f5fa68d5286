"""`finhub-sidecar login`: puts a secret into this machine's keyring, and tells the reference to write.

The secret comes from a terminal, without echo, or from stdin; never from the command line, and it is never printed.
"""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING, Final

from sidecar.cli.exits import DONE
from sidecar.config import refs
from sidecar.config.problems import Unfit
from sidecar.errors import ConfigError
from sidecar.observe.plain import plain

if TYPE_CHECKING:
    import argparse

    from sidecar.redact import Secret

_PASSWORD: Final = "credentials.password"  # noqa: S105  # the key's name
_SERVICE: Final = "finhub-sidecar"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the command takes to its parser."""
    command.description = (
        "Store a secret in this machine's keyring. It is asked for without echo, or read from stdin where that is no "
        "terminal; it is never an argument, and never printed."
    )
    command.add_argument("key", nargs="?", default=_PASSWORD, metavar="KEY", help="which secret; default: %(default)s")
    command.add_argument("--config", metavar="FILE", help="store where this file's reference for KEY points")
    command.add_argument("--keyring", metavar="SERVICE/USER", help=f"store there; default: {_SERVICE}/KEY")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Store one secret and tell what refers to it; 0. Raises ConfigError, and SecretError where it cannot be stored."""
    _known(options.key)
    configured = _configured(options.config, options.key)
    ref = _chosen(options, configured)
    value = _given(options.key)

    from sidecar.secret import keychain  # noqa: PLC0415  # `--help` need not wait for it

    keychain.store(ref, value)
    print(plain(f"✓ stored in the keyring as {ref.service}/{ref.user}"))
    if ref == configured:
        print(plain(f"  {options.config} refers to it already."))
    else:
        _tell(options.key, ref)
    return DONE


def _known(key: str) -> None:
    from sidecar.config.catalogue import keys  # noqa: PLC0415  # as above
    from sidecar.config.kinds import Kind  # noqa: PLC0415  # as above

    names = [one.name for one in keys() if one.kind is Kind.SECRET]
    if key not in names:
        raise ConfigError("KEY names no secret of the configuration", remedy=f"Name one of {', '.join(names)}.")


def _configured(path: str | None, key: str) -> refs.SecretRef | None:
    """Return the reference that the configuration at `path` has for `key`, if there is one."""
    if path is None:
        return None
    from sidecar.config.load import load  # noqa: PLC0415  # as above

    section, name = key.split(".")
    found: refs.SecretRef | None = getattr(getattr(load(path, os.environ), section), name)
    return found


def _chosen(options: argparse.Namespace, configured: refs.SecretRef | None) -> refs.KeyringRef:
    if options.keyring is None:
        fallback = refs.KeyringRef(_SERVICE, options.key)
        return configured if isinstance(configured, refs.KeyringRef) else fallback
    try:
        chosen = refs.reference({"keyring": options.keyring})
    except Unfit as error:
        raise ConfigError(f"--keyring names no entry; it takes {error.expected}") from None
    assert isinstance(chosen, refs.KeyringRef)  # noqa: S101  # of such a table
    return chosen


def _given(key: str) -> Secret:
    from sidecar.secret.text import LONGEST, less_one_newline, secret  # noqa: PLC0415  # as above

    if sys.stdin is None:  # `<&-` leaves none
        return secret(b"", "stdin")
    if not sys.stdin.isatty():
        return secret(less_one_newline(sys.stdin.buffer.read(LONGEST + 3)), "stdin")
    try:
        text = getpass.getpass(f"{key} (not shown): ")
    except EOFError:  # Ctrl-D
        print(file=sys.stderr)
        text = ""
    return secret(text.encode("utf-8", "surrogateescape"), "the answer")


def _tell(key: str, ref: refs.KeyringRef) -> None:
    from sidecar.config import toml  # noqa: PLC0415  # as above

    section, name = key.split(".")
    print(f"  → Write into the configuration:\n\n[{section}]\n{toml.line(name, refs.table(ref))}")
