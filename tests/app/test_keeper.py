from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
from typing import TYPE_CHECKING

import pytest
from made import NOW, Made, make
from operating import Files, finhub, until

from sidecar import events
from sidecar.app import material
from sidecar.app.keeper import Changes, Keeper
from sidecar.errors import ConfigError, IdentityError, SecretError, SidecarError
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from pathlib import Path

    from sidecar.app.material import Standing
    from sidecar.config.model import Config


class Kept:
    """A keeper over an emulator's files, and what came of it."""

    def __init__(self, files: Files, keeper: Keeper, told: list[events.Event]) -> None:
        self.files, self.keeper, self.told = files, keeper, told
        self.taken: list[tuple[str, ...]] = []
        self.refuses: SidecarError | None = None
        keeper.prepare = self.prepare

    def prepare(self, config: Config, standing: Standing) -> _Take:
        if self.refuses is not None:
            raise self.refuses
        return _Take(self, config, standing)

    def failures(self) -> list[events.ReloadFailed]:
        return [event for event in self.told if isinstance(event, events.ReloadFailed)]


class _Take:
    def __init__(self, kept: Kept, config: Config, standing: Standing) -> None:
        self.kept, self.config, self.standing = kept, config, standing

    def __call__(self, what: Collection[str]) -> None:
        assert (self.kept.keeper.config, self.kept.keeper.standing) == (self.config, self.standing)
        self.kept.taken.append(tuple(what))


async def keeping(files: Files) -> Kept:
    def build() -> tuple[Config, Standing]:
        config = files.read()
        return config, material.stand(config, material.read(config, files.environ))

    config, standing = await asyncio.to_thread(build)
    told: list[events.Event] = []
    return Kept(files, Keeper(config, files.environ, standing, told.append, files.read), told)


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    async with finhub(tmp_path) as files:
        yield files


@pytest.fixture
async def kept(files: Files) -> Kept:
    return await keeping(files)


def another(name: str = "another") -> Made:
    today = dt.datetime.now(dt.UTC)
    return make(name, begin=today - dt.timedelta(days=1), end=today + dt.timedelta(days=90))


async def test_what_did_not_change_is_not_taken_and_not_told(kept: Kept) -> None:
    before = kept.keeper.standing
    assert await kept.keeper.look() == Changes()
    assert await kept.keeper.reload() == Changes()
    assert kept.keeper.standing is before
    assert (kept.taken, kept.told) == ([], [])


async def test_a_new_secret_is_taken_and_the_tls_stays_with_its_connections(kept: Kept) -> None:
    before = kept.keeper.standing
    kept.files.put("password", "another\n")
    assert await kept.keeper.look() == Changes(("secrets",))
    assert kept.taken == [("secrets",)]
    assert dict(kept.keeper.standing.material.secrets)["password"] == Secret("another")
    assert kept.keeper.standing.tls is before.tls
    assert kept.told == [events.Reloaded(what=("secrets",))]


async def test_a_secret_in_the_environment_is_looked_at_too(files: Files) -> None:
    files.environ["FINHUB_CREDENTIALS__PASSWORD"] = "one"
    kept = await keeping(files)
    files.environ["FINHUB_CREDENTIALS__PASSWORD"] = "two"
    assert await kept.keeper.look() == Changes(("secrets",))


async def test_a_command_is_run_again_once_its_time_is_over_or_at_a_reload(files: Files) -> None:
    files.put("told", "one-of-these")
    files.environ |= {
        "PATH": os.environ["PATH"],
        "FINHUB_CREDENTIALS__PASSWORD_COMMAND": json.dumps(["cat", str(files.folder / "told")]),
    }
    files.edit('password = { file = "password" }\n', "")
    kept = await keeping(files)
    files.put("told", "another-one")
    assert await kept.keeper.look() == Changes()
    assert await kept.keeper.reload() == Changes(("secrets",))
    assert dict(kept.keeper.standing.material.secrets)["password"] == Secret("another-one")


async def test_a_command_that_fails_leaves_the_secret_that_stands(files: Files) -> None:
    files.put("told", "one-of-these")
    files.environ |= {
        "PATH": os.environ["PATH"],
        "FINHUB_CREDENTIALS__PASSWORD_COMMAND": json.dumps(
            {"command": ["cat", str(files.folder / "told")], "cache": 0}
        ),
    }
    files.edit('password = { file = "password" }\n', "")
    kept = await keeping(files)
    (files.folder / "told").unlink()
    with pytest.raises(SecretError, match="the command cat failed: exit status 1"):
        await kept.keeper.look()
    assert dict(kept.keeper.standing.material.secrets)["password"] == Secret("one-of-these")


async def test_a_new_pair_makes_another_tls_context_and_is_announced(kept: Kept) -> None:
    before = kept.keeper.standing
    new = another()
    kept.files.put("client.crt", new.certificate_pem)
    kept.files.put("client.key", new.key_pem)
    assert await kept.keeper.look() == Changes(("identity",))
    assert kept.keeper.standing.tls is not before.tls
    assert [type(event) for event in kept.told] == [events.IdentityLoaded, events.Reloaded]


async def test_half_a_pair_keeps_the_old_one_and_is_told_once(kept: Kept) -> None:
    before, new = kept.keeper.standing, another()
    kept.files.put("client.crt", new.certificate_pem)
    for _ in range(3):
        with pytest.raises(IdentityError):
            await kept.keeper.look()
    assert kept.keeper.standing is before
    assert (len(kept.failures()), kept.taken) == (1, [])
    kept.files.put("client.key", new.key_pem)
    assert await kept.keeper.look() == Changes(("identity",))


async def test_a_key_that_everybody_can_read_by_now_is_refused_and_the_old_identity_stays(kept: Kept) -> None:
    before, key = kept.keeper.standing, kept.files.folder / "client.key"
    new = another()
    kept.files.put("client.crt", new.certificate_pem)
    kept.files.put("client.key", new.key_pem)
    key.chmod(0o644)
    with pytest.raises(IdentityError, match=r"identity\.key_file: every user .*mode 0644"):
        await kept.keeper.look()
    assert kept.keeper.standing is before
    kept.files.add("identity", "unsafe_key_mode = true")
    assert await kept.keeper.reload() == Changes(("identity.unsafe_key_mode", "identity"))
    (loaded,) = (event for event in kept.told if isinstance(event, events.IdentityLoaded))
    assert "every user of this machine" in loaded.warnings[0]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("password", "", SecretError),
        ("password", b"\xff\xfe", SecretError),
        ("client.crt", "", IdentityError),
        ("client.key", another("stranger").key_pem, IdentityError),
        ("client.crt", make(end=NOW).certificate_pem, IdentityError),
        ("ca.crt", "no certificate", ConfigError),
    ],
)
async def test_what_is_broken_keeps_all_that_is_in_use(
    kept: Kept, name: str, content: str | bytes, kind: type[SidecarError]
) -> None:
    before = kept.keeper.standing
    kept.files.put(name, content)
    kept.files.put("customer_secret", "a good one\n")
    with pytest.raises(kind):
        await kept.keeper.look()
    assert kept.keeper.standing is before
    assert kept.taken == []
    assert [failure.what for failure in kept.failures()] == [kind.__name__]


async def test_a_complaint_is_told_again_once_all_was_well_in_between(kept: Kept) -> None:
    good = (kept.files.folder / "password").read_bytes()
    for _ in range(2):
        kept.files.put("password", "")
        with pytest.raises(SecretError):
            await kept.keeper.look()
        kept.files.put("password", good)
        await kept.keeper.look()
    assert len(kept.failures()) == 2


async def test_the_swap_of_a_kubernetes_volume_is_seen(files: Files) -> None:
    def volume(version: str, password: str) -> None:
        (files.folder / version).mkdir()
        (files.folder / version / "password").write_text(password)
        (files.folder / "..fresh").symlink_to(version)
        (files.folder / "..fresh").replace(files.folder / "..data")

    volume("..2026_07_01", "one")
    (files.folder / "password").unlink()
    (files.folder / "password").symlink_to("..data/password")
    kept = await keeping(files)
    volume("..2026_07_02", "two")
    assert await kept.keeper.look() == Changes(("secrets",))
    assert dict(kept.keeper.standing.material.secrets)["password"] == Secret("two")


async def test_what_the_assembly_refuses_is_not_stored(kept: Kept) -> None:
    before = kept.keeper.standing
    kept.files.put("password", "another")
    kept.refuses = ConfigError("something is missing")
    with pytest.raises(ConfigError):
        await kept.keeper.look()
    assert kept.keeper.standing is before


async def test_the_timer_does_not_read_the_configuration_and_a_reload_does(kept: Kept) -> None:
    kept.files.add("listen", "max_body = 1")
    assert await kept.keeper.look() == Changes()
    assert await kept.keeper.reload() == Changes(("listen.max_body",))
    assert kept.keeper.config.listen.max_body == 1
    assert kept.taken == [("listen.max_body",)]


async def test_what_needs_a_restart_is_told_and_not_taken(kept: Kept) -> None:
    kept.files.add("upstream", "max_connections = 1")
    assert await kept.keeper.reload() == Changes((), ("upstream.max_connections",))
    assert kept.keeper.config.upstream.max_connections == 100
    assert kept.taken == []
    assert kept.told == [events.Reloaded(what=(), restart=("upstream.max_connections",))]


async def test_a_broken_configuration_changes_nothing_and_every_problem_is_told(kept: Kept) -> None:
    before = kept.keeper.config
    kept.files.add("listen", "max_body = -1\nunheard_of = 1")
    kept.files.put("password", "another")
    with pytest.raises(ConfigError) as raised:
        await kept.keeper.reload()
    assert len(raised.value.detail.splitlines()) == 2
    assert kept.keeper.config is before
    assert kept.taken == []


async def test_what_is_broken_is_known_until_it_was_looked_at_again(kept: Kept) -> None:
    good = (kept.files.folder / "password").read_bytes()
    assert kept.keeper.broken is None
    kept.files.put("password", "")
    with pytest.raises(SecretError):
        await kept.keeper.look()
    assert "credentials.password" in str(kept.keeper.broken)
    kept.files.put("password", good)
    await kept.keeper.look()
    assert kept.keeper.broken is None


async def test_a_broken_configuration_stays_known_while_only_files_are_looked_at(kept: Kept) -> None:
    text = kept.files.config.read_text()
    kept.files.config.write_text(f"nonsense = 1\n{text}")
    with pytest.raises(ConfigError):
        await kept.keeper.reload()
    await kept.keeper.look()
    assert isinstance(kept.keeper.broken, ConfigError)
    kept.files.config.write_text(text)
    await kept.keeper.reload()
    assert kept.keeper.broken is None


async def test_a_file_that_a_reload_found_broken_is_mended_by_a_look(kept: Kept) -> None:
    good = (kept.files.folder / "password").read_bytes()
    kept.files.put("password", "")
    with pytest.raises(SecretError):
        await kept.keeper.reload()
    kept.files.put("password", good)
    await kept.keeper.look()
    assert kept.keeper.broken is None


async def test_files_that_a_new_configuration_names_are_read_in_the_same_breath(kept: Kept) -> None:
    kept.files.put("other", "another")
    kept.files.edit('password = { file = "password" }', 'password = { file = "other" }')
    assert await kept.keeper.reload() == Changes(("credentials.password", "secrets"))


async def test_many_looks_at_once_take_a_change_once(kept: Kept) -> None:
    new = another()
    kept.files.put("client.crt", new.certificate_pem)
    kept.files.put("client.key", new.key_pem)
    changes = await asyncio.gather(*(kept.keeper.reload() for _ in range(5)))
    assert sorted(change.what for change in changes) == [(), (), (), (), ("identity",)]
    assert kept.taken == [("identity",)]


async def test_it_looks_every_reload_interval_also_after_a_failure(files: Files) -> None:
    files.add("identity", "reload_interval = 0.05")
    kept = await keeping(files)
    watching = asyncio.create_task(kept.keeper.watch())
    kept.files.put("password", "")
    await until(lambda: bool(kept.failures()))
    kept.files.put("password", "another")
    await until(lambda: bool(kept.taken))
    watching.cancel()
    await asyncio.wait({watching})
    assert kept.taken == [("secrets",)]


async def test_a_bug_in_one_look_is_told_and_does_not_end_the_watch(files: Files) -> None:
    files.add("identity", "reload_interval = 0.05")
    kept = await keeping(files)
    kept.keeper.prepare = None  # type: ignore[assignment]  # a bug, for one look
    kept.files.put("password", "another")
    watching = asyncio.create_task(kept.keeper.watch())
    await until(lambda: any(isinstance(event, events.Bug) for event in kept.told))
    kept.keeper.prepare = kept.prepare
    await until(lambda: bool(kept.taken))
    watching.cancel()
    await asyncio.wait({watching})


async def test_the_identity_is_announced_where_there_is_one(kept: Kept) -> None:
    kept.keeper.announce_identity()
    assert [type(event) for event in kept.told] == [events.IdentityLoaded]


async def test_without_an_identity_there_is_nothing_to_announce(tmp_path: Path) -> None:
    async with finhub(tmp_path, environment="playground") as files:
        kept = await keeping(files)
        kept.keeper.announce_identity()
        assert kept.told == []
