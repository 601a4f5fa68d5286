"""Header fields as bytes, the form in which they are carried.

Pure.
"""

from __future__ import annotations

RawFields = tuple[tuple[bytes, bytes], ...]
"""Fields as they were on the wire: (name, value) pairs, with order, case, duplicates and bytes kept."""
