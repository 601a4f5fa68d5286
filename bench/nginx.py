"""nginx as it is started here, whatever it serves: in the foreground, with one worker, in a folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.machine import needed

if TYPE_CHECKING:
    from pathlib import Path

_FILE: Final = "nginx.conf"

_BEFORE: Final = """
daemon off;
user root;
worker_processes 1;
pid nginx.pid;
error_log error.log warn;
events { worker_connections 4096; }
http {
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
"""


def around(http: str) -> str:
    """Return the whole configuration, of which `http` is what its http block holds."""
    return f"{_BEFORE}{http}}}\n"


def written(folder: Path, configuration: str) -> tuple[str, ...]:
    """Write the configuration into the folder, and return the command that starts nginx with it."""
    (folder / _FILE).write_text(configuration, encoding="utf-8")
    return (needed("nginx", "nginx-light"), "-p", str(folder), "-c", _FILE, "-e", "error.log")
