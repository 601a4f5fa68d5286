"""PEM text as its blocks (RFC 7468), whatever stands between them.

Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CERTIFICATE: Final = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
REVOCATION_LIST: Final = frozenset({"X509 CRL"})

_MARK: Final = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]+)-----")
_DER_SEQUENCE: Final = b"\x30"


@dataclass(frozen=True, slots=True)
class Block:
    """One PEM block: its label, and its bytes from the first dash to the last (hidden: it may be a key)."""

    label: str
    pem: bytes = field(repr=False)


def blocks(text: bytes) -> Iterator[Block]:
    """Yield the complete blocks of `text` in order; one pass, so that no input is slow."""
    begin: re.Match[bytes] | None = None
    for mark in _MARK.finditer(text):
        if mark[1] == b"BEGIN":
            begin = mark
        elif begin is not None and begin[2] == mark[2]:
            yield Block(mark[2].decode(), text[begin.start() : mark.end()])
            begin = None


def is_torn(text: bytes) -> bool:
    """Tell whether a block of `text` begins and does not end: somebody is still writing it, or never finished."""
    open_label = b""
    for mark in _MARK.finditer(text):
        if mark[1] == b"BEGIN":
            if open_label:
                return True
            open_label = mark[2]
        elif mark[2] == open_label:
            open_label = b""
    return bool(open_label)


def join(text: bytes, labels: frozenset[str]) -> bytes:
    """Return the blocks of `text` that carry one of `labels`, a line break after each; empty when there is none.

    Comments go: OpenSSL's in-memory reader takes ASCII only, and bundles name their CAs in every script.
    """
    return b"".join(block.pem + b"\n" for block in blocks(text) if block.label in labels)


def is_der(content: bytes) -> bool:
    """Tell whether `content` is binary (DER or BER): every structure met here begins with a SEQUENCE."""
    return content.startswith(_DER_SEQUENCE)
