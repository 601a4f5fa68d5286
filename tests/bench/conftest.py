"""Makes `bench` importable: it lies in the repository's root, and no wheel holds it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))  # at the end: the sidecar under test stays the one it was
