from __future__ import annotations

from sidecar.emulator.seen import Record, Seen, fingerprint, shown_field, shown_query, subject_name


def seen(number: int) -> Seen:
    return Seen(
        number=number,
        scope="api",
        method="GET",
        path="/",
        query="",
        status=200,
        client_certificate=None,
        fields=(("X-Tenant-ID", "1"), ("x-tenant-id", "2")),
        body_length=0,
        body_sha256="",
        fault=None,
    )


def test_requests_are_numbered_from_one() -> None:
    record = Record()
    assert [record.next_number() for _ in range(3)] == [1, 2, 3]


def test_the_latest_can_be_asked_for() -> None:
    record = Record()
    for number in range(5):
        record.add(seen(number))
    assert [each.number for each in record.latest()] == [0, 1, 2, 3, 4]
    assert [each.number for each in record.latest(2)] == [3, 4]
    assert record.latest(0) == []
    assert len(record.latest(9)) == 5


def test_the_record_is_bounded() -> None:
    record = Record()
    for number in range(10_001):
        record.add(seen(number))
    assert len(record.latest()) == 10_000
    assert record.latest()[0].number == 1


def test_values_are_found_in_any_case() -> None:
    assert seen(1).values("X-TENANT-ID") == ["1", "2"]


def test_a_fingerprint_is_equal_for_equal_secrets() -> None:
    assert fingerprint("abc") == fingerprint("abc") == "sha256:ba7816bf8f01"
    assert fingerprint("abd") != fingerprint("abc")


def test_a_secret_field_shows_its_fingerprint_and_its_scheme() -> None:
    assert shown_field("User-Agent", "curl") == "curl"
    assert shown_field("Authorization", "Bearer abc") == f"Bearer {fingerprint('abc')}"
    assert shown_field("X-Api-Key", "abc") == fingerprint("abc")


def test_a_query_without_secrets_stays_as_it_is() -> None:
    assert shown_query("a=%2f&&b") == "a=%2f&&b"


def test_a_secret_in_a_query_shows_its_fingerprint() -> None:
    assert shown_query("a=1&access_token=abc") == "a=1&access_token=sha256%3Aba7816bf8f01"


def test_a_subject_is_one_line() -> None:
    certificate: dict[str, object] = {"subject": ((("organizationName", "O"),), (("commonName", "C"),))}
    assert subject_name(certificate) == "organizationName=O,commonName=C"
    assert subject_name(None) is None
    assert subject_name({}) is None
