"""What Prometheus would read out of a text: its samples, by name and labels."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

PREFIX = "finhub_sidecar_"


def samples(text: bytes) -> dict[str, float]:
    """Return every sample as `name{label="value",…}` without our prefix, the labels by name."""
    families = list(text_string_to_metric_families(text.decode()))
    found = [(_key(sample.name, sample.labels), sample.value) for family in families for sample in family.samples]
    assert len(dict(found)) == len(found), "a sample stands there twice"
    assert all(family.documentation and family.type != "unknown" for family in families)
    return {key.removeprefix(PREFIX): value for key, value in found}


def only(text: bytes, *names: str) -> dict[str, float]:
    """Return the samples of these metrics."""
    return {key: value for key, value in samples(text).items() if key.partition("{")[0] in names}


def _key(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name
