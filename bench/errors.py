"""What can keep a measurement from being made.

Pure.
"""

from __future__ import annotations


class BenchError(Exception):
    """Something could not be measured; the text says what, and the remedy where there is one."""
