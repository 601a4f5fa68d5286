"""A TokenSource that counts: what was asked of it, and what it was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sidecar.redact import Secret
from sidecar.session.token import Token

if TYPE_CHECKING:
    from sidecar.errors import SidecarError


def token_of(text: str, session_id: str | None = None) -> Token:
    return Token(value=Secret(text), expires_at=100.0, renew_at=90.0, window=10.0, session_id=session_id)


@dataclass(slots=True)
class FakeTokens:
    """Hands out `fresh-token-N`, the next one after each rejection.

    Attributes:
        brake: reject returns False, as the storm brake does.
        trouble: what `token` raises once it was asked `trouble_after` times.
    """

    brake: bool = False
    trouble: SidecarError | None = None
    trouble_after: int = 0
    session_id: str | None = None
    asked: int = 0
    issued: list[Token] = field(default_factory=list)
    rejected: list[Token] = field(default_factory=list)
    struck: list[Token] = field(default_factory=list)
    accepted: list[Token] = field(default_factory=list)

    def at_hand(self) -> Token | None:
        fine = self.trouble is None and self.issued and self.issued[-1] not in self.rejected
        return self.issued[-1] if fine else None

    async def token(self) -> Token:
        if self.trouble is not None and self.asked >= self.trouble_after:
            raise self.trouble
        self.asked += 1
        if not self.issued or self.issued[-1] in self.rejected:
            self.issued.append(token_of(f"fresh-token-{len(self.issued) + 1}", self.session_id))
        return self.issued[-1]

    def reject(self, token: Token, endpoint: str) -> bool:  # noqa: ARG002  # the Protocol's signature
        self.rejected.append(token)
        return not self.brake

    def strike(self, token: Token, endpoint: str) -> None:  # noqa: ARG002  # the Protocol's signature
        self.struck.append(token)

    def accept(self, token: Token, endpoint: str) -> None:  # noqa: ARG002  # the Protocol's signature
        self.accepted.append(token)

    @property
    def counts(self) -> dict[str, int]:
        """How often FinHub's word about a token came: rejected, struck, accepted."""
        return {"rejected": len(self.rejected), "struck": len(self.struck), "accepted": len(self.accepted)}
