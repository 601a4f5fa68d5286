from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sidecar.app import lanes
from sidecar.app.choices import Choices, choices, dialect_of
from sidecar.app.keeper import Keeper
from sidecar.app.material import Material, Standing
from sidecar.config.build import build
from sidecar.config.defaults import defaults
from sidecar.redact import Secret
from sidecar.session import dialect_file
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    from sidecar.config.model import Config

GIVEN: dict[str, Any] = {
    "environment": "playground",
    "credentials": {
        "username": "u",
        "password": {"env": "P"},
        "customer_id": "c",
        "customer_secret": {"env": "S"},
        "tenant_id": "1234567",
    },
}
SECRETS = (("password", Secret("one")), ("customer_secret", Secret("two")))


def made(**more: object) -> tuple[lanes.Tenant, Choices, Config]:
    config = build({**GIVEN, **more}, defaults("playground"))
    material = Material(identity=None, key_password=None, ca=None, crl=None, secrets=SECRETS, caller_key=None)
    standing = Standing(material=material, identity=None, tls=Tls(context=None, presented=False))
    dialect = dialect_of(config)
    chosen = choices(config, material, dialect)
    keeper = Keeper(config, {}, standing, lambda _: None)
    return lanes.build(config, keeper, dialect, chosen, emit=lambda _: None, jitter=lambda: 0.0), chosen, config


def test_a_tenant_is_made_of_what_was_chosen() -> None:
    tenant, chosen, _ = made()
    assert (tenant.lane.fields, tenant.lane.expired_when) == (chosen.fields, chosen.expired_when)
    assert (tenant.endpoint.credentials, tenant.source.terms) == (chosen.credentials, chosen.terms)
    assert (tenant.lane.tokens, tenant.lane.upstream) == (tenant.source, tenant.upstream)


def test_what_refuses_a_token_inside_a_reply_is_the_dialects_and_stays_when_the_rest_changes() -> None:
    tenant, chosen, config = made()
    assert tenant.lane.in_band is None
    tenant.dialect = dialect_file.load("fincard")
    tenant.use(chosen, config)
    assert tenant.lane.in_band is not None
    json = ((b"Content-Type", b"application/json"),)
    assert tenant.lane.in_band.may(200, json)
    assert tenant.lane.in_band.says(json, b'{"success":false,"code":401}')


def test_a_lane_is_built_with_what_its_dialect_says_of_refusals() -> None:
    tenant, _, _ = made(session={"dialect": "fincard"})
    assert tenant.lane.in_band is not None


def test_a_callers_own_login_is_answered_passed_or_refused_as_the_configuration_says_from_then_on() -> None:
    tenant, chosen, config = made()
    assert tenant.lane.own_calls is not None
    assert tenant.lane.own_calls.scrub is None
    stub = tenant.lane.own_calls.stub
    answer = stub.answer("POST", "/api/v2/auth/token", 0.0)
    assert answer is not None, "another generation's path"
    assert b'"tenantId": "1234567"' in answer.body
    for word, answers, passes in (("pass", True, True), ("refuse", False, False), ("stub", True, False)):
        tenant.use(chosen, config.replaced({"session": config.session.replaced({"login_endpoint": word})}))
        own = tenant.lane.own_calls
        assert (own is not None, own is not None and own.scrub is not None) == (answers, passes)


def test_redirects_are_left_alone_unless_the_configuration_says_so() -> None:
    tenant, chosen, config = made()
    assert tenant.lane.relocation is None
    tenant.use(chosen, config.replaced({"upstream": config.upstream.replaced({"rewrite_location": True})}))
    assert tenant.lane.relocation is not None
    assert b"playground.finhub.cloud" in tenant.lane.relocation.domains


def test_what_is_chosen_anew_is_used_from_then_on_and_what_is_on_its_way_keeps_its_lane() -> None:
    tenant, chosen, config = made()
    before = tenant.lane
    terms = dataclasses.replace(chosen.terms, wait=99.0)
    tenant.use(dataclasses.replace(chosen, expired_when="expired", credentials={"username": "w"}, terms=terms), config)
    assert (tenant.lane.expired_when, before.expired_when) == ("expired", chosen.expired_when)
    assert (tenant.endpoint.credentials, tenant.source.terms.wait) == ({"username": "w"}, 99.0)


def test_time_outs_are_those_of_the_configuration_in_use_and_connections_are_as_many_as_before() -> None:
    tenant, chosen, config = made()
    fresh = config.upstream.replaced(
        {"connect_timeout": 1.5, "response_timeout": 2.5, "idle_timeout": 3.5, "wait": 4.5}
    )
    tenant.use(chosen, config.replaced({"upstream": fresh}))
    bounds, desk, slots = tenant.upstream._bounds, tenant.endpoint._desk, tenant.upstream._slots  # noqa: SLF001  # values
    assert (bounds.connect, bounds.response, bounds.idle, bounds.wait) == (1.5, 2.5, 3.5, 4.5)
    assert (desk.connect, desk.response) == (1.5, 2.5)
    assert (slots.wait, bounds.connections) == (4.5, config.upstream.max_connections)


def test_both_doors_go_through_the_proxy_that_was_chosen_and_through_another_when_that_changes() -> None:
    tenant, chosen, config = made(upstream={"url": "https://finhub.example", "proxy": "http://proxy.example:1"})
    dialler = tenant.upstream._dialler  # noqa: SLF001  # a value
    assert chosen.proxy is not None
    assert (tenant.endpoint.proxy, dialler._proxy) == (chosen.proxy, chosen.proxy)  # noqa: SLF001  # a value
    tenant.use(dataclasses.replace(chosen, proxy=None), config)
    assert (tenant.endpoint.proxy, dialler._proxy) == (None, None)  # noqa: SLF001  # a value


def test_requests_are_shaped_where_the_configuration_says_so_and_in_one_queue_to_the_end() -> None:
    tenant, *_ = made()
    assert tenant.lane.shaper is None
    shaped, chosen, config = made(limits={"requests_per_second": 2.5, "burst": 3, "queue": 1.0})
    first = shaped.lane.shaper
    assert first is not None
    assert (first.limits.requests_per_second, first.limits.burst, first.limits.queue) == (2.5, 3, 1.0)
    shaped.use(chosen, config)
    assert shaped.lane.shaper is first
