"""`finhub-sidecar demo`: a FinHub and a sidecar on this machine, nothing to configure."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

from sidecar.cli.exits import DONE, FAILED

if TYPE_CHECKING:
    import argparse

    from sidecar.demo.script import Line, Script
    from sidecar.demo.stage import Stage

_LIFETIME: Final = 60.0
_LIFETIME_TO_WATCH: Final = 5.0

_BANNER: Final = """\
A FinHub that demands a login, six header fields and a client certificate: {finhub}
  its control door:  {control}/-/counts
A sidecar that does all that for you:  {url}
  its status:        http://{admin}/status
  its configuration: {folder}/sidecar.toml
Tokens live {lifetime:g} s here; watch the sidecar renew them below. Try, in another terminal:

  curl -s {url}/api/v2.1/wallets/w-1/balance

End with Ctrl-C."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the command takes to its parser."""
    command.description = "Run an emulated FinHub and a sidecar in front of it until Ctrl-C."
    command.add_argument(
        "--check", action="store_true", help="play a scripted caller, print what both sides saw, exit 0 if all holds"
    )
    command.set_defaults(run=run, interrupted=DONE)


def run(options: argparse.Namespace) -> int:
    """Stay up until a signal and return 0; with --check, return 0 or 1 for what was seen."""
    if not options.check:
        return asyncio.run(_stay())
    options.interrupted = FAILED  # nothing was shown to hold
    return asyncio.run(_check())


async def _stay() -> int:
    from sidecar.demo.stage import free_or_any, stage  # noqa: PLC0415  # `--help` need not wait for its imports
    from sidecar.observe.log import Log  # noqa: PLC0415  # as above

    log = Log("console", "info")
    log.adopt_stdlib()
    listen, admin = await free_or_any("127.0.0.1:8080"), await free_or_any("127.0.0.1:9901")
    async with stage(log, token_lifetime=_LIFETIME, listen=listen, admin=admin) as running:
        print(_banner(running), flush=True)
        await running.done
    return DONE


def _banner(running: Stage) -> str:
    return _BANNER.format(
        finhub=running.emulator.url,
        control=running.emulator.admin_url,
        url=running.url,
        admin=running.sidecar.admin,
        folder=running.folder,
        lifetime=_LIFETIME,
    )


async def _check() -> int:
    from sidecar.demo.script import Script  # noqa: PLC0415  # as above
    from sidecar.demo.stage import stage  # noqa: PLC0415  # as above
    from sidecar.observe.log import Log  # noqa: PLC0415  # as above

    log = Log("console", "error")
    log.adopt_stdlib()
    async with stage(log, token_lifetime=_LIFETIME_TO_WATCH, listen="127.0.0.1:0", admin="127.0.0.1:0") as running:
        playing = asyncio.create_task(_play(Script(running, _LIFETIME_TO_WATCH)))
        await asyncio.wait({playing, running.done}, return_when=asyncio.FIRST_COMPLETED)
        playing.cancel()  # does nothing where the script is over; else somebody has ended the sidecar
        (good,) = await asyncio.gather(playing, return_exceptions=True)
        if isinstance(good, Exception):
            raise good
    good = good is True
    print("All of it holds." if good else "Not all of it holds.", file=sys.stdout if good else sys.stderr)
    return DONE if good else FAILED


async def _play(script: Script) -> bool:
    good = True
    async for line in script.lines():
        _show(line)
        good &= line.holds
    return good


def _show(line: Line) -> None:
    print(f"{'✓' if line.holds else '✗'} {line.did}")
    print(f"    the caller saw  {line.caller_saw}")
    print(f"    FinHub saw      {line.finhub_saw}", flush=True)
