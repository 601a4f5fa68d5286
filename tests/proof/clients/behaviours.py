"""What each client is asked to do, and what both ends must then have seen.

A check gets all that was seen, notes what is wrong, and returns the word for the table.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from messages import Reply, Request

    from sidecar.emulator import Seen

BOUNDARY: Final = "form-4711"
PAYMENT: Final = (
    b'{"amount": {"value": 12.50, "currency": "EUR"}, "to": "W\xc3\xbcrth & S\xc3\xb6hne", "memo": "\\u20ac"}\n'
)
UPLOAD: Final = b"\x00\xff\r\n0\r\n\r\n" * 30_000
DOCUMENT: Final = bytes(range(251)) * 41_000  # just below the 10 MB that FinHub takes for one file
BACK: Final = bytes(range(249, -1, -1)) * 8_000
DOCUMENTS: Final = "/api/v2.1/customer/individual/2001/documents"
TOGETHER: Final = 20

_WHOLE_FORM: Final = 12_000_000
_ONE_HOP: Final = ("Connection", "Keep-Alive", "Expect", "TE", "Upgrade", "HTTP2-Settings")


def pattern(size: int) -> bytes:
    """Return what `/api/bytes/{size}` answers."""
    return (bytes(range(256)) * (size // 256 + 1))[:size]


def form() -> bytes:
    """Return the documents as multipart/form-data, for a library that cannot write it."""
    mark = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
    pieces = [f'{mark}"documentType"\r\n\r\nPASSPORT\r\n'.encode()]
    for name, content in (("file", DOCUMENT), ("back", BACK)):
        pieces += [f'{mark}"{name}"; filename="{name}.bin"\r\n\r\n'.encode(), content, b"\r\n"]
    return b"".join([*pieces, f"--{BOUNDARY}--\r\n".encode()])


FILES: Final = {
    "payment.json": PAYMENT,
    "upload.bin": UPLOAD,
    "file.bin": DOCUMENT,
    "back.bin": BACK,
    "form.bin": form(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One reply as the client tells of it. `body` is None where it tells only the `size`, both if it tells neither."""

    status: int
    body: bytes | None
    size: int | None
    length: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its reply as they stood on the client's connection. `waited`: no body came before a reply did."""

    connection: int
    request: Request
    body: bytes
    reply: Reply
    waited: bool


@dataclass(slots=True, kw_only=True)
class Scene:
    """Both ends of one behaviour.

    `mints` are new tokens, `together` connections that waited for each other, `alone` those before them.
    """

    told: Sequence[Told]
    exchanges: Sequence[Exchange]
    arrivals: Sequence[Seen]
    mints: int
    together: int
    alone: int
    upstream: str
    faults: list[str] = field(default_factory=list)

    def expect(self, what: str, seen: object, wanted: object) -> None:
        """Note a fault unless both are equal."""
        if seen != wanted:
            self.faults.append(f"{what}: {_short(seen)}, expected {_short(wanted)}")

    def statuses(self, *wanted: int) -> None:
        """Expect these statuses of the client's replies, in order, and each request once at FinHub."""
        self.expect("statuses", tuple(told.status for told in self.told), wanted)
        self.expect("arrivals", self._arrived(), Counter(map(_outline, self.exchanges)))

    def _arrived(self) -> Counter[tuple[str, str, int, str]]:
        return Counter(
            (one.method, f"{one.path}?{one.query}".rstrip("?"), one.body_length, one.body_sha256)
            for one in self.arrivals
            if one.status != 401
        )

    def only(self) -> Exchange:
        """Return the first exchange, and note when there is not exactly one."""
        self.expect("exchanges", len(self.exchanges), 1)
        return self.exchanges[0]

    def body(self, wanted: bytes) -> None:
        """Expect this body of every reply."""
        for told in self.told:
            self.expect("size of a body", told.size, len(wanted))
            if told.body is not None:
                self.expect("a body", told.body == wanted, wanted=True)


def common(scene: Scene) -> None:
    """Note what must never be, whatever the client was asked for."""
    on_the_wire = Counter((one.reply.status, len(one.reply.body)) for one in scene.exchanges)
    seen = Counter((told.status, told.size) for told in scene.told)
    untold = any(told.size is None for told in scene.told)
    if not untold and not any(one.reply.values("content-encoding") for one in scene.exchanges):
        scene.expect("what the client saw", seen, on_the_wire)
    for arrival in scene.arrivals:
        scene.expect("certificate", "finhub-sidecar" in (arrival.client_certificate or ""), wanted=True)
        scene.expect("tokens", len(arrival.values("Authorization")), 1)
        scene.expect("tenants", arrival.values("X-Tenant-ID"), ["1234567"])
        scene.expect("fields of one connection", [name for name in _ONE_HOP if arrival.values(name)], [])
    for one in scene.exchanges:
        if one.request.version == b"HTTP/1.0":
            scene.expect("framing for HTTP/1.0", one.reply.framing != "chunked", wanted=True)
            scene.expect("interim replies for HTTP/1.0", one.reply.interim, ())


def _outline(one: Exchange) -> tuple[str, str, int, str]:
    digest = hashlib.sha256(one.body).hexdigest()
    return one.request.method.decode(), one.request.target.decode(), len(one.body), digest


def _short(seen: object) -> str:
    text = repr(seen)
    return text if len(text) < 300 else f"{text[:300]}…"


# ── the checks ──────────────────────────────────────────────────────────────────────────────────────────────────


def get(scene: Scene) -> str:
    """A reply of 100,000 bytes."""
    scene.statuses(200)
    scene.body(pattern(100_000))
    return scene.only().request.version.decode()


def streamed(scene: Scene) -> str:
    """A reply whose length nobody knows: in chunks, or for HTTP/1.0 up to the end of the connection."""
    scene.statuses(200)
    scene.body(pattern(100_000))
    one = scene.only()
    wanted = "chunked" if one.request.version == b"HTTP/1.1" else "close"
    scene.expect("framing of the reply", one.reply.framing, wanted)
    return "chunks" if wanted == "chunked" else "up to the end"


def json(scene: Scene) -> str:
    """A POST of JSON, whose type and bytes FinHub gets as they are."""
    scene.statuses(200)
    _paid(scene)
    return scene.only().request.framing


def _paid(scene: Scene) -> None:
    scene.expect("what was sent", scene.only().body == PAYMENT, wanted=True)
    for arrival in scene.arrivals:
        scene.expect("type", arrival.values("Content-Type"), ["application/json"])


def multipart(scene: Scene) -> str:
    """A form of 12 MB: FinHub takes it apart and answers with the digest of the first file."""
    scene.statuses(200)
    one = scene.only()
    scene.expect("at least 12 MB", len(one.body) > _WHOLE_FORM and BACK in one.body, wanted=True)
    digest = hashlib.sha256(DOCUMENT).hexdigest().encode()
    scene.expect("the digest in the reply", digest in one.reply.body, wanted=True)
    return one.request.framing


def chunked(scene: Scene) -> str:
    """An upload without a length, which FinHub gets without one, too."""
    scene.statuses(200)
    one = scene.only()
    scene.expect("framing", one.request.framing, "chunked")
    scene.expect("what was sent", one.body == UPLOAD, wanted=True)
    scene.expect("coding", [arrival.values("Transfer-Encoding") for arrival in scene.arrivals], [["chunked"]])
    return "yes"


def expect(scene: Scene) -> str:
    """A client that asks first is told to go on, and one that does not wait is served as well."""
    scene.statuses(200)
    one = scene.only()
    scene.expect("the field", [value.lower() for value in one.request.values("expect")], [b"100-continue"])
    scene.expect("what was sent", one.body == UPLOAD, wanted=True)
    if one.request.version == b"HTTP/1.1":
        scene.expect("interim replies", one.reply.interim, (100,))
    return "waits" if one.waited else "does not wait"


def keep_alive(scene: Scene) -> str:
    """Three requests on one connection."""
    scene.statuses(200, 200, 200)
    scene.body(pattern(1000))
    scene.expect("connections", len({one.connection for one in scene.exchanges}), 1)
    return "yes"


def close(scene: Scene) -> str:
    """Two requests, a connection for each, since the client says so."""
    scene.statuses(200, 200)
    scene.body(pattern(1000))
    scene.expect("connections", len({one.connection for one in scene.exchanges}), 2)
    for one in scene.exchanges:
        if one.request.version == b"HTTP/1.1":  # before it, that is what silence means
            scene.expect("who asks for it", b"close" in b"".join(one.request.values("connection")).lower(), wanted=True)
            scene.expect("the reply's", [value.lower() for value in one.reply.values("connection")], [b"close"])
    return "yes"


def head(scene: Scene) -> str:
    """The length of what there would be, and nothing of it."""
    scene.statuses(200)
    scene.body(b"")
    scene.expect("length on the wire", scene.only().reply.values("content-length"), [b"1000"])
    for told in scene.told:
        scene.expect("length told", told.length, "" if told.body is None else "1000")
    return "yes"


def zipped(scene: Scene) -> str:
    """A coded reply is passed as it is: whoever asked for it unpacks it."""
    scene.statuses(200)
    one = scene.only()
    plain = pattern(100_000)
    scene.expect("coding on the wire", one.reply.values("content-encoding"), [b"gzip"])
    scene.expect("body on the wire", one.reply.body == gzip.compress(plain, mtime=0), wanted=True)
    told = scene.told[0]
    if told.size == len(plain):
        scene.expect("unpacked", told.body == plain, wanted=True)
        return "unpacked"
    scene.expect("as it came", told.body in (one.reply.body, None), wanted=True)
    scene.expect("size as it came", told.size, len(one.reply.body))
    return "as it came"


def no_content(scene: Scene) -> str:
    """A 204, and the request after it is not out of step."""
    statuses = tuple(told.status for told in scene.told)
    scene.statuses(204, 204 if statuses == (204, 204) else 200)  # ApacheBench asks for one URL only
    for told in scene.told:
        scene.expect("size of a body", told.size, 0 if told.status == 204 else 10)
    return "yes"


def revoked(scene: Scene) -> str:
    """The token was revoked before: FinHub says 401, there is one new token, and the client notices nothing."""
    scene.statuses(200)
    _paid(scene)
    scene.expect("FinHub's answers", [arrival.status for arrival in scene.arrivals], [401, 200])
    scene.expect("new tokens", scene.mints, 1)
    digest = hashlib.sha256(PAYMENT).hexdigest()
    scene.expect("bodies at FinHub", {arrival.body_sha256 for arrival in scene.arrivals}, {digest})
    return "yes"


def parallel(scene: Scene) -> str:
    """Twenty at once, each of which gets its own reply."""
    scene.statuses(*((TOGETHER + scene.alone) * (200,)))
    scene.expect("connections that waited for each other", scene.together, TOGETHER)
    bodies = Counter(told.body for told in scene.told if told.body is not None)
    if bodies:
        scene.expect("bodies", bodies == Counter(one.reply.body for one in scene.exchanges), wanted=True)
    for one in scene.exchanges:
        scene.expect("each has its own", b'"%s"' % one.request.target in one.reply.body, wanted=True)
    return "yes"


def redirect(scene: Scene) -> str:
    """A redirect is the client's business: neither followed nor changed."""
    scene.statuses(302)
    wanted = f"{scene.upstream}/api/echo/moved?q=%2F"
    scene.expect("Location on the wire", scene.only().reply.values("location"), [wanted.encode()])
    scene.expect("Location told", [told.location for told in scene.told], [wanted])
    return "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """A column. The first bytes back come `late` seconds late, and `together` connections wait for each other."""

    title: str
    check: Callable[[Scene], str]
    revoke: bool = False
    late: float = 0.0
    together: int = 0


BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "get": Behaviour(title="GET", check=get),
    "streamed": Behaviour(title="reply without a length", check=streamed),
    "json": Behaviour(title="JSON POST", check=json),
    "multipart": Behaviour(title="12 MB form", check=multipart),
    "chunked": Behaviour(title="chunked upload", check=chunked),
    # Libraries that wait for 100 give up after 0.35 s or more.
    "expect": Behaviour(title="100-continue", check=expect, late=0.2),
    "keep-alive": Behaviour(title="keep-alive", check=keep_alive),
    "close": Behaviour(title="close", check=close),
    "head": Behaviour(title="HEAD", check=head),
    "gzip": Behaviour(title="gzip", check=zipped),
    "no content": Behaviour(title="204", check=no_content),
    "revoked": Behaviour(title="token revoked", check=revoked, revoke=True),
    "parallel": Behaviour(title="20 at once", check=parallel, together=TOGETHER),
    "redirect": Behaviour(title="redirect", check=redirect),
}
