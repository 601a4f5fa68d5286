"""`finhub-sidecar certs inspect | csr | dev`: judge a client certificate, ask for one, make some for the emulator."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidecar.cli.exits import DONE, IDENTITY
from sidecar.errors import ConfigError, IdentityError
from sidecar.observe.plain import plain
from sidecar.redact import redact

if TYPE_CHECKING:
    from sidecar.redact import Secret

_CUSTOMER: Final = "8812345"  # the emulator's own account
_KINDS: Final = ("rsa:2048", "rsa:3072", "rsa:4096", "ec:p256", "ec:p384")
_DEFAULT_KIND: Final = "rsa:3072"
_LONGEST_NAME: Final = 64  # X.520, ub-organization-name and its like


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the three commands of `certs`; the chosen one is called as `args.run(args)`."""
    commands = command.add_subparsers(required=True, metavar="inspect | csr | dev")
    inspect = commands.add_parser("inspect", help="what a certificate is, and whether FinHub would take it")
    inspect.description = "Exit code 0: FinHub would take it; 3: it would not, or the files cannot be used."
    inspect.add_argument("files", nargs="+", metavar="FILE", help="PEM or PKCS#12: certificate, key, chain")
    _add_password(inspect, "a file with the password of the key or of the PKCS#12 file")
    inspect.add_argument("--json", action="store_true", help="tell it as one JSON object")
    inspect.set_defaults(run=_inspect)
    csr = commands.add_parser("csr", help="a new key, and the request for its certificate")
    csr.add_argument(
        "--organization", type=_name, required=True, metavar="O", help="the subject's organization, as FinHub knows it"
    )
    csr.add_argument("--common-name", type=_name, required=True, metavar="CN", help="the subject's name")
    csr.add_argument("--unit", type=_name, metavar="OU", help="the subject's unit")
    csr.add_argument("--country", metavar="C", help="the subject's country: two letters")
    csr.add_argument("--kind", choices=_KINDS, default=_DEFAULT_KIND, help="of the key; default: %(default)s")
    csr.add_argument("--key", type=Path, default=Path("client.key"), metavar="FILE", help="default: %(default)s")
    csr.add_argument("--out", type=Path, default=Path("client.csr"), metavar="FILE", help="default: %(default)s")
    _add_password(csr, "a file with a password that shall seal the key")
    csr.set_defaults(run=_csr)
    dev = commands.add_parser("dev", help="an authority, a server and a client for the emulator")
    dev.add_argument("--dir", type=Path, required=True, metavar="DIR", help="the folder to put them in")
    dev.add_argument(
        "--organization", type=_name, default=_CUSTOMER, metavar="O", help="the client's; default: %(default)s"
    )
    dev.set_defaults(run=_dev)


def _name(text: str) -> str:
    if not (text.strip() == text and text.isprintable() and 1 <= len(text) <= _LONGEST_NAME):
        raise argparse.ArgumentTypeError(f"1 to {_LONGEST_NAME} printable characters, no blanks around them")
    return text


def _add_password(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("--password-file", metavar="FILE", help=what)


# ── inspect ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _inspect(args: argparse.Namespace) -> int:
    from sidecar.cli import inspected  # noqa: PLC0415  # `--help` and other commands need not wait for it
    from sidecar.tls.inspection import inspect  # noqa: PLC0415  # as above

    now = datetime.now(UTC)
    found = inspect({name: _content(name) for name in args.files}, _password(args), now)
    print(redact(inspected.as_json(found, now) if args.json else inspected.as_text(found, now)))
    return IDENTITY if found.refusals else DONE


def _content(name: str) -> bytes:
    from sidecar.tls.files import IDENTITY_LIMIT  # noqa: PLC0415  # as above

    try:
        with Path(name).open("rb") as file:
            content = file.read(IDENTITY_LIMIT + 1)
    except OSError as error:
        raise IdentityError(f"{name} cannot be read: {error.strerror}", remedy="Name a file that exists.") from None
    if len(content) > IDENTITY_LIMIT:
        raise IdentityError(f"{name} is larger than 1 MiB", remedy="Name the file of a certificate or a key.")
    return content


def _password(args: argparse.Namespace) -> Secret | None:
    if args.password_file is None:
        return None
    from sidecar import secret  # noqa: PLC0415  # as above
    from sidecar.config.refs import FileRef  # noqa: PLC0415  # as above

    return secret.read(FileRef(args.password_file), {})


# ── csr, dev ────────────────────────────────────────────────────────────────────────────────────────────────────


def _csr(args: argparse.Namespace) -> int:
    from sidecar.cli import new_files  # noqa: PLC0415  # as above
    from sidecar.tls.request import ask  # noqa: PLC0415  # as above

    if args.key == args.out:
        raise ConfigError(f"{args.key} cannot be both the key and the request", remedy="Give another --key or --out.")
    subject = {
        "country": args.country,
        "organization": args.organization,
        "unit": args.unit,
        "common_name": args.common_name,
    }
    asked = ask(args.kind, subject, _password(args))
    new_files.write({args.key: asked.key_pem, args.out: asked.request_pem})
    print(plain(f"✓ {args.key} is the key: nobody but you may read it, and it never leaves this machine"))
    print(plain(f"✓ {args.out} is the request: send it to FinHub, and look at what comes back with"))
    print(plain(f"  finhub-sidecar certs inspect CERTIFICATE {args.key}"))
    return DONE


def _dev(args: argparse.Namespace) -> int:
    from sidecar.cli import new_files  # noqa: PLC0415  # as above
    from sidecar.emulator import pairs  # noqa: PLC0415  # as above
    from sidecar.emulator.certificates import generate  # noqa: PLC0415  # as above

    try:
        args.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{args.dir} cannot be made: {error.strerror}", remedy="Choose another --dir.") from None
    made = generate(args.organization, datetime.now(UTC))
    new_files.write({args.dir / name: content for name, content in pairs.folder(made).items()})
    print(plain(f"✓ {args.dir} holds an authority, a server and a client, for 90 days and for tests alone"))
    print(plain(f"  finhub-sidecar emulator --certs {args.dir}"))
    return DONE
