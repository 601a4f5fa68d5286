"""What a fuzzer feeds, and what must hold whatever it feeds: each target takes bytes and raises AssertionError.

Whatever else a target raises is a finding too: these parts raise nothing but their declared errors.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from sidecar.config.load import load
from sidecar.errors import MalformedReply
from sidecar.gateway.connection import OF_REPLIES, OF_REQUESTS
from sidecar.gateway.fields import Facts, FieldPolicy, to_caller
from sidecar.guard.policy import Policy, admit
from sidecar.guard.refusal import Denied, Malformed, TooLarge
from sidecar.redact import HIDDEN, Secret, is_secret_key
from sidecar.session import dialect_file
from sidecar.session.answer import Failure, Grant, Kind
from sidecar.session.dialect import own_paths
from sidecar.session.expiry import LONGEST
from sidecar.session.reply import read_login, read_refresh
from sidecar.session.reply_time import LONGEST_PAUSE
from sidecar.session.token import Schedule, issue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Fields = tuple[tuple[bytes, bytes], ...]

_NOW: Final = 1_800_000_000.0
_LONGEST_TEXT: Final = 2000
_SHORTEST_SECRET: Final = 8  # what is shorter turns up in our own words by chance

# ── the dialect parser ──────────────────────────────────────────────────────────────────────────────────────────

_DIALECTS: Final = tuple(
    dialect_file.load(name)
    for name in ("production", "integration", "playground", "v2.1-admin", "v2.1-customer", "fincard")
)
_LIVING: Final = Secret("a-living-secret-of-the-sidecar")
_OUR_WORDS: Final = (
    "FinHub answered the login refresh but reply holds no token that header field can carry neither nor a validity "
    "userSessionToken accessToken access_token bffToken data.userSessionToken data.accessToken data.access_token "
    "data.bffToken refused client certificate missed one without success errorType attempts maxAttempts lockoutTime "
    f"has expired already is not a JSON object empty {HIDDEN} true false null"
)


def dialect(data: bytes) -> None:
    r"""Read a token endpoint's reply: `data` is dialect, kind and status in a byte each, then `fields\n\n` and a body.

    Status: 200 for a byte below 128, else 300 and up. A field is a line, `name:value`.
    """
    if len(data) < 3:  # the three bytes
        return
    chosen = _DIALECTS[data[0] % len(_DIALECTS)]
    read = read_login if data[1] % 2 else read_refresh
    status = 200 if data[2] < 128 else 300 + 2 * (data[2] - 128)  # as said
    head, _, body = data[3:].partition(b"\n\n")
    fields = tuple(_field(line) for line in head.split(b"\n"))
    answer = read(chosen, status, fields, body, _NOW)
    if isinstance(answer, Grant):
        _check_grant(answer, is_login=read is read_login)
    else:
        _check_failure(answer, body, is_login=read is read_login)


def _check_grant(grant: Grant, *, is_login: bool) -> None:
    assert grant.lifetime is None or (math.isfinite(grant.lifetime) and grant.lifetime <= LONGEST)
    assert grant.stated is None or math.isfinite(grant.stated)
    assert grant.session_id is None or _is_visible(grant.session_id)
    if not is_login:
        assert grant.token is not None or grant.lifetime is not None
        return
    assert grant.token is not None
    assert _is_visible(grant.token.reveal())
    assert grant.lifetime is None or grant.lifetime > 0
    token = issue(grant, 0.0, Schedule(margin=60.0, default_lifetime=1800.0), 0.5)
    assert 0 < token.renew_at < token.expires_at
    assert token.authorization == b"Bearer " + grant.token.reveal().encode("ascii")
    assert grant.token.reveal() not in repr(grant) + str(token) or len(grant.token.reveal()) < _SHORTEST_SECRET


def _check_failure(failure: Failure, body: bytes, *, is_login: bool) -> None:
    assert failure.retry_after is None or 0 < failure.retry_after <= LONGEST_PAUSE
    assert failure.kind is not Kind.UNSUPPORTED or not is_login
    assert failure.cause in {"proxy_configuration_error", "destination_unavailable", "http_protocol_error"}
    text = f"{failure.detail} {failure.remedy}"
    assert text.isprintable()
    assert len(text) <= _LONGEST_TEXT
    assert _LIVING.reveal() not in text
    for secret in _secrets_in(body):
        assert secret not in failure.detail or secret in _OUR_WORDS, "a secret stands in a failure's detail"


def _secrets_in(body: bytes) -> Iterator[str]:
    """Yield each text of a reply that stands under a key that names a secret."""
    document: object = None
    with suppress(ValueError, RecursionError):
        document = json.loads(body)
    left = [(document, False)]
    while left:
        value, hidden = left.pop()
        if isinstance(value, dict):
            left += [(part, hidden or is_secret_key(key)) for key, part in value.items()]
        elif isinstance(value, list):
            left += [(part, hidden) for part in value]
        elif hidden and isinstance(value, str) and len(value) >= _SHORTEST_SECRET:
            yield value


def _is_visible(text: str) -> bool:
    return bool(text) and all("!" <= letter <= "~" for letter in text)


# ── guard and field policy ──────────────────────────────────────────────────────────────────────────────────────

TENANT: Final = b"1234567"
AUTHORIZATION: Final = b"Bearer our-own-session-token"
_HOST: Final = b"api.finhub.example"
_MOST_OURS: Final = ("x-tenant-id", "authorization", "host")
_DECLARED: Final = (Malformed, Denied, TooLarge)

_CONFIG: Final = load(
    None,
    {
        "FINHUB_ENVIRONMENT": "production",
        "FINHUB_CREDENTIALS__TENANT_ID": TENANT.decode(),
        "FINHUB_IDENTITY__CERTIFICATE_FILE": "client.crt",
        "FINHUB_IDENTITY__KEY_FILE": "client.key",
    },
)
_POLICY: Final = Policy.build(
    allowed_hosts=_CONFIG.listen.allowed_hosts,
    allowed_origins=(),
    allowed_peers=(),
    caller_key=None,
    own_paths=own_paths(_DIALECTS[0]),
    allow=_CONFIG.listen.allow,
    max_body=_CONFIG.listen.max_body,
    max_fields=128 * 2**10,
    host_checked=True,
)
_FIELDS: Final = FieldPolicy.build(
    _CONFIG.fields, tenant_id=TENANT.decode(), client_ip="127.0.0.1", platform="Linux", version="0"
)
_FACTS: Final = Facts(
    caller_ip="127.0.0.1", uuid="00000000-0000-4000-8000-000000000000", session_id="session-1", host=_HOST
)


def fields(data: bytes) -> None:
    r"""Let a request in and set its fields: `data` is `METHOD TARGET\n`, then a field a line, `name:value`.

    Values may hold anything but LF. The same lines are delivered as a reply's fields, too.
    """
    line, _, rest = data.partition(b"\n")
    method, _, target = line.decode("latin-1").partition(" ")
    sent = tuple(_field(each) for each in rest.split(b"\n") if each)
    try:
        admit(_POLICY, method=method, target=target, fields=sent, peer="127.0.0.1")
    except _DECLARED:
        pass
    else:
        check_forwarded(_FIELDS.to_upstream(sent, _FACTS, AUTHORIZATION), sent)
    with suppress(MalformedReply):
        _check_delivered(to_caller(sent), sent)


def check_forwarded(found: Fields, sent: Fields) -> None:
    """Check what goes to FinHub for a request that was let in."""
    keys = [name.lower() for name, _ in found]
    assert _values(found, b"authorization") == [AUTHORIZATION]
    assert _values(found, b"x-tenant-id") == [TENANT]
    assert _values(found, b"host") == [_HOST]
    assert not set(keys) & (OF_REQUESTS - {b"authorization"})
    assert not {_folded(key) for key in keys if key not in _ours()} & {_folded(key) for key in _ours()}
    assert not set(keys) & (_options(sent) - _set_by_us())
    lengths = _values(found, b"content-length")
    assert lengths == _values(sent, b"content-length") or not lengths
    assert len(lengths) <= 1
    for name, value in found:
        assert name.isascii()
        assert not set(b"\r\n\0 :") & set(name)
        assert not set(b"\r\n\0") & set(value)


def _check_delivered(found: Fields, sent: Fields) -> None:
    keys = {name.lower() for name, _ in found}
    assert not keys & (OF_REPLIES | _options(sent))
    assert all(not set(b"\r\n\0") & set(value) for _, value in found)


def _ours() -> set[bytes]:
    return {name.encode() for name in _MOST_OURS}


def _set_by_us() -> set[bytes]:
    """Return the lower-case names that the table sets, whatever `Connection` says of the caller's own."""
    return {setting.key for setting in _FIELDS.table.settings} | _ours()


def _options(sent: Fields) -> set[bytes]:
    named = b",".join(_values(sent, b"connection")).lower().split(b",")
    return {option.strip(b" \t") for option in named} - {b"", b"content-length"}


def _values(found: Fields, key: bytes) -> list[bytes]:
    return [value for name, value in found if name.lower() == key]


def _folded(key: bytes) -> bytes:
    return bytes(letter if chr(letter).isalnum() else 45 for letter in key)


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, value


# ── where to begin ──────────────────────────────────────────────────────────────────────────────────────────────

TARGETS: Final[dict[str, Callable[[bytes], None]]] = {"dialect": dialect, "fields": fields}

_DATED: Final = b"Date:Wed, 15 Jan 2025 12:00:00 GMT\nRetry-After:30\n\n"
SEEDS: Final = {
    "dialect": (
        b"\x00\x01\x00"
        + _DATED
        + b'{"expires_in":1800,"userSessionToken":"eyJhbGciOiJub25lIn0.eyJpYXQiOjEsImV4cCI6OX0.",'
        b'"refreshToken":"refresh-0001"}',
        b"\x03\x01\x00"
        + _DATED
        + b'{"code":200,"data":{"token":"opaque-0001","sessionId":"s","expiresAt":"2025-01-16T12:00:00.123456789"}}',
        b"\x05\x01\x00" + _DATED + b'{"success":false,"code":401,"msg":"wrong"}',
        b"\x00\x01\xb2" + _DATED + b'{"code":401,"message":"no","data":{"attempts":1,"lockoutTime":"2025"}}',
        b"\x00\x00\xc0" + _DATED + b'{"code":429,"message":"a-living-secret-of-the-sidecar","token":"my-own-token"}',
        b"\x00\x00\x00" + _DATED + b'{"expires_in":"90","token":"my-own-token"}',
        b"\x00\x01\xb2\n\n<html>400 No required SSL certificate was sent</html>",
    ),
    "fields": (
        b"GET /api/v2.1/wallets/1/balance\nHost:localhost\nAccept:*/*",
        b"POST /api/x?y=1\nHost:127.0.0.1:8080\nContent-Length:5\nAuthorization:Bearer of-the-caller\nX_Tenant_ID:9",
        b"PUT /a\nhost:localhost\nConnection:X-Tenant-ID, content-length\nTransfer-Encoding:chunked\nTE:trailers",
        b"DELETE /%2e%2e/x\nHost:localhost\nCookie:a=b\nX-Forwarded-For:1.2.3.4\nX-Request-ID:1",
        b"POST /api/v2/auth/token\nHost:localhost\nX-HTTP-Method-Override:GET\nOrigin:null\nSec-Fetch-Site:none",
    ),
}
