"""What `certs inspect` found, for a terminal and as JSON.

Pure. Instants are UTC.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sidecar.observe.plain import plain
from sidecar.tls import chain, rules

if TYPE_CHECKING:
    from datetime import datetime

    from sidecar.tls.inspection import Inspection

_PAIR = {True: "the private key belongs to it", False: "the private key is another's", None: "no private key looked at"}


def as_json(found: Inspection, now: datetime) -> str:
    """Return everything as one JSON object; times RFC 3339."""
    leaf = found.leaf
    told: dict[str, Any] = {
        "accepted": not found.refusals,
        "subject": leaf.subject.rfc4514_string(),
        "organization": rules.organization(leaf) or None,
        "issuer": leaf.issuer.rfc4514_string(),
        "serial": f"{leaf.serial_number:x}",
        "not_before": leaf.not_valid_before_utc.isoformat(),
        "not_after": leaf.not_valid_after_utc.isoformat(),
        "days_left": (leaf.not_valid_after_utc - now).days,
        "key": rules.key_kind(leaf),
        "signature": rules.signature(leaf),
        "client_auth": chain.names_client_auth(leaf),
        "key_matches": found.key_matches,
        "chain": [other.subject.rfc4514_string() for other in found.others],
        "refusals": [{"rule": one.rule, "found": one.found, "remedy": one.remedy} for one in found.refusals],
        "warnings": list(found.warnings),
    }
    return json.dumps(told, ensure_ascii=False)


def as_text(found: Inspection, now: datetime) -> str:
    """Return everything in lines: what it is, what is odd, what FinHub would refuse and why."""
    leaf = found.leaf
    end = leaf.not_valid_after_utc
    lines = [
        f"{leaf.subject.rfc4514_string()}",
        f"  issued by  {leaf.issuer.rfc4514_string()}",
        f"  serial     {leaf.serial_number:x}",
        f"  valid      {leaf.not_valid_before_utc:%Y-%m-%d} to {end:%Y-%m-%d %H:%M} UTC, {(end - now).days} days left",
        f"  key        {rules.key_kind(leaf)}; {_PAIR[found.key_matches]}",
        f"  signature  {rules.signature(leaf)}",
        *[f"  chain      {other.subject.rfc4514_string()}" for other in found.others],
        *[f"! {warning}" for warning in found.warnings],
    ]
    for one in found.refusals:
        lines += [f"✗ {one.rule}: {one.found}", f"  → {one.remedy}"]
    if not found.refusals:
        lines.append("✓ nothing here that FinHub would refuse")
    return "\n".join(map(plain, lines))
