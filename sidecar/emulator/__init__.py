"""A FinHub on this machine: real TLS, the real rules, faults on demand.

Written against CONTRACT.md on its own and sharing no code with the gateway: what both agree on was understood twice.
"""

from sidecar.emulator.account import Account
from sidecar.emulator.app import Emulator
from sidecar.emulator.seen import Counts, Seen, fingerprint
from sidecar.emulator.settings import Settings

__all__ = ["Account", "Counts", "Emulator", "Seen", "Settings", "fingerprint"]
