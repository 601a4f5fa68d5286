"""A plain nginx as a reverse proxy before a recording upstream: what the sidecar is compared with."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Final

from realsidecar import identity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import trustme
    from recorder import Recorder

PROGRAM: Final = shutil.which("nginx", path=os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin")
MISSING: Final = "nginx is not installed (Debian: nginx-light)"
_STARTS_WITHIN: Final = 15.0

# As little as makes it comparable: field names of all kinds pass, no slash is merged, nothing is hidden from a reply.
_CONFIG: Final = """
daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream finhub {{ server {upstream}; keepalive 8; keepalive_requests 100000; }}
  server {{
    listen unix:{socket};
    client_max_body_size 0;
    keepalive_requests 100000;
    large_client_header_buffers 8 32k;
    underscores_in_headers on;
    ignore_invalid_headers off;
    merge_slashes off;
    location / {{
      proxy_pass https://finhub;
      proxy_http_version 1.1;
      proxy_set_header Host {upstream};
      proxy_set_header Connection "";
      proxy_pass_header Date;
      proxy_pass_header Server;
      proxy_next_upstream off;
      proxy_ssl_certificate nginx.crt;
      proxy_ssl_certificate_key nginx.key;
      proxy_ssl_trusted_certificate ca.crt;
      proxy_ssl_verify on;
      proxy_ssl_name localhost;
    }}
  }}
}}
"""


@contextlib.contextmanager
def running(folder: Path, authority: trustme.CA, upstream: Recorder) -> Iterator[str]:
    """Run an nginx before `upstream` until the block ends; yield the address where it listens."""
    assert PROGRAM is not None, MISSING
    identity(authority, "nginx", folder)
    local = folder / "nginx.sock"
    text = _CONFIG.format(upstream=upstream.authority, socket=local)
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    command = [PROGRAM, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL)
    try:
        _wait_for(local, process, folder / "error.log")
        yield f"unix:{local}"
    finally:
        process.terminate()
        process.wait(_STARTS_WITHIN)


def _wait_for(local: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _STARTS_WITHIN
    while not local.exists():
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < end, "nginx did not start"
        time.sleep(0.02)
