"""The exit codes, in one table: scripts rely on them.

Pure. 0 done, 2 usage or configuration, 3 identity or secret, 4 rejected by FinHub, 5 network, 1 anything else.
"""

from __future__ import annotations

from typing import Final

from sidecar import errors

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
IDENTITY: Final = 3
REJECTED: Final = 4
NETWORK: Final = 5

_CODES: Final[tuple[tuple[type[errors.SidecarError], int], ...]] = (
    (errors.ConfigError, USAGE),
    (errors.AuditError, USAGE),
    (errors.SecretError, IDENTITY),
    (errors.IdentityError, IDENTITY),
    (errors.Rejected, REJECTED),
    (errors.ListenError, NETWORK),
    (errors.SidecarUnreachable, NETWORK),
    (errors.UpstreamError, NETWORK),
)


def code_of(error: errors.SidecarError) -> int:
    """Return the exit code of a command that `error` ended."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)
