"""The upstream that all proxies share: an nginx over TLS 1.3 that asks for a client certificate and a token."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final

from bench import nginx, site
from bench.client import first_answer, request
from bench.process import running
from bench.transport import free_port, mutual_tls

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

_ACCOUNT: Final = {"id": "00000001", "currency": "EUR", "balance": "1234.56", "status": "ACTIVE"}
BODY: Final = json.dumps({"accounts": [_ACCOUNT] * 12})
"""The reply to the requests that are counted: about a kilobyte of JSON."""

_GRANT: Final = json.dumps(
    {"userSessionToken": site.TOKEN, "sessionId": "bench-session", "token_type": "Bearer", "expires_in": 86400}
)

# Whole uploads are kept in memory, and only then answered: an early reply would let a proxy stop sending.
_CONFIG: Final = """\
  access_log off;
  default_type application/json;
  client_max_body_size 0;
  client_body_buffer_size 128m;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  server {{
    listen unix:sink.sock;
    location / {{ return 200 "{{}}"; }}
  }}
  server {{
    listen 127.0.0.1:{port} ssl backlog=1024;
    ssl_protocols TLSv1.3;
    ssl_certificate {certificates}/server.crt;
    ssl_certificate_key {certificates}/server.key;
    ssl_client_certificate {certificates}/ca.crt;
    ssl_verify_client on;
    location / {{
      if ($http_authorization != "Bearer {token}") {{ return 401; }}
      return 200 '{body}';
    }}
    location /api/v2/auth/ {{ return 200 '{grant}'; }}
    location = {seen} {{ return 200 '{told}'; }}
    location = {bulk} {{ root .; }}
    location = {sink} {{
      proxy_pass http://unix:sink.sock:/;
      proxy_set_header Content-Length 0;
      proxy_pass_request_body off;
    }}
  }}
"""


@contextlib.contextmanager
def upstream(folder: Path, certificates: Path, core: int) -> Iterator[tuple[site.Site, subprocess.Popen[bytes]]]:
    """Run the upstream on one core until the block ends; yields where it is, and its process."""
    place = site.Site(free_port(), certificates)
    with (folder / site.BULK.removeprefix("/")).open("wb") as bulk:
        bulk.truncate(site.BULK_BYTES)
    with running(nginx.written(folder, configuration(place)), folder, core) as process:
        direct = request("GET", site.PATH, f"Authorization: Bearer {site.TOKEN}")
        first_answer(place.upstream, process, direct, mutual_tls(certificates))
        yield place, process


def configuration(place: site.Site) -> str:
    """Return the configuration of the upstream's nginx."""
    variables = [f"{name}: $http_{name.lower().replace('-', '_')}" for name in site.FIELDS]
    told = "\n".join([*variables, "certificate: $ssl_client_s_dn", ""])
    settings = _CONFIG.format(
        port=place.upstream,
        certificates=place.certificates,
        token=site.TOKEN,
        body=BODY,
        grant=_GRANT,
        told=told,
        seen=site.SEEN,
        bulk=site.BULK,
        sink=site.SINK,
    )
    return nginx.around(settings)
