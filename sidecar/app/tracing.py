"""Whether requests are traced, and by whom: OpenTelemetry is looked for only where the configuration names a collector.

Thin. `check` and `run` say the same where the extra is missing, before anybody can connect.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from sidecar.config.model import Config
    from sidecar.observe.tracing import Tracing

_NEEDED: Final = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http", "requests")


def require(config: Config) -> None:
    """Raise ConfigError where spans are wanted and what makes them is not installed."""
    if config.tracing.endpoint is not None and not all(map(_is_there, _NEEDED)):
        raise ConfigError(
            "tracing.endpoint: spans need OpenTelemetry, which is not installed",
            remedy="pip install 'finhub-sidecar[otel]', or leave tracing.endpoint out.",
        )


def build(config: Config) -> Tracing | None:
    """Return what traces requests, None where nobody does. Blocking: OpenTelemetry takes a while to load."""
    endpoint = config.tracing.endpoint
    if endpoint is None:
        return None
    from sidecar.observe.tracing import Tracing  # noqa: PLC0415  # whoever traces nothing need not have it

    return Tracing(
        endpoint,
        config.tracing.sample,
        environment=config.environment,
        upstream=config.upstream.url,
        tokens=config.session.url,
    )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # nothing is there of what it would be in
        return False
