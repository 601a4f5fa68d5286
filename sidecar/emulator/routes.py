"""Where everything is: path and method → handler, one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from sidecar.emulator import probes
from sidecar.emulator.api import Api
from sidecar.emulator.auth import Auth
from sidecar.emulator.pipeline import API, LOGIN, LOGOUT, REFRESH, SESSION_END, Handler, Pipeline, Scope

if TYPE_CHECKING:
    from sidecar.emulator.state import State

Route = tuple[Scope, str, str, Handler]

_ORGANIZATION: Final = "/organization/{organizationId}/users/{userId}/sessions"
_INDIVIDUAL: Final = "/individual/{individualId}/users/{userId}/sessions"
_TRANSFER: Final = "/api/v2.1/fintrans/{accountId}/types/{kind}"
_DOCUMENTS: Final = "/api/v2.1/customer/individual/{customerId}/documents"


def application(state: State) -> web.Application:
    """Return FinHub as aiohttp serves it; what is in no table is 404 behind the same checks."""
    app = web.Application()
    pipeline = Pipeline(state)
    for scope, method, path, handler in (*_auth(state), *_api(state), *_probes()):
        app.router.add_route(method, path, pipeline.wrap(scope, handler))
    app.router.add_route(hdrs.METH_ANY, "/{rest:.*}", pipeline.wrap(API, Api(state).not_found))
    return app


def _auth(state: State) -> list[Route]:
    auth = Auth(state)
    logins = {"/api/v2/auth/token": auth.token, "/api/v2/auth/sandbox/token": auth.sandbox_token}
    routes: list[Route] = [(LOGIN, "POST", path, logins[path]) for path in state.rules.login_paths]
    if state.rules.refreshable:
        routes.append((REFRESH, "POST", "/api/v2/auth/token/refresh", auth.refresh))
    return [
        *routes,
        (LOGOUT, "POST", "/api/v2/auth/logout", auth.logout),
        *_v21(f"/api/v2.1/admin{_ORGANIZATION}", auth.organization_session, auth),
        *_v21(f"/api/v2.1/customer{_ORGANIZATION}", auth.organization_session, auth),
        *_v21(f"/api/v2.1/customer{_INDIVIDUAL}", auth.individual_session, auth),
        (LOGIN, "POST", "/api/auth/login", auth.fincard),
    ]


def _v21(path: str, login: Handler, auth: Auth) -> list[Route]:
    return [(LOGIN, "POST", path, login), (SESSION_END, "DELETE", f"{path}/{{sessionId}}", auth.end_session)]


def _api(state: State) -> list[Route]:
    api = Api(state)
    return [
        (API, "GET", "/api/v2.1/wallets/{walletId}/balance", api.wallet_balance),
        (API, "GET", "/api/v2.1/fintrans/{accountId}/balance", api.account_balance),
        (API, "POST", f"{_TRANSFER}/prepare", api.prepare),
        (API, "POST", f"{_TRANSFER}/execute", api.execute),
        (API, "POST", _DOCUMENTS, api.upload),
        (API, "GET", _DOCUMENTS, api.documents),
        (API, "POST", "/api/v2.1/fincard/virtual/account/list", api.cards),
        (API, "POST", "/api/v2.1/webhooks/subscriptions", api.subscribe),
    ]


def _probes() -> list[Route]:
    return [
        (API, hdrs.METH_ANY, "/api/echo", probes.echo),
        (API, hdrs.METH_ANY, "/api/echo/{rest:.*}", probes.echo),
        (API, "GET", "/api/bytes/{n}", probes.send_bytes),
        (API, "HEAD", "/api/bytes/{n}", probes.send_bytes),
        (API, "GET", "/api/gzip/{n}", probes.send_gzip),
        (API, hdrs.METH_ANY, "/api/moved", probes.moved),
        (API, "POST", "/api/sink", probes.sink),
        (API, "PUT", "/api/sink", probes.sink),
        (API, "GET", "/api/slow", probes.slow),
        (API, hdrs.METH_ANY, "/api/status/{code}", probes.status),
        (API, "GET", "/api/sse", probes.events),
    ]
