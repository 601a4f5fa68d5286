from __future__ import annotations

from sidecar.config import catalogue
from sidecar.config.catalogue import keys, tenant_keys
from sidecar.config.kinds import Kind
from sidecar.config.model import Config, Listen, Refresh


def test_every_key_of_the_model_is_in_it_once() -> None:
    names = [key.name for key in keys()]
    assert len(names) == len(set(names))
    assert {"environment", "listen.address", "session.refresh", "session.refresh.margin", "fields"} <= set(names)
    assert "listen" not in names


def test_the_keys_of_a_table_stand_before_the_tables_in_it() -> None:
    names = [key.name for key in keys()]
    assert names.index("session.lifetime") < names.index("session.refresh") < names.index("session.refresh.enabled")
    assert names.index("workers") < names.index("listen.address")


def test_every_key_tells_its_meaning() -> None:
    assert [key.name for key in keys() if not key.description] == []


def test_every_key_has_a_default_an_example_or_a_default_of_its_environment() -> None:
    bare = {key.name for key in keys() if key.default is None and key.example is None}
    brought = {"upstream.url", "session.url", "session.dialect", "session.lifetime"}
    assert bare == {*brought, "fields", "session.refresh", "session.backoff", "session.store_tls", "tenants"}


def test_kinds_are_read_off_the_annotations() -> None:
    kinds = {key.name: key.kind for key in keys()}
    assert kinds["listen.caller_key"] is Kind.SECRET
    assert kinds["identity.key_file"] is Kind.FILE
    assert kinds["listen.max_body"] is Kind.SIZE
    assert kinds["session.backoff"] is Kind.TABLE
    assert kinds["log.level"] is Kind.TEXT


def test_choices_are_listed_also_where_the_key_may_be_absent() -> None:
    choices = {key.name: key.choices for key in keys()}
    assert choices["log.format"] == ("json", "console")
    assert choices["session.login"] == ("eager", "lazy")
    assert choices["credentials.username"] == ()


def test_tables_are_found_by_their_path() -> None:
    assert ("session", "refresh") in catalogue.tables()
    assert ("fields",) not in catalogue.tables()
    assert catalogue.section(()) is Config
    assert catalogue.section(("listen",)) is Listen
    assert catalogue.section(("session", "refresh")) is Refresh


def test_a_tenants_own_keys_are_those_that_no_table_has() -> None:
    assert [key.name for key in tenant_keys()] == ["name", "listen", "path_prefix", "strip_prefix", "field"]
    assert all(key.description for key in tenant_keys())
