"""How much the proofs do: `PROOF_SCALE` in the environment multiplies their volume, 1 where it is not set."""

from __future__ import annotations

import os


def scale() -> int:
    """Return the factor by which a proof multiplies its default volume: a whole number, at least 1."""
    text = os.environ.get("PROOF_SCALE", "1")
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f"PROOF_SCALE is {text!r}; set it to a whole number from 1 on, or leave it out")
    return int(text)
