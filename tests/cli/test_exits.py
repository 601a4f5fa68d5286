from __future__ import annotations

import pytest

from sidecar import errors
from sidecar.cli.exits import code_of


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.ConfigError, 2),
        (errors.SecretError, 3),
        (errors.IdentityError, 3),
        (errors.Rejected, 4),
        (errors.ListenError, 5),
        (errors.SidecarUnreachable, 5),
        (errors.DnsError, 5),
        (errors.ConnectionRefused, 5),
        (errors.ConnectionTimeout, 5),
        (errors.TlsCertificateError, 5),
        (errors.TlsAlertReceived, 5),
        (errors.DestinationUnavailable, 5),
        (errors.MalformedReply, 5),
        (errors.SidecarError, 1),
        (errors.RequestDenied, 1),
        (errors.ControlRefused, 1),
    ],
)
def test_each_kind_of_failure_has_the_code_that_scripts_rely_on(kind: type[errors.SidecarError], code: int) -> None:
    assert code_of(kind("x")) == code
