from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import BodyTooLarge, ConfigError, FieldsTooLarge, MalformedRequest, RequestDenied, SidecarError
from sidecar.guard.own_paths import OwnCall
from sidecar.guard.policy import Policy, admit, admit_again
from sidecar.guard.refusal import rule_of
from sidecar.redact import Secret

Fields = tuple[tuple[bytes, bytes], ...]

KEY = "caller-key-gr\xfcn"
HOST = (b"Host", b"localhost:8080")
LISTEN: dict[str, Any] = {
    "allowed_hosts": ("localhost", "127.0.0.1", "[::1]"),
    "allowed_origins": (),
    "allowed_peers": (),
    "caller_key": None,
    "own_paths": ((None, "/api/v2/auth/token"), ("DELETE", "/sessions/{id}")),
    "allow": ("* /**",),
    "max_body": 1000,
    "max_fields": 131_072,
    "host_checked": True,
}
DEFAULT = Policy.build(**LISTEN)
STRICT = Policy.build(
    **LISTEN
    | {
        "allowed_origins": ("https://app.example",),
        "allowed_peers": (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fe80::/10")),
        "caller_key": Secret(KEY),
        "allow": ("GET /api/**", "POST /api/pay"),
    }
)
UNIX = Policy.build(**LISTEN | {"host_checked": False})
USERS = Policy.build(**LISTEN | {"host_checked": False, "allowed_users": (1000, 1001)})


def ask(
    policy: Policy = DEFAULT,
    *,
    method: str = "GET",
    target: str = "/api/x",
    fields: Fields = (HOST,),
    peer: str | None = "127.0.0.1",
    uid: int | None = None,
    version: tuple[int, int] = (1, 1),
) -> None:
    admit(policy, method=method, target=target, fields=fields, peer=peer, uid=uid, version=version)


def refused(kind: type[SidecarError], rule: str, policy: Policy = DEFAULT, **request: Any) -> SidecarError:
    """Ask, and return the refusal, which must be of this kind and rule and name a remedy."""
    with pytest.raises(kind) as refusal:
        ask(policy, **request)
    assert rule_of(refusal.value) == rule
    assert refusal.value.remedy
    return refusal.value


@pytest.mark.parametrize("version", [(0, 9), (2, 0), (1, 2)])
def test_another_version_of_http_is_malformed(version: tuple[int, int]) -> None:
    refused(MalformedRequest, "version", version=version)


def test_http_1_0_is_admitted_but_knows_no_transfer_coding() -> None:
    ask(version=(1, 0))
    refused(MalformedRequest, "framing", version=(1, 0), fields=(HOST, (b"Transfer-Encoding", b"chunked")))


def test_all_fields_together_have_a_bound() -> None:
    ask(fields=(HOST, *(((b"X-A", b"a" * 16_000),) * 8)))
    with pytest.raises(FieldsTooLarge):
        ask(fields=(HOST, *(((b"X-A", b"a" * 16_000),) * 9)))


def test_the_bound_of_all_fields_counts_names_and_values_and_nothing_between_them() -> None:
    fields = (HOST, (b"X-A", b"12"), (b"B", b""))
    size = sum(len(name) + len(value) for name, value in fields)
    ask(Policy.build(**LISTEN | {"max_fields": size}), fields=fields)
    with pytest.raises(FieldsTooLarge):
        ask(Policy.build(**LISTEN | {"max_fields": size - 1}), fields=fields)


def test_an_ordinary_request_is_admitted() -> None:
    ask()


@pytest.mark.parametrize("method", ["GET", "POST", "get", "PROPFIND", "M-SEARCH", "x!#$%&'*+-.^_`|~"])
def test_any_token_is_a_method(method: str) -> None:
    ask(method=method)


@pytest.mark.parametrize("method", ["", "GE T", "GET\n", "GET\x00", "G\xc9T", "G,T", "G\udce9T"])
def test_what_is_no_token_is_no_method(method: str) -> None:
    refused(MalformedRequest, "method", method=method)


@pytest.mark.parametrize("target", ["/x", "finhub.example:443"])
@pytest.mark.parametrize("method", ["CONNECT", "connect"])
def test_connect_is_malformed(method: str, target: str) -> None:
    refused(MalformedRequest, "method", method=method, target=target)


@pytest.mark.parametrize("method", ["TRACE", "Trace"])
def test_trace_is_refused_since_its_reply_would_show_the_token(method: str) -> None:
    refused(RequestDenied, "method", method=method)
    refused(RequestDenied, "method", fields=(HOST, (b"X-HTTP-Method-Override", method.encode())))


@pytest.mark.parametrize("target", ["http://b/x", "*", "b:80", "/a/../b", "/%2e%2e/%00", "/a#f"])
def test_traps_i_and_x_a_target_with_two_meanings_is_400(target: str) -> None:
    error = refused(MalformedRequest, "target", target=target)
    assert error.status == 400


def test_a_malformed_target_is_400_whatever_its_host_says() -> None:
    refused(MalformedRequest, "target", target="http://evil.example/", fields=((b"Host", b"evil.example"),))


@pytest.mark.parametrize("fields", [(), (HOST, HOST), ((b"Host", b"localhost, evil.example"),), ((b"Host", b""),)])
def test_trap_x_a_request_without_exactly_one_host_is_400(fields: Fields) -> None:
    assert refused(MalformedRequest, "host", fields=fields).status == 400


def test_a_foreign_host_is_403() -> None:
    error = refused(RequestDenied, "host", fields=((b"Host", b"evil.example"),))
    assert error.status == 403
    assert "listen.allowed_hosts" in error.remedy


def test_on_a_unix_socket_any_host_will_do_but_there_is_one() -> None:
    ask(UNIX, fields=((b"Host", b""),), peer=None)
    ask(UNIX, fields=((b"Host", b"evil.example"),), peer=None)
    refused(MalformedRequest, "host", UNIX, fields=(HOST, HOST), peer=None)


def test_trap_f_bytes_that_are_not_utf_8_are_400() -> None:
    refused(MalformedRequest, "fields", fields=(HOST, (b"X-Name", b"caf\xe9")))


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ((b"Origin", b"https://evil.example"), "origin"),
        ((b"Origin", b"null"), "origin"),
        ((b"Sec-Fetch-Site", b"same-site"), "sec_fetch_site"),
        ((b"Access-Control-Request-Private-Network", b"true"), "preflight"),
        ((b"Access-Control-Request-Local-Network", b"true"), "preflight"),
    ],
)
def test_a_browser_page_is_refused(field: tuple[bytes, bytes], rule: str) -> None:
    refused(RequestDenied, rule, fields=(HOST, field))


def test_a_preflight_is_refused() -> None:
    fields = (HOST, (b"Access-Control-Request-Method", b"POST"))
    refused(RequestDenied, "preflight", method="OPTIONS", fields=fields)


STRICT_FIELDS = (HOST, (b"x-sidecar-KEY", KEY.encode()))


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3", "fe80::1%eth0"])
def test_a_caller_with_key_and_peer_is_admitted(peer: str) -> None:
    ask(STRICT, fields=(*STRICT_FIELDS, (b"Origin", b"https://app.example")), peer=peer)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::ffff:11.1.2.3", "::1", "", "nobody", None])
def test_any_other_peer_is_refused_with_the_key_to_change(peer: str | None) -> None:
    error = refused(RequestDenied, "peer", STRICT, fields=STRICT_FIELDS, peer=peer)
    assert "listen.allowed_peers" in error.remedy


@pytest.mark.parametrize("uid", [None, 0, 1000, 4294967295])
def test_where_no_users_are_named_every_user_is_admitted(uid: int | None) -> None:
    ask(UNIX, peer=None, uid=uid)
    ask(DEFAULT, uid=uid)


@pytest.mark.parametrize("uid", [1000, 1001])
def test_a_user_that_is_named_is_admitted(uid: int) -> None:
    ask(USERS, peer=None, uid=uid)


@pytest.mark.parametrize("uid", [0, 999, 1002, -1, 4294967295])
def test_any_other_user_is_refused_with_the_key_to_change_and_root_is_no_exception(uid: int) -> None:
    error = refused(RequestDenied, "user", USERS, peer=None, uid=uid)
    assert error.status == 403
    assert error.detail == f"The user {uid} is not in listen.allowed_users."
    assert "listen.allowed_users" in error.remedy


def test_where_users_are_named_an_unknown_one_is_refused() -> None:
    error = refused(RequestDenied, "user", USERS, peer=None)
    assert error.detail == "The caller's user is unknown, and is not in listen.allowed_users."


def test_what_has_no_single_meaning_is_400_whoever_sends_it_and_a_stranger_learns_of_no_other_rule() -> None:
    refused(MalformedRequest, "target", USERS, target="*", peer=None, uid=0)
    fields = (HOST, (b"Origin", b"https://evil.example"), (b"Content-Length", b"1001"))
    refused(RequestDenied, "user", USERS, method="TRACE", fields=fields, peer=None, uid=0)


@pytest.mark.parametrize(
    "keys",
    [[], [b""], [b"wrong"], [KEY.encode() + b"x"], [KEY.encode("latin-1").replace(b"\xfc", b"")], [KEY.encode()] * 2],
)
def test_a_missing_wrong_or_doubled_key_is_refused_and_never_shown(keys: list[bytes]) -> None:
    fields = (HOST, *((b"X-Sidecar-Key", key) for key in keys))
    error = refused(RequestDenied, "caller_key", STRICT, fields=fields, peer="10.1.2.3")
    assert "listen.caller_key" in error.remedy
    assert error.detail == f"The request holds {'a wrong or doubled' if keys else 'no'} X-Sidecar-Key."


def test_the_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr("hmac.compare_digest", compare)
    ask(STRICT, fields=STRICT_FIELDS, peer="10.1.2.3")
    assert compared == [(KEY.encode(), KEY.encode())]


@pytest.mark.parametrize("target", ["/api/v2/auth/token", "/API/v2/auth//%74oken/;x?y=1"])
def test_the_dialects_own_paths_are_refused(target: str) -> None:
    assert refused(RequestDenied, "login_endpoint", method="POST", target=target).status == 403


@pytest.mark.parametrize("target", ["/api/v2/auth/token", "/API/v2/auth//%74oken/;x"])
def test_a_call_of_the_sessions_own_is_told_from_other_refusals_and_no_rule_of_allow_was_asked(target: str) -> None:
    asked = {"target": target, "fields": STRICT_FIELDS, "peer": "10.1.2.3"}
    with pytest.raises(OwnCall) as own:
        ask(STRICT, method="POST", **asked)
    assert (own.value.methods, own.value.path) == (("POST",), target)
    with pytest.raises(OwnCall) as again:
        admit_again(STRICT, "PUT", f"{target}?q")
    assert (again.value.methods, again.value.path) == (("PUT",), target)


def test_what_else_speaks_against_a_call_of_the_sessions_own_is_said_first() -> None:
    own = {"method": "POST", "target": "/api/v2/auth/token"}
    refused(BodyTooLarge, "max_body", **own, fields=(HOST, (b"Content-Length", b"1001")))
    refused(RequestDenied, "host", **own, fields=((b"Host", b"evil.example"),))
    refused(RequestDenied, "method", **{**own, "method": "TRACE"})


def test_an_override_of_the_method_opens_no_way_around_a_rule() -> None:
    override = (b"X-HTTP-Method-Override", b"DELETE")
    ask(method="POST", target="/sessions/1")
    refused(RequestDenied, "login_endpoint", method="POST", target="/sessions/1", fields=(HOST, override))
    fields = (*STRICT_FIELDS, override)
    refused(RequestDenied, "allow", STRICT, method="POST", target="/api/pay", fields=fields, peer="10.1.2.3")


@pytest.mark.parametrize(("method", "target"), [("POST", "/api/x"), ("GET", "/other"), ("GET", "/api/a%2fb")])
def test_what_no_allow_rule_names_is_refused(method: str, target: str) -> None:
    refused(RequestDenied, "allow", STRICT, method=method, target=target, fields=STRICT_FIELDS, peer="10.1.2.3")


def test_the_query_is_no_matter_of_the_rules() -> None:
    ask(STRICT, method="POST", target="/api/pay?a=%2f%2e%zz", fields=STRICT_FIELDS, peer="10.1.2.3")


def test_smuggling_framings_are_400() -> None:
    fields = (HOST, (b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked"))
    refused(MalformedRequest, "framing", fields=fields)


def test_an_announced_body_may_be_as_large_as_the_limit_and_no_larger() -> None:
    ask(fields=(HOST, (b"Content-Length", b"1000")))
    error = refused(BodyTooLarge, "max_body", fields=(HOST, (b"Content-Length", b"1001")))
    assert error.status == 413
    assert "listen.max_body" in error.remedy


def test_who_may_not_use_us_is_told_nothing_about_sizes() -> None:
    refused(RequestDenied, "host", fields=((b"Host", b"evil.example"), (b"Content-Length", b"1001")))


def test_a_policy_never_shows_its_key() -> None:
    assert KEY not in repr(STRICT)


def test_a_policy_that_cannot_be_read_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"listen\.allow"):
        Policy.build(**LISTEN | {"allow": ("nonsense",)})


NAMES = st.sampled_from(
    [b"Host", b"Origin", b"Content-Length", b"Transfer-Encoding", b"X-Sidecar-Key", b"Sec-Fetch-Site"]
)


@given(
    policy=st.sampled_from([DEFAULT, STRICT, UNIX, USERS]),
    method=st.sampled_from(["GET", "POST", "OPTIONS"]) | st.text(),
    target=st.text() | st.text(alphabet="/.%2ef5c;\\?a*0").map("/".__add__),
    fields=st.lists(st.tuples(NAMES | st.binary(), st.binary())).map(lambda fields: (HOST, *fields)),
    end=st.tuples(st.sampled_from(["10.0.0.1", None]) | st.text(), st.sampled_from([1000, None]) | st.integers()),
)
def test_whatever_is_sent_is_admitted_or_refused_by_one_of_our_errors(
    policy: Policy, method: str, target: str, fields: Fields, end: tuple[str | None, int | None]
) -> None:
    try:
        admit(policy, method=method, target=target, fields=fields, peer=end[0], uid=end[1])
    except SidecarError as error:
        assert rule_of(error)  # noqa: PT017  # being admitted is as good an answer
        assert error.status in {400, 403, 413}  # noqa: PT017  # the same


def test_who_is_admitted_is_told_the_methods_that_the_request_may_be_taken_for() -> None:
    def spoken(*fields: tuple[bytes, bytes]) -> tuple[str, ...]:
        return tuple(admit(DEFAULT, method="GET", target="/a", fields=(HOST, *fields), peer="127.0.0.1"))

    assert spoken() == ("GET",)
    assert spoken((b"X-HTTP-Method", b"patch")) == ("GET", "PATCH")


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/api/x?y", 0),
        ("GET", "/other", 403),
        ("HEAD", "/api/x", 403),
        ("GET", "/api/../other", 400),
        ("GET", "*", 400),
        ("TRACE", "/api/x", 403),
        ("CONNECT", "/api/x", 400),
    ],
)
def test_a_head_that_was_admitted_may_go_on_with_whatever_target_it_might_have_begun_with(
    method: str, target: str, status: int
) -> None:
    if status == 0:
        assert admit_again(STRICT, method, target) == target.partition("?")[0]
        return
    with pytest.raises(SidecarError) as refusal:
        admit_again(STRICT, method, target)
    assert refusal.value.status == status
