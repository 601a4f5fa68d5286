from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from sidecar.config.build import build
from sidecar.config.defaults import defaults
from sidecar.config.model import ENVIRONMENTS, Config, EnvRef, FileRef

TENANT = {"tenant_id": "1"}


def made(environment: str, **sections: Any) -> Config:
    return build({"environment": environment, "credentials": TENANT, **sections}, defaults(environment))


def test_the_environments_are_three() -> None:
    assert ENVIRONMENTS == ("playground", "integration", "production")


@pytest.mark.parametrize(
    ("environment", "identity", "plain"),
    [("playground", False, True), ("integration", False, False), ("production", True, False)],
)
def test_each_environment_has_rules_that_nobody_can_change(
    environment: str,
    identity: bool,  # noqa: FBT001  # a table of expectations
    plain: bool,  # noqa: FBT001  # the same
) -> None:
    config = made(environment)
    assert (config.identity_required, config.plain_http_allowed) == (identity, plain)


def test_a_secret_is_a_reference_to_a_variable_or_a_file() -> None:
    config = made("playground", listen={"caller_key": {"env": "A"}}, identity={})
    assert config.listen.caller_key == EnvRef("A")
    config = made("playground", listen={"caller_key": {"file": "/a"}})
    assert config.listen.caller_key == FileRef("/a")


def test_importing_the_model_brings_no_network_and_nobody_elses_code() -> None:
    network = ("aiohttp", "asyncio", "pydantic", "ssl", "structlog")
    code = f"import sys, sidecar.config.model; print([name for name in {network} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
