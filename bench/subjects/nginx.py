"""nginx as a reverse proxy: it sets the same fields, the token among them, but gets no token and guards nothing."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

from bench import nginx, site
from bench.machine import program
from bench.subject import Recipe, Subject

if TYPE_CHECKING:
    from pathlib import Path

    from bench.site import Site

_CONFIG: Final = """\
  access_log access.log;
  upstream finhub {{
    server 127.0.0.1:{upstream};
    keepalive 256;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    location / {{
      proxy_pass https://finhub;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
      proxy_ssl_protocols TLSv1.3;
      proxy_ssl_certificate {certificates}/client.crt;
      proxy_ssl_certificate_key {certificates}/client.key;
      proxy_ssl_trusted_certificate {certificates}/ca.crt;
      proxy_ssl_verify on;
      proxy_ssl_name localhost;
      proxy_set_header Host 127.0.0.1:{upstream};
      proxy_set_header Connection "";
{fields}
    }}
  }}
"""

# One id of 128 random bits is nginx's own, and cheap.
_MADE: Final = {
    "X-Forwarded-For": "$remote_addr",
    "X-Request-ID": "$request_id",
    "X-Correlation-ID": "$request_id",
    "X-Activity-ID": "$request_id",
}


def configuration(place: Site, port: int) -> str:
    """Return the configuration of an nginx on `port`."""
    fields = (f'      proxy_set_header {name} "{value}";' for name, value in (site.FIXED | _MADE).items())
    return nginx.around(
        _CONFIG.format(port=port, upstream=place.upstream, certificates=place.certificates, fields="\n".join(fields))
    )


def _prepare(place: Site, folder: Path, port: int) -> Recipe:
    return Recipe(nginx.written(folder, configuration(place, port)))


def _version() -> str | None:
    found = program("nginx")
    if found is None:
        return None
    said = subprocess.run((found, "-v"), capture_output=True, text=True, check=True, timeout=10).stderr
    return said.strip().rpartition("/")[2]


SUBJECT: Final = Subject("nginx", "nginx", _prepare, _version, "Debian: nginx-light")
