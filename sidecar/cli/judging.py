"""What a running sidecar says of itself, as an error and an exit code: may callers come, and if not, why.

Pure. 0 ready, 3 the client certificate is out of date, 4 FinHub rejected the credentials, 5 FinHub has not granted a
session, or the proxy on the way there refuses ours, 1 starting or going down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sidecar.cli.exits import DONE, code_of
from sidecar.errors import IdentityError, ProxyCredentialsRefused, Rejected, SidecarError, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Mapping

HOPELESS: Final = (Rejected, ProxyCredentialsRefused)
"""What no waiting mends: somebody has to correct something first."""

_OUT_OF_DATE: Final = "the client certificate is out of date"
_NO_SESSION: Final = "no valid FinHub session"
"""How `/readyz` begins of its session; anything else that it says is of the process."""


class NotReady(SidecarError):
    """The sidecar is on its way up or down."""

    title = "The sidecar is not ready"
    default_remedy = "Wait longer, or look at `finhub-sidecar status` and the sidecar's log."


class NoSession(UpstreamError):
    """FinHub has not granted a session, and has not rejected the credentials either."""

    title = "FinHub has not granted a session"


def why_not(status: Mapping[str, Any], reason: str) -> SidecarError:
    """Return what keeps a sidecar from being ready: by what `/status` shows, and `/readyz` gives as its reason."""
    session = _in_question(status, reason)
    failure = session.get("last_error") or {}
    detail = f"{reason}: {failure['detail']}" if failure else reason
    if "sessions" in status and failure and not reason.endswith(_named(session)):
        detail = f"{reason}; tenant {session['tenant']}: {failure['detail']}"
    if session.get("state") == "BLOCKED":
        # Without a status FinHub was never asked: it was the proxy that refused.
        kind = ProxyCredentialsRefused if failure.get("status") == 0 else Rejected
        return kind(detail, remedy=failure.get("remedy"))
    if reason.startswith(_OUT_OF_DATE):
        return IdentityError(reason)
    if not reason.startswith(_NO_SESSION):
        return NotReady(reason)
    return NoSession(detail, remedy=failure.get("remedy"))


def _in_question(status: Mapping[str, Any], reason: str) -> Mapping[str, Any]:
    """Return the session that matters: the only one; of several the first BLOCKED, else that which `reason` names."""
    sessions = status.get("sessions") or [status.get("session") or {}]
    blocked = [each for each in sessions if each.get("state") == "BLOCKED"]
    meant = [each for each in sessions if reason.endswith(_named(each))]
    found: Mapping[str, Any] = (blocked or meant or sessions)[0]
    return found


def _named(session: Mapping[str, Any]) -> str:
    """Return how `/readyz` ends where it is this tenant's session, of several, that it tells of."""
    return f", tenant {session.get('tenant')}"


def code_of_status(status: Mapping[str, Any], *, ready: bool, reason: str) -> int:
    """Return the exit code for what `/status` shows and `/readyz` answers.

    BLOCKED counts also while the last token still lives: a human is needed before that is over.
    """
    error = why_not(status, reason)
    return DONE if ready and not isinstance(error, HOPELESS) else code_of(error)
