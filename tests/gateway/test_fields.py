from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import ConfigError, MalformedReply
from sidecar.gateway.connection import OF_REPLIES, OF_REQUESTS
from sidecar.gateway.fields import Facts, FieldPolicy, to_caller

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields


@dataclass(frozen=True)
class Rule:
    value: str | None = None
    when: str = "absent"
    remove: bool = False


PRODUCTION = {
    "Content-Type": Rule("application/json"),
    "sec-ch-ua-platform": Rule("{platform}"),
    "X-Forwarded-For": Rule("{client_ip}"),
    "User-Agent": Rule("Mozilla/5.0 (compatible; finhub-sidecar/{version})"),
    "X-Tenant-ID": Rule("{tenant_id}", when="always"),
    "X-Request-ID": Rule("{uuid}"),
    "X-Correlation-ID": Rule("{uuid}"),
    "X-Activity-ID": Rule("{uuid}"),
    "X-Session-ID": Rule("{session.id}"),
}
UUID = "11111111-2222-4333-8444-555555555555"
FACTS = Facts(caller_ip="10.9.8.7", uuid=UUID, session_id="s-1", host=b"api.finhub.example")
BEARER = b"Bearer ours"


def policy(rules: dict[str, Rule] = PRODUCTION) -> FieldPolicy:
    return FieldPolicy.build(rules, tenant_id="1234567", client_ip="192.0.2.1", platform="Linux", version="1.2.3")


def sent(*caller: tuple[bytes, bytes], rules: dict[str, Rule] = PRODUCTION, facts: Facts = FACTS) -> RawFields:
    return policy(rules).to_upstream(caller, facts, BEARER)


def all_of(fields: RawFields, name: bytes) -> list[bytes]:
    return [value for key, value in fields if key.lower() == name.lower()]


def test_a_caller_that_sends_nothing_gets_all_that_finhub_asks_for() -> None:
    assert sent() == (
        (b"Host", b"api.finhub.example"),
        (b"Content-Type", b"application/json"),
        (b"sec-ch-ua-platform", b"Linux"),
        (b"X-Forwarded-For", b"192.0.2.1"),
        (b"User-Agent", b"Mozilla/5.0 (compatible; finhub-sidecar/1.2.3)"),
        (b"X-Tenant-ID", b"1234567"),
        (b"X-Request-ID", UUID.encode()),
        (b"X-Correlation-ID", UUID.encode()),
        (b"X-Activity-ID", UUID.encode()),
        (b"X-Session-ID", b"s-1"),
        (b"Authorization", BEARER),
    )


def test_without_a_table_only_host_and_authorization_are_ours() -> None:
    caller = ((b"accept", b"*/*"), (b"X-A", b"1"), (b"COOKIE", b"a=b"), (b"x-a", b"2"), (b"X-Under_Score", b"3"))
    assert sent(*caller, rules={}) == ((b"Host", b"api.finhub.example"), *caller, (b"Authorization", BEARER))


@pytest.mark.parametrize(
    "field",
    [
        (b"content-TYPE", b"multipart/form-data; boundary=x"),
        (b"Content-Type", b""),
        (b"X-Forwarded-For", b"203.0.113.9"),
        (b"User-Agent", b"old program"),
        (b"X-Request-ID", b"mine"),
        (b"X-Session-ID", b"mine"),
    ],
)
def test_what_is_filled_when_absent_stands_as_the_caller_sent_it(field: tuple[bytes, bytes]) -> None:
    assert [pair for pair in sent(field) if pair[0].lower() == field[0].lower()] == [field]


@pytest.mark.parametrize("name", [b"X-Tenant-ID", b"x-tenant-id"])
def test_what_is_always_set_replaces_every_one_of_the_callers(name: bytes) -> None:
    assert all_of(sent((name, b"evil"), (name, b"worse")), b"X-Tenant-ID") == [b"1234567"]


@pytest.mark.parametrize("name", [b"Authorization", b"authorization", b"AUTHORIZATION"])
def test_the_callers_authorization_never_reaches_the_upstream(name: bytes) -> None:
    assert all_of(sent((name, b"Basic evil"), (name, b"x")), b"Authorization") == [BEARER]


def test_the_callers_host_is_replaced_by_the_upstreams() -> None:
    assert all_of(sent((b"host", b"localhost:8080")), b"Host") == [b"api.finhub.example"]


@pytest.mark.parametrize("name", [b"X-Sidecar-Key", b"x-sidecar-key", b"X_Sidecar_Key", b"Proxy-Authorization"])
def test_what_is_for_us_alone_is_not_forwarded(name: bytes) -> None:
    assert b"secret" not in [value for _, value in sent((name, b"secret"))]


@pytest.mark.parametrize("name", sorted(OF_REQUESTS))
def test_connection_specific_fields_are_not_forwarded(name: bytes) -> None:
    assert all_of(sent((name.title(), b"x")), name) == []


def test_what_connection_names_is_not_forwarded() -> None:
    fields = sent((b"X-A", b"1"), (b"Connection", b"close, x-a"), (b"X-B", b"2"), (b"x-a", b"3"))
    assert all_of(fields, b"X-A") == []
    assert all_of(fields, b"X-B") == [b"2"]


@pytest.mark.parametrize("option", [b"X-Tenant-ID", b"Authorization", b"Host", b"X-Request-ID, X-Forwarded-For"])
def test_trap_w_connection_cannot_remove_a_field_that_we_set(option: bytes) -> None:
    assert sent((b"Connection", option), (b"X-Request-ID", b"mine")) in (
        sent(),
        sent((b"X-Request-ID", b"mine")),
    )


def test_connection_cannot_unframe_the_body() -> None:
    assert all_of(sent((b"Content-Length", b"5"), (b"Connection", b"Content-Length")), b"Content-Length") == [b"5"]


@pytest.mark.parametrize(
    "twin",
    [
        b"X_Tenant_ID",
        b"X-Tenant_ID",
        b"x_tenant-id",
        b"X.Tenant.ID",
        b"X_Forwarded_For",
        b"User_Agent",
        b"X_Request_Id",
        b"X_Sidecar_Key",
        b"Transfer_Encoding",
        b"Content_Length",
        b"X_Powered-By",
    ],
)
def test_trap_w_the_underscore_twins_of_what_we_set_or_remove_are_dropped(twin: bytes) -> None:
    rules = PRODUCTION | {"X-Powered-By": Rule(remove=True)}
    assert sent((twin, b"evil"), rules=rules) == sent(rules=rules)


def test_trap_w_a_configured_name_with_an_underscore_passes_and_its_twin_does_not() -> None:
    rules = {"X_Old": Rule("ours")}
    assert all_of(sent((b"X_Old", b"theirs"), rules=rules), b"X_Old") == [b"theirs"]
    assert sent((b"X-Old", b"theirs"), rules=rules) == sent(rules=rules)


def test_a_removed_field_is_not_forwarded() -> None:
    fields = sent((b"x-powered-by", b"php"), (b"X-Other", b"1"), rules={"X-Powered-By": Rule(remove=True)})
    assert fields == ((b"Host", b"api.finhub.example"), (b"X-Other", b"1"), (b"Authorization", BEARER))


APPEND = {"X-Forwarded-For": Rule("{caller.ip}", when="append")}


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        ((), [b"10.9.8.7"]),
        (((b"x-forwarded-for", b"1.1.1.1"),), [b"1.1.1.1, 10.9.8.7"]),
        (
            ((b"X-Forwarded-For", b"1.1.1.1"), (b"A", b"x"), (b"X-Forwarded-For", b"2.2.2.2")),
            [b"1.1.1.1", b"2.2.2.2, 10.9.8.7"],
        ),
        (((b"X-Forwarded-For", b" "),), [b"10.9.8.7"]),
    ],
)
def test_append_adds_to_the_last_field_of_that_name(caller: RawFields, expected: list[bytes]) -> None:
    fields = sent(*caller, rules=APPEND)
    assert all_of(fields, b"X-Forwarded-For") == expected
    assert [name for name, _ in fields[1 : 1 + len(caller)]] == [name for name, _ in caller]


@pytest.mark.parametrize("when", ["absent", "always", "append"])
def test_a_field_with_an_unknown_variable_is_left_out(when: str) -> None:
    facts = Facts(caller_ip=None, uuid=UUID, session_id=None, host=b"h")
    rules = {"X-Session-ID": Rule("{session.id}", when=when), "X-From": Rule("via {caller.ip}", when=when)}
    assert sent(rules=rules, facts=facts) == ((b"Host", b"h"), (b"Authorization", BEARER))


def test_an_unknown_variable_leaves_the_callers_list_as_it_is() -> None:
    facts = Facts(caller_ip=None, uuid=UUID, session_id=None, host=b"h")
    fields = sent((b"X-Forwarded-For", b"1.1.1.1"), rules=APPEND, facts=facts)
    assert all_of(fields, b"X-Forwarded-For") == [b"1.1.1.1"]


def test_a_value_that_would_begin_another_field_is_refused() -> None:
    facts = Facts(caller_ip="10.9.8.7", uuid=UUID, session_id="s\r\nX-Admin: 1", host=b"h")
    with pytest.raises(ConfigError, match=r"fields\.X-Session-ID") as error:
        sent(facts=facts)
    assert error.value.status == 502


def test_content_length_passes_as_the_caller_sent_it() -> None:
    assert all_of(sent((b"content-length", b"0012")), b"Content-Length") == [b"0012"]


def test_a_rule_over_a_field_of_ours_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"fields\.Authorization"):
        policy({"Authorization": Rule("Bearer mine", when="always")})


def test_our_own_calls_have_the_required_fields_and_no_session() -> None:
    rules = PRODUCTION | {
        "X-Forwarded-For": Rule("{caller.ip}", when="append"),
        "X-Forwarded-From": Rule("{caller.ip}"),
    }
    assert policy(rules).own_call(UUID) == (
        (b"Content-Type", b"application/json"),
        (b"sec-ch-ua-platform", b"Linux"),
        (b"X-Forwarded-For", b"192.0.2.1"),
        (b"User-Agent", b"Mozilla/5.0 (compatible; finhub-sidecar/1.2.3)"),
        (b"X-Tenant-ID", b"1234567"),
        (b"X-Request-ID", UUID.encode()),
        (b"X-Correlation-ID", UUID.encode()),
        (b"X-Activity-ID", UUID.encode()),
        (b"X-Forwarded-From", b"192.0.2.1"),
    )


def test_a_session_id_by_any_other_name_is_left_out_of_our_own_calls() -> None:
    assert b"X-Sid" not in dict(policy({"X-Sid": Rule("{session.id}")}).own_call(UUID))


@pytest.mark.parametrize("name", sorted(OF_REPLIES))
def test_connection_specific_fields_of_a_reply_are_not_delivered(name: bytes) -> None:
    assert to_caller(((name.upper(), b"x"), (b"A", b"1"))) == ((b"A", b"1"),)


def test_what_a_replys_connection_names_is_not_delivered() -> None:
    reply = ((b"X-Hop", b"1"), (b"Connection", b"X-Hop, Content-Length"), (b"Content-Length", b"3"))
    assert to_caller(reply) == ((b"Content-Length", b"3"),)


def test_everything_else_of_a_reply_is_delivered_untouched() -> None:
    reply = (
        (b"ETag", b'"x"'),
        (b"Set-Cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"Proxy-Status", b"cdn; error=x"),
        (b"WWW-Authenticate", b"Bearer"),
        (b"X_Odd", b"caf\xc3\xa9"),
        (b"Content-Encoding", b"br"),
        (b"Set-Cookie", b"a=1"),
    )
    assert to_caller(reply) == reply


def test_trap_f_a_reply_that_cannot_be_delivered_unharmed_is_a_bad_gateway() -> None:
    with pytest.raises(MalformedReply, match="UTF-8"):
        to_caller(((b"X-Name", b"caf\xe9"),))


NAMES = st.sampled_from(
    [
        b"Authorization",
        b"X-Tenant-ID",
        b"x_tenant_id",
        b"Connection",
        b"Transfer-Encoding",
        b"TE",
        b"Host",
        b"X-Forwarded-For",
        b"Cookie",
        b"Accept",
        b"X-Any",
        b"X-Any_Thing",
    ]
)
VALUES = st.sampled_from([b"", b"close", b"X-Tenant-ID", b"authorization, host", b"X-Any"]) | st.binary(max_size=8)
CALLERS = st.lists(st.tuples(NAMES | st.from_regex(rb"[a-zA-Z_-]{1,12}", fullmatch=True), VALUES), max_size=12).map(
    tuple
)


@given(CALLERS)
def test_whatever_the_caller_sends_host_tenant_and_authorization_are_ours_and_once(caller: RawFields) -> None:
    fields = sent(*caller)
    assert fields[0] == (b"Host", b"api.finhub.example")
    assert fields[-1] == (b"Authorization", BEARER)
    folded = [name.lower().replace(b"_", b"-") for name, _ in fields]
    for name in (b"host", b"authorization", b"x-tenant-id"):
        assert folded.count(name) == 1
    assert all_of(fields, b"X-Tenant-ID") == [b"1234567"]


@given(CALLERS)
def test_whatever_the_caller_sends_nothing_connection_specific_survives(caller: RawFields) -> None:
    named = {option.strip(b" \t").lower() for value in all_of(caller, b"Connection") for option in value.split(b",")}
    ours = {name.lower() for name, _ in sent()}
    survivors = {name.lower() for name, _ in sent(*caller)}
    assert not survivors & OF_REQUESTS
    assert not survivors & (named - ours - {b"content-length"})


@given(CALLERS)
def test_whatever_passes_keeps_its_order_and_bytes(caller: RawFields) -> None:
    theirs = [field for field in sent(*caller) if field not in sent()]
    rest = iter(caller)
    assert all(field in rest for field in theirs)


@given(CALLERS)
def test_a_field_that_nobody_has_a_word_on_always_passes(caller: RawFields) -> None:
    plain = [field for field in caller if field[0] in {b"Cookie", b"Accept"}]
    others = [field for field in caller if field[0].lower() != b"connection"]
    passed = [field for field in sent(*others) if field[0] in {b"Cookie", b"Accept"}]
    assert passed == plain


# ── what is remembered ──────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_worked_out_for_some_names_serves_the_next_request_and_holds_nothing_of_the_last() -> None:
    made = policy()
    caller = (b"X-A", b"first"), (b"X_Tenant_ID", b"evil")
    made.to_upstream(caller, FACTS, BEARER)
    other = Facts(caller_ip=None, uuid="other-uuid", session_id="s-2", host=b"other.example")
    again = made.to_upstream(((b"X-A", b"second"), (b"X_Tenant_ID", b"worse")), other, b"Bearer next")
    assert again == policy().to_upstream(((b"X-A", b"second"),), other, b"Bearer next")
    assert made.remembered.cache_info()[:2] == (0, 2)  # type: ignore[attr-defined]  # it is an lru_cache
    made.to_upstream(caller, other, BEARER)
    assert made.remembered.cache_info()[:2] == (1, 2)  # type: ignore[attr-defined]  # as above


def test_callers_at_many_addresses_share_what_does_not_show_the_address() -> None:
    made = policy()
    for number in range(3):
        facts = Facts(caller_ip=f"10.0.0.{number}", uuid=UUID, session_id=None, host=b"h")
        made.to_upstream(((b"A", b"1"),), facts, BEARER)
    assert made.remembered.cache_info().misses == 1  # type: ignore[attr-defined]  # it is an lru_cache


def test_names_without_an_end_are_carried_and_not_remembered() -> None:
    made, long = policy({}), b"X-" + b"a" * 2000
    assert all_of(made.to_upstream(((long, b"1"),), FACTS, BEARER), long) == [b"1"]
    assert made.remembered.cache_info().currsize == 0  # type: ignore[attr-defined]  # it is an lru_cache
    assert to_caller(((long, b"1"),)) == ((long, b"1"),)


def test_a_connection_that_names_a_field_does_so_for_its_own_message_only() -> None:
    made, plain = policy({}), ((b"Connection", b"close"), (b"X-A", b"1"))
    for option, passes in ((b"close", True), (b"x-a", False), (b"keep-alive", True)):
        fields = made.to_upstream(((b"Connection", option), (b"X-A", b"1")), FACTS, BEARER)
        assert ((b"X-A", b"1") in fields) == passes
        reply = to_caller(((b"Connection", option), (b"X-A", b"1")))
        assert ((b"X-A", b"1") in reply) == passes
    assert to_caller(plain) == ((b"X-A", b"1"),)


def test_a_field_that_is_called_like_a_usual_option_is_of_the_connection_too() -> None:
    assert to_caller(((b"Connection", b"Close"), (b"close", b"1"))) == ()
