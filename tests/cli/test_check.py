from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from calling import PATIENCE
from insider import Insider
from staging import Stage, staged
from tenantstage import tenants_staged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as stage:
        yield stage


def check(stage: Stage, *more: str, **environ: str) -> tuple[int, list[str]]:
    """Return the exit code and the printed lines."""
    process = stage.start(["check", "--config", str(stage.finhub.config), *more], **environ)
    code = process.process.wait(PATIENCE)
    assert process.stderr == ""
    return code, process.stdout.splitlines()


def test_all_is_well_in_this_order(stage: Stage) -> None:
    code, lines = check(stage)
    assert code == 0
    assert [line.partition(":")[0] for line in lines if not line.startswith(" ")] == [
        "✓ configuration",
        "✓ secrets",
        "✓ identity",
        "✓ dialect",
        "✓ callers",
        "✓ DNS localhost",
        "✓ TCP localhost",
        "✓ TLS localhost",
        "✓ login",
        "✓ GET /api/v2.1/fintrans/acc-1/balance",
    ]
    assert [line for line in lines if line.startswith("  !")] == []
    assert stage.finhub.counts.login_attempts == 1


def test_offline_it_stops_before_the_network(stage: Stage) -> None:
    code, lines = check(stage, "--offline")
    assert (code, lines[-1]) == (0, "✓ callers: whoever can connect")
    assert stage.finhub.counts.connections == 0


def test_rejected_credentials_are_4_after_one_attempt_with_the_remedy(stage: Stage) -> None:
    (stage.finhub.folder / "password").write_text("wrong")
    code, lines = check(stage)
    assert code == 4
    assert lines[-2].startswith("✗ login: FinHub answered 401 to the login")
    assert lines[-1].startswith("  → Verify credentials.username")
    assert (stage.finhub.counts.login_attempts, stage.finhub.counts.logins) == (1, 0)


def test_an_API_that_forbids_is_4_though_the_login_was_well(stage: Stage) -> None:  # noqa: N802  # its name
    stage.finhub.fault("api:status=403")
    code, lines = check(stage)
    assert code == 4
    assert lines[-2] == "✗ GET /api/v2.1/fintrans/acc-1/balance: FinHub answered 403"


def test_a_network_that_fails_is_5(stage: Stage) -> None:
    code, lines = check(stage, UPSTREAM__URL="https://finhub.invalid")
    assert (code, lines[-2].startswith("✗ DNS finhub.invalid: ")) == (5, True)


def test_a_secret_that_is_not_there_is_3(stage: Stage) -> None:
    code, lines = check(stage, CREDENTIALS__PASSWORD_FILE="nowhere")
    assert (code, lines[-2].startswith("✗ secrets: credentials.password: ")) == (3, True)
    assert stage.finhub.counts.connections == 0


def test_a_configuration_that_cannot_be_used_is_2_with_a_line_for_each_problem(stage: Stage) -> None:
    code, lines = check(stage, LISTEN__MAX_BODY="-1", SESSION__WAIT="never")
    assert code == 2
    assert lines[0].startswith("✗ configuration: listen.max_body (FINHUB_LISTEN__MAX_BODY): ")
    assert lines[1].startswith("  session.wait (FINHUB_SESSION__WAIT): ")
    assert lines[2].startswith("  → Correct ")


def test_a_key_that_everybody_can_read_is_3_with_the_remedies_and_a_warning_where_it_is_taken(stage: Stage) -> None:
    key = stage.finhub.folder / "client.key"
    key.chmod(0o644)
    code, lines = check(stage, "--offline")
    assert code == 3
    assert lines[-2] == (
        f"✗ identity: identity.key_file: every user of this machine can read or write the key (mode 0644, {key})"
    )
    for remedy in ("chmod 600", "defaultMode: 0440", "fsGroup", "identity.unsafe_key_mode = true"):
        assert remedy in lines[-1]
    code, lines = check(stage, "--offline", IDENTITY__UNSAFE_KEY_MODE="true")
    assert code == 0
    assert f"  ! identity.key_file: every user of this machine can read or write the key (mode 0644, {key})" in lines


def test_it_holds_the_same_secrets_as_run_and_leaves_no_core_dump_either(stage: Stage) -> None:
    looking = Insider(stage, ["check", "--offline", "--config", str(stage.finhub.config)], {})
    assert looking.process.process.wait(PATIENCE) == 0
    assert looking.report()["core"] == [0, 0]


def test_of_several_tenants_each_is_checked_and_one_that_fails_stops_no_other(tmp_path: Path) -> None:
    ways = {"acme": "", "beta": 'path_prefix = "/beta"', "ceta": 'path_prefix = "/ceta"'}
    with tenants_staged(tmp_path, ways) as stage:
        stage.secrets.add("wrong-from-the-start")
        (tmp_path / "acme" / "password").write_text("wrong-from-the-start\n")
        (tmp_path / "beta" / "client.key").write_bytes((tmp_path / "ceta" / "client.key").read_bytes())
        process = stage.start(["check", "--config", str(stage.config)])
        assert process.process.wait(PATIENCE) == 4
        lines = [line.partition(":  ")[0] for line in process.stdout.splitlines() if line[0] in "✓✗"]
        steps = {tenant: [line for line in lines if f" {tenant}: " in line] for tenant in ways}
        assert [steps[tenant][-1].partition(":")[0] for tenant in ways] == ["✗ acme", "✗ beta", "✓ ceta"]
        assert steps["acme"][-1].startswith("✗ acme: login: ")
        assert steps["beta"][-1].startswith("✗ beta: identity: ")
        assert steps["ceta"][-1].startswith("✓ ceta: GET /api/v2.1/fintrans/acc-1/balance: ")
        assert [stage.finhubs[tenant].counts.login_attempts for tenant in ways] == [1, 0, 1]
