"""What the sidecar put on the wire to FinHub's API, read inside TLS and before anything is done to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from messages import Incomplete, Unsound, Wire, read_body, read_request_head, values
from relay import Way

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One request's head, as the sidecar sent it; `at` is when its last byte came by, on the tap's clock."""

    name: str
    method: str
    at: float
    tokens: tuple[str, ...]
    tenants: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Return the token's, as the sidecar's events name it."""
        return hashlib.sha256("".join(self.tokens).encode()).hexdigest()[:12]


@dataclass(slots=True)
class _Line:
    """One connection's bytes, from the first message that has not been taken yet."""

    raw: bytearray = field(default_factory=bytearray)
    passed: list[tuple[int, float]] = field(default_factory=list)  # (bytes of `raw` so far, when)
    head_taken: bool = False

    def when(self, position: int) -> float:
        return next(at for size, at in self.passed if size >= position)

    def forget(self, size: int) -> None:
        del self.raw[:size]
        self.passed = [(total - size, at) for total, at in self.passed if total > size]
        self.head_taken = False


class Wiretap:
    """Gathers bytes by `tap`, and gives each request's head once by `take`. `unsound`: what is not well-framed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.unsound: list[str] = []
        self._clock = clock
        self._lines: dict[int, _Line] = {}

    def tap(self, number: int, way: Way, data: bytes) -> None:
        """Take a block; see `relay.Tap`."""
        if way is Way.UP:
            line = self._lines.setdefault(number, _Line())
            line.raw += data
            line.passed.append((len(line.raw), self._clock()))

    def take(self) -> list[Head]:
        """Return every head that has come by since the last call, whether its body is whole or not."""
        return sorted((head for line in self._lines.values() for head in self._heads(line)), key=lambda head: head.at)

    def _heads(self, line: _Line) -> list[Head]:
        found = []
        while line.raw:
            wire = Wire(lambda: b"", bytearray(line.raw))
            try:
                request = read_request_head(wire)
                if not line.head_taken:
                    found.append(_head(request.fields, request.method, line.when(wire.at)))
                    line.head_taken = True
                read_body(wire, request)
            except Incomplete:
                break
            except Unsound as error:
                self.unsound.append(str(error))
                line.forget(len(line.raw))
                break
            line.forget(wire.at)
        return found


def _head(fields: tuple[tuple[bytes, bytes], ...], method: bytes, at: float) -> Head:
    return Head(
        name=b", ".join(values(fields, "x-request-id")).decode("latin-1"),
        method=method.decode(),
        at=at,
        tokens=tuple(value.decode("latin-1").removeprefix("Bearer ") for value in values(fields, "authorization")),
        tenants=tuple(value.decode("latin-1") for value in values(fields, "x-tenant-id")),
    )
