"""The only door to FinHub's API, behind one verb: `send` a request, get a reply whose body is still to come.

HTTP/1.1 on llhttp (httptools) over the event loop's own transports, TLS or plain. A reply that is whole frees its
connection at once; its slot, which bounds the connections, is free when the reply is closed.
"""

from __future__ import annotations

from sidecar.gateway.upstream.answer import Answer
from sidecar.gateway.upstream.reply import Reply
from sidecar.gateway.upstream.request import PREFETCH, SAFE_METHODS, Bounds, Request
from sidecar.gateway.upstream.verb import Upstream

__all__ = ["PREFETCH", "SAFE_METHODS", "Answer", "Bounds", "Reply", "Request", "Upstream"]
