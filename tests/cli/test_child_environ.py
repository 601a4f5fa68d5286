from __future__ import annotations

import pytest

from sidecar.cli.child_environ import base_url, for_command


def test_it_is_the_environment_less_what_is_the_sidecars_own() -> None:
    environ = {
        "PATH": "/bin",
        "FINHUB_ENVIRONMENT": "production",
        "FINHUB_CREDENTIALS__PASSWORD": "s3cret",
        "FINHUB_CREDENTIALS__PASSWORD_FILE": "/run/secrets/password",
        "FINHUB_LISTEN__CALLER_KEY": "s3cret",
        "FINHUB_NO__SUCH__KEY": "x",
        "FINHUB_FLAVOUR": "the command's own",
        "CREDENTIALS_DIRECTORY": "/run/credentials",
        "NOTIFY_SOCKET": "/run/notify",
        "LISTEN_FDS": "2",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=k",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "api-key=k",
        "FINHUB_CALLER_KEY": "of another sidecar",
    }
    assert for_command(environ, "127.0.0.1:8080", None) == {
        "PATH": "/bin",
        "FINHUB_FLAVOUR": "the command's own",
        "FINHUB_BASE_URL": "http://127.0.0.1:8080",
    }
    assert len(environ) == 13


def test_a_callers_key_is_for_callers() -> None:
    assert for_command({}, "127.0.0.1:1", "open-sesame") == {
        "FINHUB_BASE_URL": "http://127.0.0.1:1",
        "FINHUB_CALLER_KEY": "open-sesame",
    }


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost:1", "http://localhost:1"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
        ("unix:/run/fin hub.sock", "http+unix://%2Frun%2Ffin%20hub.sock"),
    ],
)
def test_a_caller_finds_the_listener(listen: str, url: str) -> None:
    assert base_url(listen) == url
