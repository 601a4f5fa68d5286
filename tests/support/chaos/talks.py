"""What callers say, each in one talk over one connection, and what the reply must hold if it is whole.

Pure.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT: Final = "/api/v2.1/fintrans/acc-1/types/transfer"
_DOCUMENTS: Final = "/api/v2.1/customer/individual/c-1/documents"
_BOUNDARY: Final = "a-boundary-of-chaos"

Complaint = str
"""What is wrong, in a few words; "" when nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One caller's connection: `kind` says what it asks, `name` is in every request of it.

    Attributes:
        size: bytes of the body, or of the reply, where the kind has a choice.
        version: "1.1" or "1.0".
        leaves: after so many bytes of the (last) request the caller is gone; None: it stays.
    """

    kind: str
    name: str
    size: int = 0
    version: str = "1.1"
    leaves: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. `expects` judges a whole 200; `digest` is of what FinHub must have read, None: no matter."""

    name: str
    method: str
    target: str
    body: bytes = field(default=b"", repr=False)
    framing: str = "length"  # or "chunked"
    fields: tuple[str, ...] = ()
    version: str = "1.1"
    leaves: int | None = None
    digest: str | None = None
    expects: Callable[[bytes], Complaint] = field(repr=False)

    @property
    def is_safe(self) -> bool:
        """Tell whether FinHub may get it again on a new connection (RFC 9110 §9.2.1)."""
        return self.method in {"GET", "HEAD"}


def first(talk: Talk) -> Ask:
    """Return the request that a talk begins with."""
    return _MAKERS[talk.kind](talk)


def then(talk: Talk, body: bytes) -> Ask | None:
    """Return the request that follows on a whole 200 with this body, None where the talk is over."""
    if talk.kind != "pay":
        return None
    order = json.loads(body)["data"]["preparedOrderId"]
    return _post(talk, f"{ACCOUNT}/execute", "execute", _json({"preparedOrderId": order}), _holds("orderId", order))


KINDS: Final = (
    "balance",
    "echo",
    "head",
    "bytes",
    "chunked bytes",
    "slow",
    "events",
    "put",
    "patch",
    "delete",
    "pay",
    "sink",
    "chunked sink",
    "upload",
    "expecting",
)


def _balance(talk: Talk) -> Ask:
    return _get(talk, f"/api/v2.1/wallets/{talk.name}/balance", _holds("walletId", talk.name))


def _echo(talk: Talk) -> Ask:
    return _get(talk, f"/api/echo/{talk.name}?a=1&a=2", _echoes(talk.name))


def _head(talk: Talk) -> Ask:
    return Ask(
        name=talk.name,
        method="HEAD",
        target=f"/api/bytes/{talk.size}",
        version=talk.version,
        leaves=talk.leaves,
        expects=_same(b""),
    )


def _bytes(talk: Talk) -> Ask:
    return _get(talk, f"/api/bytes/{talk.size}", _same(pattern(talk.size)))


def _chunked_bytes(talk: Talk) -> Ask:
    return _get(talk, f"/api/bytes/{talk.size}?chunked", _same(pattern(talk.size)))


def _slow(talk: Talk) -> Ask:
    return _get(talk, "/api/slow?seconds=0.05", lambda body: "" if json.loads(body)["seconds"] else "no seconds")


def _events(talk: Talk) -> Ask:
    whole = b"".join(b"id: %d\ndata: event %d\n\n" % (number, number) for number in range(5))
    return _get(talk, "/api/sse?events=5&interval=0.01", _same(whole))


def _changing(method: str) -> Callable[[Talk], Ask]:
    def make(talk: Talk) -> Ask:
        body = _content(talk)
        return Ask(
            name=talk.name,
            method=method,
            target=f"/api/echo/{talk.name}",
            body=body,
            version=talk.version,
            leaves=talk.leaves,
            digest=sha256(body),
            expects=_echoes(talk.name),
        )

    return make


def _pay(talk: Talk) -> Ask:
    body = _json({"amount": {"value": "5000000", "currency": "EUR", "scale": 2}})
    stays = Talk(kind=talk.kind, name=talk.name, version=talk.version)
    return _post(stays, f"{ACCOUNT}/prepare", "prepare", body, _prepared)


def _sink(talk: Talk) -> Ask:
    return _post(talk, "/api/sink", "sink", _content(talk), _swallowed(_content(talk)))


def _chunked_sink(talk: Talk) -> Ask:
    return _post(talk, "/api/sink", "sink", _content(talk), _swallowed(_content(talk)), framing="chunked")


def _expecting(talk: Talk) -> Ask:
    content = _content(talk)
    return _post(talk, "/api/sink", "sink", content, _swallowed(content), fields=("Expect: 100-continue",))


def _upload(talk: Talk) -> Ask:
    document = _content(talk)
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="scan.bin"\r\n\r\n'
    body = head.encode() + document + f"\r\n--{_BOUNDARY}--\r\n".encode()
    fields = (f"Content-Type: multipart/form-data; boundary={_BOUNDARY}",)
    return _post(talk, _DOCUMENTS, "upload", body, _holds("sha256", sha256(document)), fields=fields)


_MAKERS: Final[dict[str, Callable[[Talk], Ask]]] = {
    "balance": _balance,
    "echo": _echo,
    "head": _head,
    "bytes": _bytes,
    "chunked bytes": _chunked_bytes,
    "slow": _slow,
    "events": _events,
    "put": _changing("PUT"),
    "patch": _changing("PATCH"),
    "delete": _changing("DELETE"),
    "pay": _pay,
    "sink": _sink,
    "chunked sink": _chunked_sink,
    "upload": _upload,
    "expecting": _expecting,
}


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────


def _get(talk: Talk, target: str, expects: Callable[[bytes], Complaint]) -> Ask:
    return Ask(name=talk.name, method="GET", target=target, version=talk.version, leaves=talk.leaves, expects=expects)


def _post(talk: Talk, target: str, part: str, body: bytes, expects: Callable[[bytes], Complaint], **more: Any) -> Ask:
    return Ask(
        name=f"{talk.name}-{part}",
        method="POST",
        target=target,
        body=body,
        version=talk.version,
        leaves=talk.leaves,
        digest=sha256(body),
        expects=expects,
        **more,
    )


def _content(talk: Talk) -> bytes:
    """Return a body that no other talk sends."""
    return random.Random(talk.name).randbytes(talk.size)  # noqa: S311  # bytes to be told apart, no secret


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


def sha256(content: bytes) -> str:
    """Return the digest as FinHub tells it."""
    return hashlib.sha256(content).hexdigest()


def pattern(size: int) -> bytes:
    """Return what `/api/bytes/{size}` brings."""
    return (bytes(range(256)) * (size // 256 + 1))[:size]


# ── what replies hold ───────────────────────────────────────────────────────────────────────────────────────────


def _same(whole: bytes) -> Callable[[bytes], Complaint]:
    return lambda body: "" if body == whole else f"{len(body)} bytes for {len(whole)}, or others"


def _holds(member: str, value: str) -> Callable[[bytes], Complaint]:
    return lambda body: "" if json.loads(body)["data"].get(member) == value else f"another {member}"


def _prepared(body: bytes) -> Complaint:
    return "" if json.loads(body)["data"]["preparedOrderId"] else "no order"


def _echoes(name: str) -> Callable[[bytes], Complaint]:
    target = f"/api/echo/{name}"
    return lambda body: "" if json.loads(body)["target"].partition("?")[0] == target else "another caller's reply"


def _swallowed(content: bytes) -> Callable[[bytes], Complaint]:
    told = {"length": len(content), "sha256": sha256(content)}
    return lambda body: "" if json.loads(body) == told else "another body arrived"
