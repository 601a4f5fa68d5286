from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from sidecar.config.load import load, parse
from sidecar.config.model import EnvRef, FileRef
from sidecar.config.refs import CommandRef
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

TENANT = '[credentials]\ntenant_id = "1"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "finhub.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_playground_configuration_is_tiny(tmp_path: Path) -> None:
    text = """
        environment = "playground"
        [credentials]
        username = "u"
        password = { env = "P" }
        customer_id = "c"
        customer_secret = { env = "S" }
        tenant_id = "1"
    """
    config = load(write(tmp_path, text), {})
    assert config.environment == "playground"
    assert config.upstream.url == "http://playground.finhub.cloud:8080"


def test_without_an_environment_the_strictest_rules_hold(tmp_path: Path) -> None:
    assert load(write(tmp_path, TENANT), {}).environment == "production"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, f'environment = "playground"\n{TENANT}[log]\nlevel = "debug"\nformat = "json"\n')
    config = load(path, {"FINHUB_LOG__LEVEL": "error", "FINHUB_ENVIRONMENT": "integration"})
    assert (config.log.level, config.log.format) == ("error", "json")
    assert config.upstream.url == "https://sandbox.finhub.cloud"


def test_variables_alone_can_say_everything() -> None:
    variables = {
        "FINHUB_ENVIRONMENT": "playground",
        "FINHUB_CREDENTIALS__USERNAME": "u",
        "FINHUB_CREDENTIALS__PASSWORD": "hunter2",
        "FINHUB_CREDENTIALS__CUSTOMER_SECRET_FILE": "/run/secret",
        "FINHUB_CREDENTIALS__TENANT_ID": "7",
        "FINHUB_LISTEN__ALLOW": '["GET /**"]',
        "FINHUB_FIELDS": '{"X-Powered-By": {"remove": true}}',
    }
    config = load(None, variables)
    assert config.credentials.password == EnvRef("FINHUB_CREDENTIALS__PASSWORD")
    assert config.credentials.customer_secret == FileRef("/run/secret")
    assert config.listen.allow == ("GET /**",)
    assert config.fields["X-Powered-By"].remove
    assert "hunter2" not in repr(config)


def test_relative_paths_count_from_the_file_that_holds_them(tmp_path: Path) -> None:
    text = f"""
        {TENANT}
        password = {{ file = "secrets/p" }}
        [identity]
        certificate_file = "c.crt"
        key_file = "/abs/k.key"
        [listen]
        address = "unix:run/finhub.sock"
        [session]
        dialect = "mine.toml"
        store = "file:kept/session"
        store_key = {{ file = "k" }}
        [audit]
        file = "audit.jsonl"
    """
    config = load(write(tmp_path, text), {})
    assert config.credentials.password == FileRef(str(tmp_path / "secrets/p"))
    assert config.identity.certificate_file == str(tmp_path / "c.crt")
    assert config.identity.key_file == "/abs/k.key"
    assert config.listen.address.path == str(tmp_path / "run/finhub.sock")
    assert config.session.dialect == str(tmp_path / "mine.toml")
    assert config.session.store == f"file:{tmp_path / 'kept/session'}"
    assert config.session.store_key == FileRef(str(tmp_path / "k"))
    assert config.audit.file == str(tmp_path / "audit.jsonl")


@pytest.mark.parametrize(
    ("program", "found"), [("bin/ask", "{folder}/bin/ask"), ("/bin/ask", "/bin/ask"), ("ask", "ask"), ("", None)]
)
def test_a_program_is_a_path_where_it_has_a_slash_and_is_else_looked_for(
    tmp_path: Path, program: str, found: str | None
) -> None:
    path = write(tmp_path, f'{TENANT}\npassword = {{ command = ["{program}", "a/b"] }}')
    if found is None:
        with pytest.raises(ConfigError, match=r"credentials\.password"):
            load(path, {})
    else:
        assert load(path, {}).credentials.password == CommandRef((found.format(folder=tmp_path), "a/b"))


def test_a_dash_is_stdout_and_no_path(tmp_path: Path) -> None:
    config = load(write(tmp_path, f'{TENANT}\n[audit]\nfile = "-"'), {})
    assert config.audit.file == "-"


def test_paths_in_variables_count_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = write(tmp_path, TENANT)
    monkeypatch.chdir(elsewhere)
    variables = {
        "FINHUB_UPSTREAM__CA_FILE": "ca.crt",
        "FINHUB_LISTEN__ADDRESS": "unix:s",
        "FINHUB_SESSION__DIALECT": "dialects/mine",
        "FINHUB_CREDENTIALS__PASSWORD_FILE": "p",
    }
    config = load(os.path.relpath(path), variables)
    assert config.upstream.ca_file == str(elsewhere / "ca.crt")
    assert config.listen.address.path == str(elsewhere / "s")
    assert config.session.dialect == str(elsewhere / "dialects/mine")
    assert config.credentials.password == FileRef(str(elsewhere / "p"))


@pytest.mark.parametrize(
    "text",
    [
        "log = 3",
        "[listen]\naddress = 3",
        '[listen]\naddress = "unix:"',
        "listen = 3",
        '[upstream]\nca_file = ""',
        "[upstream]\nca_file = []",
        "[credentials]\npassword = 3",
        "[credentials]\npassword = { file = 3 }",
        '[credentials]\npassword = { file = "" }',
        "[session]\ndialect = 3",
        "[session]\nstore = 3",
        '[session]\nstore = "file:"',
    ],
)
def test_what_is_no_path_is_left_for_the_model_to_refuse(text: str) -> None:
    with pytest.raises(ConfigError, match="found "):
        parse(text, {"FINHUB_CREDENTIALS__TENANT_ID": "1"})


def test_file_and_variables_are_reported_together(tmp_path: Path) -> None:
    path = write(tmp_path, '[log]\nlevel = "loud"\n[fields]\nX-A = { remove = true }\nx-a = { remove = true }')
    variables = {"FINHUB_LOG__FORMAT": "xml", "FINHUB_NO__KEY": "hunter2", "FINHUB_LISTEN__ADDRESS": "0.0.0.0:1"}
    with pytest.raises(ConfigError) as caught:
        load(path, variables)
    found = [line.partition(":")[0] for line in caught.value.detail.splitlines()]
    assert found == [
        "fields.x-a",
        "FINHUB_NO__KEY",
        "log.format (FINHUB_LOG__FORMAT)",
        "log.level",
        "listen.address (FINHUB_LISTEN__ADDRESS)",
        "listen.caller_key",
        "credentials.tenant_id",
    ]
    assert "hunter2" not in caught.value.detail
    assert str(path) in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# one\na = ", r"is not TOML: .*line 2, column 5"),
        ("a = 1 2", r"is not TOML: .*line 1, column 7"),
        ("[log]\n[log]", r"is not TOML: .*line 2, column"),
        ("a = " + "9" * 5000, "is not TOML: a number"),
        ("a = " + "[" * 100_000, "is not TOML: "),
    ],
)
def test_what_is_no_toml_is_refused_with_its_place(tmp_path: Path, text: str, found: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=f"{path} {found}") as caught:
        load(path, {})
    assert "config init" in caught.value.remedy


def test_a_file_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent.toml cannot be read: No such file") as caught:
        load(tmp_path / "absent.toml", {})
    assert "config init --output" in caught.value.remedy


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_a_file_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b"# one\n# caf\xe9\n")
    with pytest.raises(ConfigError, match="not UTF-8 in line 2"):
        load(path, {})


def test_a_file_beyond_all_measure_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.toml"
    path.write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load(path, {})


def test_paths_of_tenants_count_from_the_folder_of_the_file_too() -> None:
    text = TENANT_PATHS
    acme, beta = parse(text, {}, folder="/etc/finhub").tenants
    assert acme.identity.certificate_file == "/etc/finhub/acme.crt"
    assert acme.credentials.password == FileRef("/etc/finhub/password")
    assert str(acme.listen) == "unix:/etc/finhub/acme.sock"
    assert beta.session.dialect == "/etc/finhub/mine.toml"


def test_all_tenants_can_stand_in_one_variable_as_json() -> None:
    tenants = [{"name": "acme", "credentials": {"password": {"file": "p"}, "tenant_id": "1"}}]
    config = parse('environment = "playground"\n', {"FINHUB_TENANTS": json.dumps(tenants)})
    (acme,) = config.tenants
    assert acme.credentials.tenant_id == "1"
    assert isinstance(acme.credentials.password, FileRef)
    with pytest.raises(ConfigError, match=r"tenants\[0\].name \(FINHUB_TENANTS\)"):
        parse('environment = "playground"\n', {"FINHUB_TENANTS": "[{}]"})


@pytest.mark.parametrize("tenants", ["tenants = 5", "tenants = [5]"])
def test_what_is_no_list_of_tenants_is_told_and_not_looked_into(tenants: str) -> None:
    with pytest.raises(ConfigError, match="tenants"):
        parse(f'{tenants}\nenvironment = "playground"\n', {})


TENANT_PATHS = """
environment = "production"
[credentials]
tenant_id = "1"
[[tenants]]
name = "acme"
listen = "unix:acme.sock"
identity = { certificate_file = "acme.crt", key_file = "acme.key" }
credentials = { password = { file = "password" } }
[[tenants]]
name = "beta"
session = { dialect = "mine.toml" }
"""
