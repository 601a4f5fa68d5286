from __future__ import annotations

import json

from leaves import leaf
from made import NOW, make

from sidecar.cli import inspected
from sidecar.tls.inspection import inspect

ROOT = make("root", ca=True)
GOOD = inspect({"a": leaf(issuer=ROOT).certificate_pem + ROOT.certificate_pem}, None, NOW)
BAD = inspect({"a": leaf(organization=None).certificate_pem}, None, NOW)


def test_a_good_one_is_told_in_lines() -> None:
    assert inspected.as_text(GOOD, NOW).splitlines() == [
        "CN=shop,O=Shop",
        "  issued by  CN=root",
        "  serial     abc123",
        "  valid      2026-06-21 to 2027-06-21 12:00 UTC, 355 days left",
        "  key        RSA 2048; no private key looked at",
        "  signature  sha256",
        "  chain      CN=root",
        "✓ nothing here that FinHub would refuse",
    ]


def test_a_refusal_is_told_with_its_remedy() -> None:
    rule, remedy = inspected.as_text(BAD, NOW).splitlines()[-2:]
    assert rule == "✗ organization: its subject names no organization (O)"
    assert remedy.startswith("  → Ask for another one")


def test_as_json_it_is_all_there() -> None:
    told = json.loads(inspected.as_json(GOOD, NOW))
    assert told["accepted"] is True
    assert told["not_after"] == "2027-06-21T12:00:00+00:00"
    assert (told["organization"], told["key"], told["signature"]) == ("Shop", "RSA 2048", "sha256")
    assert (told["client_auth"], told["key_matches"], told["chain"]) == (True, None, ["CN=root"])
    bad = json.loads(inspected.as_json(BAD, NOW))
    assert (bad["accepted"], bad["organization"]) == (False, None)
    assert [refusal["rule"] for refusal in bad["refusals"]] == ["organization"]
