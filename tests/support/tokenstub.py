"""The least that counts as a token endpoint: it gives everybody a session of an hour. Standard library only.

On threads of its own, so that a test may block, and so that another program's test suite can use it as it is.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

_GRANT = {"userSessionToken": "opaque-but-long-enough-session-token", "token_type": "Bearer", "expires_in": 3600}


class _Desk(http.server.BaseHTTPRequestHandler):
    """One reply to every POST."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = json.dumps(_GRANT).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class _Server(http.server.ThreadingHTTPServer):
    """Shakes hands on the connection's own thread, so that nobody waits for a slow one."""

    daemon_threads = True
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        with contextlib.suppress(OSError):  # a caller that leaves in the middle is no concern of a stub
            if self.tls is None:
                super().finish_request(request, client_address)
                return
            with self.tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)


@contextlib.contextmanager
def token_endpoint(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Give out tokens, over TLS where `tls` is given; yields the port on loopback."""
    with _Server(("127.0.0.1", 0), _Desk) as server:
        server.tls = tls
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
