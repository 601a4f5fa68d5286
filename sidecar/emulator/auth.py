"""The token endpoints: login, refresh and logout of every generation, in its own words (CONTRACT.md §3, §4, §7)."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Final

from sidecar.emulator import account, forms, rules
from sidecar.emulator.answers import Answer, FinHubError, as_json, fincard_refusal, refusal, said, success
from sidecar.emulator.sessions import FINCARD, FINHUB, Instant, Session, validity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.emulator.call import Call
    from sidecar.emulator.state import State

V2_LOGIN: Final = ("username", "password", "customerId", "customerSecret", "accountType", "grantType")
_CLIENT: Final = ("customerId", "customerSecret")
_FREE: Final = ("accountType", "grantType")  # any legal value will do
_DAY: Final = 86400.0


class Auth:
    """The handlers of one FinHub's token endpoints."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def token(self, call: Call) -> Answer:
        """Answer `POST /api/v2/auth/token`: flat, as production-authentication.txt lists it."""
        session = await self._v2_session(call, refreshable=True)
        return as_json(self._flat(session, session.lifetime))

    async def sandbox_token(self, call: Call) -> Answer:
        """Answer `POST /api/v2/auth/sandbox/token`: the same under `data`, in camel case, without a refresh token."""
        session = await self._v2_session(call, refreshable=False)
        flat = self._flat(session, session.lifetime)
        flat["expiresIn"], flat["tokenType"] = flat.pop("expires_in"), flat.pop("token_type")
        return success(flat)

    async def refresh(self, call: Call) -> Answer:
        """Answer a refresh: the current validity while more than 10 % is left, else a new token."""
        self._state.token_calls.admit(self._state.clock.now())
        form = forms.read_optional(await call.body.read())
        session = self._to_refresh(_session(call), form)
        at = self._state.clock.instant()
        renewed = self._state.sessions.renew(session, at)
        if renewed is session:
            self._state.counts.refreshes_unchanged += 1
            return as_json(self._flat(session, session.left(at.now)))
        self._state.counts.refreshes += 1
        return as_json(self._flat(renewed, renewed.lifetime))

    async def logout(self, call: Call) -> Answer:
        """Answer `POST /api/v2/auth/logout`: the token in the body ends."""
        said = forms.texts(forms.read(await call.body.read()), ["userSessionToken"])
        self._state.sessions.close(said["userSessionToken"])
        self._state.counts.logouts += 1
        return as_json({"cleared": True, "message": "Session cleared", "success": True})

    async def organization_session(self, call: Call) -> Answer:
        """Answer a v2.1 login of a user of an organization."""
        return await self._v21_session(call, call.part("organizationId") == self._state.account.organization_id)

    async def individual_session(self, call: Call) -> Answer:
        """Answer a v2.1 login of an individual customer's user."""
        return await self._v21_session(call, call.part("individualId") == self._state.account.individual_id)

    async def end_session(self, call: Call) -> Answer:
        """Answer v2.1's `DELETE …/sessions/{sessionId}`; the bearer's own session only."""
        if call.part("sessionId") != _session(call).session_id:
            raise FinHubError(refusal(404, "No such session"))
        self._state.sessions.close_id(call.part("sessionId"))
        self._state.counts.logouts += 1
        return success({"success": True, "message": "Session closed"})

    async def fincard(self, call: Call) -> Answer:
        """Answer FinCard's login: flat, and a rejection is a 401 inside an HTTP 200."""
        try:
            session = await self._open(call, account.fincard_login(self._state.account), (), issuer=FINCARD)
        except FinHubError as error:
            return fincard_refusal(error.answer.status, said(error.answer), error.answer.fields)
        return as_json(
            {
                "success": True,
                "code": 200,
                "msg": "Success",
                "accessToken": session.token.reveal(),
                "tokenType": "Bearer",
                "expiresIn": validity(session.lifetime),
            }
        )

    async def _v2_session(self, call: Call, *, refreshable: bool) -> Session:
        expected = account.v2_login(self._state.account)
        if not self._state.settings.customer_secret_required:
            expected = {name: value for name, value in expected.items() if name not in _CLIENT}
        return await self._open(call, expected, _FREE, refreshable=refreshable and self._state.rules.refreshable)

    async def _v21_session(self, call: Call, known: bool) -> Answer:  # noqa: FBT001  # the caller's finding, no switch
        if not known or call.part("userId") != self._state.account.user_id:
            raise FinHubError(refusal(404, "No such user"))
        session = await self._open(
            call,
            account.v21_login(self._state.account),
            (),
            refreshable=self._state.rules.refreshable,
            user=self._state.account.user_id,
            lifetime=self._state.v21_token_lifetime,
        )
        return success(self._v21(session))

    async def _open(
        self,
        call: Call,
        expected: Mapping[str, str],
        free: tuple[str, ...],
        *,
        refreshable: bool = False,
        user: str | None = None,
        lifetime: float | None = None,
        issuer: str = FINHUB,
    ) -> Session:
        """Return a new session for who says what is `expected`; raise 429, 400 or 401 in this order."""
        state = self._state
        state.token_calls.admit(state.clock.now())
        said = forms.texts(forms.read(await call.body.read()), (*expected, *free))
        self._judge({name: said[name] for name in expected}, expected)
        state.counts.logins += 1
        return state.sessions.open(
            user or state.account.username,
            lifetime or state.token_lifetime,
            state.clock.instant(),
            refreshable=refreshable,
            issuer=issuer,
        )

    def _judge(self, said: Mapping[str, str], expected: Mapping[str, str]) -> None:
        try:
            rules.judge(self._state.lockout, said, expected, self._state.clock.now())
        except FinHubError:
            self._state.counts.rejected_logins += 1
            raise

    def _to_refresh(self, bearer: Session, form: dict[str, object]) -> Session:
        """Return the session that a refresh means; raise 401 for a wrong key or token, 403 for another user's.

        FinCard's sessions know no refresh (CONTRACT.md §3): 404.
        """
        if bearer.issuer == FINCARD:
            raise FinHubError(refusal(404, "FinCard has no refresh"))
        session: Session | None = bearer
        if "internalTokenKey" in form:
            session = self._state.sessions.by_key(str(form["internalTokenKey"]), self._state.clock.now())
        if session is None or not _fits(session, form.get("refreshToken")):
            raise FinHubError(refusal(401, "The refresh token is invalid", errorType="INVALID_REFRESH_TOKEN"))
        if session.user != bearer.user:
            raise FinHubError(refusal(403, "The token belongs to another user", errorType="USER_MISMATCH"))
        return session

    def _flat(self, session: Session, left: float) -> dict[str, object]:
        reply: dict[str, object] = {
            "expires_in": validity(left),
            "token_type": "Bearer",
            "scope": "openid profile",
            "customerId": self._state.account.customer,
            "tenantId": self._state.account.tenant_id,
            "userSessionToken": session.token.reveal(),
        }
        if session.refresh_token is not None:
            reply["refreshToken"] = session.refresh_token.reveal()
        return reply

    def _v21(self, session: Session) -> dict[str, object]:
        """Return FinHub's own trap: `expiresAt` promises a day, the token inside lives an hour (CONTRACT.md §3)."""
        reply: dict[str, object] = {
            "sessionId": session.session_id,
            "userId": session.user,
            "token": session.token.reveal(),
            "expiresAt": nine_digits(self._state.clock.instant(), _DAY),
            "success": True,
            "message": "Session created",
        }
        if session.refresh_token is not None:
            reply["refreshToken"] = session.refresh_token.reveal()
        return reply


def nine_digits(at: Instant, ahead: float) -> str:
    """Return an instant `ahead` seconds later as v2.1 writes it: UTC without saying so, nine fractional digits."""
    seconds = math.floor(at.utc + ahead)
    nanoseconds = int((at.utc + ahead - seconds) * 1e9)
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}"


def _session(call: Call) -> Session:
    if call.session is None:
        raise RuntimeError("a handler of a scope without a bearer token asked for its session")
    return call.session


def _fits(session: Session, said: object) -> bool:
    """Tell whether a refresh token, where one was said, is the session's own."""
    return said is None or (session.refresh_token is not None and said == session.refresh_token.reveal())
