"""A running sidecar, asked over its admin listener: bounded in time and size, and never through a proxy.

Thin: a socket, and the standard library's reader of replies.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import json
import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sidecar.config.addresses import ADDRESS_FORM, Address, address
from sidecar.config.problems import Unfit
from sidecar.errors import ConfigError, ControlRefused, SidecarUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT: Final = "127.0.0.1:9901"

PATIENCE: Final = 5.0
"""Seconds for one question and its answer."""

_LARGEST: Final = 4 * 2**20
_PIECE: Final = 2**16
_OK: Final = 200
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # not to listen on: where such a listener is reached
_NOT_OURS: Final = "Name the sidecar's admin address with --admin: another program listens at this one."


@dataclass(frozen=True, slots=True)
class Reply:
    """What the admin listener answered."""

    status: int
    text: str

    @property
    def good(self) -> bool:
        """Whether it is a 200."""
        return self.status == _OK

    def json(self) -> dict[str, Any]:
        """Return the body of a 200.

        Raises:
            ControlRefused: it is another status; in the words of the one that refused.
            SidecarUnreachable: this is no sidecar's reply.
        """
        try:
            members = json.loads(self.text)
        except (ValueError, RecursionError):
            members = None
        if not isinstance(members, dict):
            raise SidecarUnreachable(f"a reply {self.status} that is not a sidecar's", remedy=_NOT_OURS)
        if not self.good:
            raise ControlRefused(str(members.get("detail")), remedy=str(members.get("remedy")))
        return members


def add_address(command: argparse.ArgumentParser) -> None:
    """Let the command line say which sidecar is meant; `address_of` reads it."""
    which = command.add_mutually_exclusive_group()
    which.add_argument(
        "--admin",
        type=_address,
        default=None,
        metavar="ADDRESS",
        help=f"the sidecar's admin.address: HOST:PORT or unix:/PATH (FINHUB_ADMIN__ADDRESS, else {DEFAULT})",
    )
    which.add_argument("--config", metavar="FILE", help="the sidecar's TOML file, which names it; no secret is read")


def address_of(options: argparse.Namespace) -> Address:
    """Return the address that was chosen; ConfigError where that cannot be told from here."""
    if options.config is not None:
        from sidecar.config.load import load  # noqa: PLC0415  # only this way of naming it needs it

        named = load(options.config, os.environ).admin.address
    elif options.admin is not None:
        named = options.admin
    else:
        named = _from_environment()
    if named.kind == "tcp" and named.port == 0:
        remedy = "Give it with --admin: the sidecar logs the one that it has taken, as `admin` under `listening`."
        raise ConfigError(f"admin.address {named}: the port is chosen by the system", remedy=remedy)
    return named


def ask(where: Address, method: str, target: str, *, within: float = PATIENCE) -> Reply:
    """Return the reply to one request over a connection of its own, all of it within so many seconds.

    Raises:
        SidecarUnreachable: nobody listens there, it took too long, or what answered does not speak HTTP.
    """
    try:
        heard = _exchange(where, f"{method} {target}", time.monotonic() + within)
    except OSError as error:
        raise SidecarUnreachable(f"admin listener {where}: {_why(error, within)}") from None
    return _parsed(heard, where)


@contextlib.contextmanager
def watched(where: Address) -> Iterator[Callable[[], bool]]:
    """Yield what tells whether the sidecar that listens there now still does; SidecarUnreachable where none does.

    Over one connection: another would be its successor's, or have a service manager that keeps the socket start one.
    """
    try:
        plug = _dialled(where, time.monotonic() + PATIENCE)
        with plug as line:
            yield lambda: _answers(line)
    except OSError as error:
        raise SidecarUnreachable(f"admin listener {where}: {_why(error, PATIENCE)}") from None


def _answers(line: socket.socket) -> bool:
    try:
        line.settimeout(PATIENCE)
        line.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return bool(line.recv(_PIECE))
    except TimeoutError:  # busy, and there
        return True
    except OSError:
        return False


# ── which one ───────────────────────────────────────────────────────────────────────────────────────────────────


def _address(text: str) -> Address:
    try:
        return address(text)
    except Unfit:
        raise argparse.ArgumentTypeError(f"{text!r} is not {ADDRESS_FORM}") from None


def _from_environment() -> Address:
    text = os.environ.get("FINHUB_ADMIN__ADDRESS", DEFAULT)
    try:
        return address(text)
    except Unfit:
        raise ConfigError(f"FINHUB_ADMIN__ADDRESS: found {text!r}, expected {ADDRESS_FORM}") from None


# ── one exchange ────────────────────────────────────────────────────────────────────────────────────────────────


def _exchange(where: Address, line: str, deadline: float) -> bytes:
    host = _host(where) or "localhost"
    authority = f"[{host}]" if ":" in host else host
    head = f"{line} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with _dialled(where, deadline) as plug:
        plug.sendall(head.encode())
        return b"".join(_pieces(plug, deadline))


def _host(where: Address) -> str:
    """Return the host to call, "" for a Unix socket: who listens on every address is called on loopback."""
    return _ANY.get(where.host, where.host)


@contextlib.contextmanager
def _dialled(where: Address, deadline: float) -> Iterator[socket.socket]:
    if where.kind == "tcp":
        with socket.create_connection((_host(where), where.port), timeout=_left(deadline)) as plug:
            yield plug
        return
    with socket.socket(socket.AF_UNIX) as plug:
        plug.settimeout(_left(deadline))
        plug.connect(where.path)
        yield plug


def _pieces(plug: socket.socket, deadline: float) -> Iterator[bytes]:
    """Yield what comes until the other side has said all, and no more than is read of anybody."""
    left = _LARGEST
    while left > 0:
        plug.settimeout(_left(deadline))
        piece = plug.recv(min(_PIECE, left))
        if not piece:
            return
        left -= len(piece)
        yield piece


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _parsed(heard: bytes, where: Address) -> Reply:
    reply = http.client.HTTPResponse(_Heard(heard))  # type: ignore[arg-type]  # all it asks of a socket is `makefile`
    try:
        reply.begin()
        return Reply(reply.status, reply.read().decode())
    except (http.client.HTTPException, ValueError):
        raise SidecarUnreachable(f"admin listener {where}: no whole reply in HTTP", remedy=_NOT_OURS) from None


class _Heard:
    """What was heard already, in the place of the connection that it came over."""

    def __init__(self, heard: bytes) -> None:
        self._heard = heard

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._heard)


def _why(error: OSError, within: float) -> str:
    """Return the reason without the address; a resolver's has its own codes, and a time-out none."""
    if isinstance(error, TimeoutError):
        return f"no answer within {within:g} s"
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)
