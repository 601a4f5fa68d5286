"""The clients: how each is started, and what its library does not have."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import oldprograms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Start = Callable[[Path, Path], list[str]]  # its program, a folder to build in → the command

PROGRAMS: Final = Path(__file__).parent / "programs"


class Missing(Exception):
    """A program that the client needs is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client. `lacks` says in words why a behaviour cannot be: then it is not asked for.

    `alone` is how many requests it waits for before it makes many at once.
    """

    title: str
    program: str
    start: Start
    lacks: Mapping[str, str] = field(default_factory=dict)
    alone: int = 0

    def command(self, folder: Path) -> list[str]:
        """Return the command that starts it; raises Missing."""
        return self.start(PROGRAMS / self.program, folder)


def found(name: str) -> str:
    """Return where a program is; raises Missing."""
    path = shutil.which(name)
    if path is None:
        raise Missing(f"{name} is not installed")
    return path


def _run_by(name: str, *options: str) -> Start:
    return lambda program, _: [found(name), *options, str(program)]


def _python3(program: Path, _: Path) -> list[str]:
    return [sys.executable, str(program)]


def _python3_with_requests(program: Path, folder: Path) -> list[str]:
    if importlib.util.find_spec("requests") is None:
        raise Missing("requests is not installed")
    return _python3(program, folder)


def _python3_with(tool: str) -> Start:
    def command(program: Path, _: Path) -> list[str]:
        found(tool)
        return [sys.executable, str(program)]

    return command


def _python2() -> str:
    path = oldprograms.python2()
    if path is None:
        raise Missing("python2.7 is not installed")
    return path


def _perl_with(module: str) -> Start:
    def command(program: Path, _: Path) -> list[str]:
        perl = found("perl")
        if subprocess.run([perl, f"-M{module}", "-e", "1"], capture_output=True, check=False, timeout=30).returncode:
            raise Missing(f"Perl's {module} is not installed")
        return [perl, str(program)]

    return command


def _php_with(extension: str) -> Start:
    def command(program: Path, _: Path) -> list[str]:
        php = found("php")
        shown = subprocess.run([php, "-m"], capture_output=True, text=True, check=True, timeout=30).stdout
        if extension not in shown.split():
            raise Missing(f"PHP's {extension} is not installed")
        return [php, str(program)]

    return command


def _mono(program: Path, folder: Path) -> list[str]:
    built = folder / f"{program.stem}.exe"
    command = [found("mcs"), f"-out:{built}", "-r:System.Net.Http", str(program)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return [found("mono"), str(built)]


_JAVA: Final = ("-XX:TieredStopAtLevel=1", "-Xshare:auto")

_NO_CHUNKS: Final = "the library always states a length"
_ALWAYS_CLOSES: Final = "the library closes every connection"
_ONE_TRANSFER: Final = "the program always states a length"

CLIENTS: Final[dict[str, Client]] = {
    "python2-urllib2": Client(
        title="Python 2.7 urllib2",
        program="urllib2.py2",
        start=lambda program, _: [_python2(), str(program)],
        lacks={"chunked": _NO_CHUNKS, "keep-alive": _ALWAYS_CLOSES},
    ),
    "python2-httplib": Client(
        title="Python 2.7 httplib", program="httplib.py2", start=lambda program, _: [_python2(), str(program)]
    ),
    "python3-urllib": Client(
        title="Python 3 urllib.request",
        program="urllib_request.py",
        start=_python3,
        lacks={"keep-alive": _ALWAYS_CLOSES},
    ),
    "python3-requests": Client(title="Python 3 requests", program="requests_session.py", start=_python3_with_requests),
    "java-url-connection": Client(
        title="Java HttpURLConnection", program="UrlConnection.java", start=_run_by("java", *_JAVA)
    ),
    "java-http-client": Client(
        title="Java HttpClient",
        program="HttpClientSend.java",
        start=_run_by("java", *_JAVA),
        lacks={"close": "the library lets nobody set a Connection field"},
    ),
    "node-http": Client(title="Node http", program="http_request.mjs", start=_run_by("node")),
    "node-fetch": Client(
        title="Node fetch",
        program="fetch.mjs",
        start=_run_by("node"),
        lacks={"expect": "the library refuses the field"},
    ),
    "perl-lwp": Client(title="Perl LWP", program="lwp.pl", start=_perl_with("LWP")),
    "perl-http-tiny": Client(title="Perl HTTP::Tiny", program="tiny.pl", start=_perl_with("HTTP::Tiny")),
    "php-streams": Client(
        title="PHP streams",
        program="streams.php",
        start=_run_by("php"),
        lacks={"chunked": _NO_CHUNKS, "keep-alive": _ALWAYS_CLOSES},
    ),
    "php-curl": Client(title="PHP curl", program="curl.php", start=_php_with("curl")),
    "ruby-net-http": Client(title="Ruby Net::HTTP", program="net_http.rb", start=_run_by("ruby")),
    "tcl-http": Client(title="Tcl http", program="http.tcl", start=_run_by("tclsh"), lacks={"chunked": _NO_CHUNKS}),
    "lua-socket": Client(
        title="Lua LuaSocket",
        program="socket_http.lua",
        start=_run_by("lua5.4"),
        lacks={"keep-alive": _ALWAYS_CLOSES},
    ),
    "mono-web-request": Client(title="Mono HttpWebRequest", program="WebRequests.cs", start=_mono),
    "mono-http-client": Client(title="Mono HttpClient", program="NetHttpClient.cs", start=_mono),
    "curl": Client(title="curl", program="curl.py", start=_python3_with("curl")),
    "wget": Client(title="GNU Wget", program="wget.py", start=_python3_with("wget"), lacks={"chunked": _ONE_TRANSFER}),
    "ab": Client(
        title="ApacheBench", program="ab.py", start=_python3_with("ab"), lacks={"chunked": _ONE_TRANSFER}, alone=1
    ),
}
