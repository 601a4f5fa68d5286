"""PNG in few colours: a picture of a page for docs/, a quarter of the size that a browser makes it.

Pure. Reads what a browser writes: eight bits to a channel, RGB or RGBA, not interlaced (PNG, third edition, §7 to §11).
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CHANNELS: Final = {2: 3, 6: 4}

Colour = bytes


@dataclass(frozen=True, slots=True)
class Picture:
    """Lines of pixels, three bytes each."""

    width: int
    height: int
    lines: list[bytes]


def reduced(png: bytes, colours: int = 48) -> bytes:
    """Return the picture in at most `colours` (1 to 256), every other by its nearest."""
    picture = read(png)
    counts: Counter[Colour] = Counter()
    for line in picture.lines:
        counts.update(line[at : at + 3] for at in range(0, len(line), 3))
    palette = _palette(counts, colours)
    index = {colour: _nearest(palette, colour) for colour in counts}
    lines = [bytes(index[line[at : at + 3]] for at in range(0, len(line), 3)) for line in picture.lines]
    return _written(picture, palette, lines)


def read(png: bytes) -> Picture:
    """Return what the PNG shows, without its transparency."""
    chunks = list(_chunks(png))
    header = next(data for kind, data in chunks if kind == b"IHDR")
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if depth != 8 or kind not in _CHANNELS or interlaced:
        raise ValueError("not a PNG as browsers write it")
    step = _CHANNELS[kind]
    raw = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    lines, before = [], bytes(width * step)
    for number in range(height):
        start = number * (width * step + 1)
        before = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + width * step]), before, step)
        lines.append(before if step == 3 else b"".join(before[at : at + 3] for at in range(0, len(before), 4)))
    return Picture(width, height, lines)


def read_size(png: bytes) -> tuple[int, int]:
    """Return width and height of any PNG."""
    header = next(data for kind, data in _chunks(png) if kind == b"IHDR")
    width, height = struct.unpack_from(">II", header)
    return width, height


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def _unfiltered(how: int, line: bytearray, above: bytes, step: int) -> bytes:
    """Return the line as it was before it was filtered (§9.2)."""
    if how == 2:
        return bytes((one + up) & 255 for one, up in zip(line, above, strict=True))
    if how:
        for at in range(len(line)):
            left, corner = (line[at - step], above[at - step]) if at >= step else (0, 0)
            guess = left if how == 1 else (left + above[at]) // 2 if how == 3 else _paeth(left, above[at], corner)
            line[at] = (line[at] + guess) & 255
    return bytes(line)


def _paeth(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    return min((left, up, corner), key=lambda one: abs(estimate - one))


def _palette(counts: Counter[Colour], colours: int) -> list[Colour]:
    """Return colours that are frequent, or far from the others: a small mark of its own colour keeps it."""
    palette = [colour for colour, _ in counts.most_common(1)]
    far = {colour: _distance(colour, palette[0]) for colour in counts}
    while len(palette) < colours and any(far.values()):
        chosen = max(far, key=lambda colour: far[colour] * counts[colour] ** 0.5)
        palette.append(chosen)
        far = {colour: min(before, _distance(colour, chosen)) for colour, before in far.items()}
    return palette


def _nearest(palette: list[Colour], colour: Colour) -> int:
    return min(range(len(palette)), key=lambda at: _distance(palette[at], colour))


def _distance(one: Colour, other: Colour) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _written(picture: Picture, palette: list[Colour], lines: list[bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 3, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + line for line in lines), 9)
    parts = ((b"IHDR", header), (b"PLTE", b"".join(palette)), (b"IDAT", data), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
