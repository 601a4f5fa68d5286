"""What `run` loads before it listens, and before it has served: counted, since a watch tells another time each run.

Every module is a file to find, to read and to run. Who adds one that is needed raises a number here, and says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from calling import BALANCE, get
from loaded import Loaded, loaded
from staging import staged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from staging import SidecarProcess

# Package → its modules, at most: a little above what was counted, since versions differ.
TO_LISTEN: Final = {
    "_cffi_backend": 1,
    "cachetools": 2,
    "cryptography": 52,
}
TO_SERVE: Final = {
    **TO_LISTEN,
    "aiohappyeyeballs": 6,
    "aiohttp": 42,  # its client and its parser; its web framework would be fifteen more
    "aiosignal": 1,
    "attr": 14,
    "backports": 1,  # an empty one, where aiohttp looks for zstd and a tool of the tests has put another of its kind
    "frozenlist": 2,
    "httptools": 7,
    "idna": 5,
    "jwt": 12,
    "multidict": 4,
    "propcache": 4,
    "typing_extensions": 1,
    "uvloop": 6,
    "yarl": 8,
}
# Ours: `config.residents` and `config.tenants` tell who lives here, `app.household`, `tenancy` and `share` serve them.
OURS_TO_LISTEN, ALL_TO_LISTEN, ALL_TO_SERVE = 100, 355, 585


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Loaded]]:
    def serve(sidecar: SidecarProcess) -> None:
        assert get(f"{sidecar.url}{BALANCE}").status == 200

    with staged(tmp_path_factory.mktemp("stage")) as stage:
        yield loaded(stage, ["run", "--config", str(stage.finhub.config)], serve)


def over(found: Loaded, budget: Mapping[str, int]) -> str:
    """Return what is beyond the budget, package by package, with who asked for it."""
    lines = [
        f"{package}: {count} modules, and {budget.get(package, 0)} are allowed; asked for: {found.askers(package)}"
        for package, count in sorted(found.foreign().items())
        if count > budget.get(package, 0)
    ]
    return "\n".join(lines)


def test_nothing_is_loaded_before_it_listens_that_listening_does_not_need(seen: Mapping[str, Loaded]) -> None:
    beyond = over(seen["listening"], TO_LISTEN)
    assert not beyond, beyond


def test_nothing_is_loaded_before_the_first_reply_that_it_does_not_need(seen: Mapping[str, Loaded]) -> None:
    beyond = over(seen["served"], TO_SERVE)
    assert not beyond, beyond


def test_the_configuration_is_read_by_code_of_our_own(seen: Mapping[str, Loaded]) -> None:
    """Libraries for it know every type there is, and take longer to load than all else until it listens."""
    assert {"attr", "msgspec", "pydantic", "pydantic_core"}.isdisjoint(seen["listening"].foreign())
    assert {"msgspec", "pydantic", "pydantic_core"}.isdisjoint(seen["served"].foreign())


def test_where_nobody_traces_nothing_of_opentelemetry_is_loaded(seen: Mapping[str, Loaded]) -> None:
    of_it = {"opentelemetry", "google", "requests", "urllib3"}
    assert of_it.isdisjoint(seen["served"].foreign())
    assert {name for name in seen["served"].ours() if "trac" in name or "span" in name} == {"sidecar.app.tracing"}


def test_where_there_is_no_audit_trail_nothing_of_it_is_loaded(seen: Mapping[str, Loaded]) -> None:
    assert [name for name in seen["served"].ours() if name.split(".")[1:2] == ["audit"]] == []


def test_no_more_of_our_own_is_loaded_before_it_listens(seen: Mapping[str, Loaded]) -> None:
    ours = seen["listening"].ours()
    late = {name for name in ours if name.split(".")[1:2] in (["admin"], ["demo"], ["emulator"])}
    assert late == set()
    assert len(ours) <= OURS_TO_LISTEN, sorted(ours)


def test_all_in_all_no_more_is_loaded(seen: Mapping[str, Loaded]) -> None:
    """Python's own modules are among them; the message tells what ours ask for."""
    for mark, most in (("listening", ALL_TO_LISTEN), ("served", ALL_TO_SERVE)):
        by = seen[mark].by
        asked = sorted(f"{name} (for {asker})" for name, asker in by.items() if asker.startswith("sidecar"))
        assert len(by) <= most, f"{len(by)} modules when {mark}: {asked}"
