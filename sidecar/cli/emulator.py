"""`finhub-sidecar emulator`: a FinHub on this machine alone, until somebody ends it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidecar.config.model import ENVIRONMENTS
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.emulator import Emulator, Settings

_PORT: Final = 8443
_ADMIN_PORT: Final = 8444

_FAULTS: Final = """\
faults: SCOPE:ACTION[,ACTION…][,OPTION…]
  SCOPE   login | refresh | logout | api
  ACTION  status=N[,retry_after=S] | garbage | close | cut=BYTES, and delay=SECONDS with any of them or alone
  OPTION  path=GLOB, times=N, after=N
  for example  --fault login:status=500,times=5  --fault 'api:cut=100,path=/api/bytes/*'
"""

_BANNER: Final = """\
FinHub emulator, environment {environment}
  FinHub        {url}
  control door  {admin_url}/-/counts
  folder        {folder}{fate}
Start the sidecar with
  finhub-sidecar run --config {config}
End with Ctrl-C or SIGTERM."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command; `args.run` is what runs it."""
    parser.epilog = _FAULTS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--port", type=int, default=_PORT, help="FinHub's port, 0 for a free one (%(default)s)")
    parser.add_argument(
        "--admin-port", type=int, default=_ADMIN_PORT, help="the control door's port, 0 for a free one (%(default)s)"
    )
    parser.add_argument(
        "--dir",
        type=Path,
        default=None,
        help="folder for certificates, secrets and sidecar.toml (a fresh temporary one)",
    )
    parser.add_argument(
        "--certs", type=Path, default=None, metavar="DIR", help="what `certs dev` made, instead of fresh certificates"
    )
    parser.add_argument("--environment", choices=ENVIRONMENTS, default="production", help="(%(default)s)")
    parser.add_argument(
        "--token-lifetime", type=float, default=None, metavar="S", help="seconds a token lives (the environment's)"
    )
    parser.add_argument(
        "--fault", type=_fault, action="append", default=[], metavar="SPEC", help="let something go wrong, see below"
    )
    parser.add_argument(
        "--scenario", type=Path, default=None, metavar="FILE", help="let things go wrong when this TOML file says"
    )
    parser.set_defaults(run=run, interrupted=0)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT, then return 0. Raises ConfigError and ListenError."""
    from sidecar.emulator import Settings  # noqa: PLC0415  # `--help` and other commands need not wait for it

    settings = Settings(
        environment=args.environment,
        port=args.port,
        admin_port=args.admin_port,
        token_lifetime=args.token_lifetime,
        faults=tuple(args.fault),
        scenario=_scenario(args.scenario),
    )
    with _folder(args.dir) as folder:
        asyncio.run(_serve(settings, folder, args.certs, temporary=args.dir is None))
    return 0


def _scenario(path: Path | None) -> str:
    """Return the text of the file, "" for none."""
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no UTF-8"
        raise ConfigError(f"{path} cannot be read: {why}", remedy="Name a scenario's file with --scenario.") from None


@contextlib.contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    """Give the wanted folder, else a private one that goes when we go."""
    if wanted is not None:
        yield wanted
        return
    from sidecar.emulator.files import temporary  # noqa: PLC0415  # as above

    with temporary("finhub-emulator-") as fresh:
        yield fresh


async def _serve(settings: Settings, folder: Path, certs: Path | None, *, temporary: bool) -> None:
    from sidecar.emulator import Emulator, pairs  # noqa: PLC0415  # as above

    ended = _until_signalled()
    emulator = Emulator(settings)
    if certs is not None:
        emulator.certificates = await asyncio.to_thread(pairs.read, certs)
    async with emulator:
        config = await emulator.write(folder)
        print(_banner(emulator, config, temporary=temporary), flush=True)
        await ended.wait()


def _until_signalled() -> asyncio.Event:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    return ended


def _banner(emulator: Emulator, config: Path, *, temporary: bool) -> str:
    return _BANNER.format(
        environment=emulator.settings.environment,
        url=emulator.url,
        admin_url=emulator.admin_url,
        folder=config.parent,
        fate=" (removed at the end)" if temporary else "",
        config=config,
    )


def _fault(spec: str) -> str:
    """Return the spec itself once it is known to be one: argparse turns the complaint into exit code 2."""
    from sidecar.emulator.faults import parse  # noqa: PLC0415  # as above

    try:
        parse(spec)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(f"{error.detail}. {error.remedy}") from None
    return spec
