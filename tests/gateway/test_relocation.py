"""FinHub's address in redirects and cookies, to the byte: what becomes the listener's, and what stays."""

from __future__ import annotations

import pytest

from sidecar.gateway.relocation import Relocation

FINHUB = Relocation.build("https://api.finhub.cloud")
ODD = Relocation.build("https://API.finhub.cloud:8443")
V6 = Relocation.build("https://[2001:db8::1]")
PLAIN = Relocation.build("http://127.0.0.1:80")
ASKED = ((b"Accept", b"*/*"), (b"host", b" 127.0.0.1:8080 "))
HERE = b"http://127.0.0.1:8080"


def place(value: bytes, known: Relocation = FINHUB, name: bytes = b"Location") -> bytes:
    ((_, made),) = known.apply(((name, value),), ASKED)
    return made


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (b"https://api.finhub.cloud/api/x?q=%2F&r#f", HERE + b"/api/x?q=%2F&r#f"),
        (b"https://api.finhub.cloud", HERE),
        (b"https://api.finhub.cloud?q", HERE + b"?q"),
        (b"https://api.finhub.cloud#f", HERE + b"#f"),
        (b"HTTPS://API.FinHub.Cloud/A", HERE + b"/A"),
        (b"https://api.finhub.cloud:443/x", HERE + b"/x"),
        (b"https://api.finhub.cloud:0443/x", HERE + b"/x"),
        (b"https://api.finhub.cloud:/x", HERE + b"/x"),
        (b"//api.finhub.cloud/x", HERE + b"/x"),
        (b"https://api.finhub.cloud//x", HERE + b"//x"),
        (b"https://api.finhub.cloud/?to=https://api.finhub.cloud/", HERE + b"/?to=https://api.finhub.cloud/"),
        (b"https://api.finhub.cloud/caf\xe9", HERE + b"/caf\xe9"),
    ],
)
def test_a_url_of_finhubs_origin_becomes_the_listeners_as_the_caller_called_it(value: bytes, made: bytes) -> None:
    assert place(value) == made
    assert place(value, name=b"content-location") == made


@pytest.mark.parametrize(
    "value",
    [
        b"http://api.finhub.cloud/x",
        b"https://api.finhub.cloud:8443/x",
        b"https://api.finhub.cloud.evil.example/x",
        b"https://api.finhub.cloud@evil.example/x",
        b"https://user@api.finhub.cloud/x",
        b"https://api.finhub.cloud\\x",
        b'https://api.finhub.cloud"x',
        b"https://finhub.cloud/x",
        b"https://xapi.finhub.cloud/x",
        b"https://apixfinhub.cloud/x",
        b"https:/api.finhub.cloud/x",
        b"/api/x",
        b"x/https://api.finhub.cloud/",
        b"?a=https://api.finhub.cloud/",
        b"",
    ],
)
def test_any_other_place_stays_as_it_is(value: bytes) -> None:
    assert place(value) == value
    assert place(value, name=b"Refresh") == value or value.startswith(b'https://api.finhub.cloud"')


@pytest.mark.parametrize(
    ("known", "value", "made"),
    [
        (ODD, b"https://api.finhub.cloud:8443/x", HERE + b"/x"),
        (ODD, b"https://api.finhub.cloud/x", None),
        (ODD, b"https://api.finhub.cloud:/x", None),
        (V6, b"https://[2001:DB8::1]/x", HERE + b"/x"),
        (V6, b"https://[2001:db8::1]:443/x", HERE + b"/x"),
        (PLAIN, b"http://127.0.0.1/x", HERE + b"/x"),
        (PLAIN, b"https://127.0.0.1/x", None),
    ],
)
def test_the_origin_is_scheme_host_and_port(known: Relocation, value: bytes, made: bytes | None) -> None:
    assert place(value, known) == (value if made is None else made)


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (b"5; url=https://api.finhub.cloud/x", b"5; url=" + HERE + b"/x"),
        (b"0;URL='https://api.finhub.cloud/x'", b"0;URL='" + HERE + b"/x'"),
        (b'1.5, url = "https://api.finhub.cloud"', b'1.5, url = "' + HERE + b'"'),
        (b"5; https://api.finhub.cloud/x", b"5; " + HERE + b"/x"),
        (b"5", b"5"),
        (b"5; url=https://other.example/x", b"5; url=https://other.example/x"),
        (b"5; url=/x", b"5; url=/x"),
    ],
)
def test_the_url_of_a_refresh_is_a_place_too(value: bytes, made: bytes) -> None:
    assert place(value, name=b"Refresh") == made


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (b"a=b; Domain=api.finhub.cloud; Path=/; Secure; HttpOnly", b"a=b; Path=/; HttpOnly"),
        (b"a=b;domain = .FinHub.cloud ;SECURE", b"a=b"),
        (b"a=b; SameSite=None; Secure; Partitioned; Max-Age=1", b"a=b; Max-Age=1"),
        (b"a=b; SameSite=Lax; Expires=Tue, 24 Nov 2026 10:00:00 GMT", None),
        (b"a=b; Domain=other.example", None),
        (b"a=b; Domain=cloud", None),
        (b"a=b; Domain=", None),
        (b"secure=1; Path=/", None),
        (b"a=Domain=api.finhub.cloud", None),
        (b"Secure", None),
        (b"", None),
    ],
)
def test_a_cookie_loses_what_keeps_it_from_coming_back_to_the_listener(value: bytes, made: bytes | None) -> None:
    assert place(value, name=b"Set-Cookie") == (value if made is None else made)


def test_all_other_fields_and_their_order_stay() -> None:
    url = b"https://api.finhub.cloud/x"
    reply = ((b"Link", url), (b"LOCATION", url), (b"Set-Cookie", b"a=1; Secure"), (b"set-cookie", b"b=2"), (b"X", url))
    assert FINHUB.apply(reply, ASKED) == (
        (b"Link", url),
        (b"LOCATION", HERE + b"/x"),
        (b"Set-Cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"X", url),
    )
    untouched = ((b"Link", url), (b"X", url))
    assert FINHUB.apply(untouched, ASKED) is untouched


@pytest.mark.parametrize("host", [b"", b"a/b", b"a b", b"[::1", b"a@b"])
def test_a_host_that_is_none_stands_in_no_url(host: bytes) -> None:
    reply = ((b"Location", b"https://api.finhub.cloud/x"),)
    assert FINHUB.apply(reply, ((b"Host", host),)) == ((b"Location", b"http://localhost/x"),)
    assert FINHUB.apply(reply, ()) == ((b"Location", b"http://localhost/x"),)


UNDER = Relocation.build("https://api.finhub.cloud", "/acme")


@pytest.mark.parametrize(
    ("name", "value", "made"),
    [
        (b"Location", b"https://api.finhub.cloud/x", HERE + b"/acme/x"),
        (b"Location", b"https://api.finhub.cloud?q", HERE + b"/acme?q"),
        (b"Location", b"/x?q", b"/acme/x?q"),
        (b"Content-Location", b"/", b"/acme/"),
        (b"Location", b"//api.finhub.cloud/x", HERE + b"/acme/x"),
        (b"Location", b"//other.example/x", None),
        (b"Location", b"/\\other.example/x", None),
        (b"Location", b"x/y", None),
        (b"Location", b"?q", None),
        (b"Location", b"https://other.example/x", None),
        (b"Refresh", b"5; url=/x", b"5; url=/acme/x"),
        (b"Refresh", b"5", None),
        (b"Set-Cookie", b"a=b; Path=/", b"a=b; Path=/acme/"),
        (b"Set-Cookie", b"a=b;path = /x;HttpOnly", b"a=b;path = /acme/x;HttpOnly"),
        (b"Set-Cookie", b"Path=/; Path=x; Path", None),
    ],
)
def test_behind_a_prefix_of_the_callers_paths_are_its_own_too(name: bytes, value: bytes, made: bytes | None) -> None:
    assert place(value, UNDER, name) == (value if made is None else made)


def test_the_domains_of_one_label_are_that_label() -> None:
    assert Relocation.build("https://finhub").domains == {b"finhub"}
    assert FINHUB.domains == {b"api.finhub.cloud", b"finhub.cloud"}
