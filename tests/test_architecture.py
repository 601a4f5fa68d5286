"""The picture in docs/ARCHITECTURE.md, held up against the code; and the checkers held up against made-up faults."""

from __future__ import annotations

import statistics

import house
import layers
import pytest

MODULES = house.modules()
PURE = house.pure_modules()
SOURCES = sorted(
    path.relative_to(house.ROOT).as_posix()
    for top in ("sidecar", "bench", "tests")
    for path in (house.ROOT / top).rglob("*.py")
)


def read(path: str) -> str:
    return (house.ROOT / path).read_text(encoding="utf-8")


# ── the code as it is ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", MODULES)
def test_imports_run_one_way(path: str) -> None:
    assert layers.import_faults(path, read(path)) == []


@pytest.mark.parametrize("path", [path for path in SOURCES if path.startswith("bench/")])
def test_what_is_measured_is_known_by_its_command_line_alone(path: str) -> None:
    assert {one.room for one in layers.imports(read(path))} <= {""}


@pytest.mark.parametrize("path", PURE)
def test_a_pure_module_imports_no_clock_no_chance_no_file_and_no_event_loop(path: str) -> None:
    assert layers.impurities(path, read(path)) == []


@pytest.mark.parametrize("path", PURE)
def test_a_pure_module_rests_on_pure_modules_only(path: str) -> None:
    assert {other for other in layers.ours(read(path)) if other in MODULES and other not in PURE} == set()


@pytest.mark.parametrize("path", sorted(house.ALWAYS_PURE & set(MODULES)))
def test_the_decisions_call_themselves_pure(path: str) -> None:
    assert path in PURE, f"{path} must be pure, and its docstring say so in a paragraph that begins with Pure."


@pytest.mark.parametrize("path", [path for path in MODULES if house.does_something(read(path))])
def test_every_module_has_a_test_file_beside_it(path: str) -> None:
    assert house.mirrors(path), f"{path} has no test file that mirrors it"


def test_no_two_helpers_of_the_tests_have_one_name() -> None:
    files = (path.rpartition("/")[2] for path in SOURCES if path.startswith("tests/"))
    helpers = [name for name in files if not name.startswith(("test_", "conftest", "__init__"))]
    assert len(set(helpers)) == len(helpers), "a folder on sys.path would hide the other's"


@pytest.mark.parametrize("path", MODULES)
def test_no_function_is_long(path: str) -> None:
    lengths = house.function_lengths(read(path))
    assert {name: length for name, length in lengths.items() if length > house.LONGEST} == {}


def test_most_functions_are_short() -> None:
    lengths = [length for path in MODULES for length in house.function_lengths(read(path)).values()]
    assert statistics.median(lengths) <= house.TYPICAL


@pytest.mark.parametrize("path", SOURCES)
def test_whoever_silences_a_checker_says_why(path: str) -> None:
    assert house.bare_waivers(read(path)) == []


# ── the checkers ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("sidecar/session/source.py", "from sidecar.tls.identity import Identity"),
        ("sidecar/tls/context.py", "import sidecar.session.token"),
        ("sidecar/secret/file.py", "from sidecar import tls"),
        ("sidecar/errors.py", "from sidecar.config.model import Config"),
        ("sidecar/config/model.py", "from sidecar.wire import clock"),
        ("sidecar/wire/client.py", "from sidecar.session.token import Token"),
        ("sidecar/gateway/handler.py", "from sidecar.admin import health"),
        ("sidecar/gateway/handler.py", "from sidecar.session.state import Gate"),
        ("sidecar/gateway/handler.py", "from sidecar.session.source import TokenSource, Flight"),
        ("sidecar/gateway/handler.py", "import sidecar.session.source"),
        ("sidecar/gateway/handler.py", "from sidecar import session"),
        ("sidecar/admin/pages.py", "from sidecar.observe import log"),
        ("sidecar/emulator/server.py", "from sidecar.config.model import Config"),
        ("sidecar/emulator/server.py", "from sidecar.observe import log"),
        ("sidecar/app.py", "from sidecar.server import serve"),
        ("sidecar/server.py", "from sidecar.emulator import rules"),
        ("sidecar/server.py", "from sidecar.cli import main"),
        ("sidecar/__init__.py", "from sidecar.errors import SidecarError"),
        ("sidecar/app.py", "from . import server"),
        ("sidecar/cli/run.py", "from bench.plan import Plan"),
        ("sidecar/app.py", "from sidecar.attic import old"),
        ("sidecar/attic/old.py", "import json"),
        ("sidecar/tls/context.py", "def f():\n    from sidecar.app import build"),
        ("sidecar/tls/context.py", "if TYPE_CHECKING:\n    from sidecar.session.token import Token"),
    ],
)
def test_an_import_against_the_grain_is_found(path: str, source: str) -> None:
    assert len(layers.import_faults(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("sidecar/gateway/handler.py", "from sidecar.session.source import TokenSource"),
        ("sidecar/gateway/handler.py", "from sidecar.session.token import Token\nimport asyncio"),
        ("sidecar/gateway/fields.py", "from sidecar.guard.policy import admit\nfrom sidecar.config import model"),
        ("sidecar/app.py", "from sidecar.observe.log import Log\nfrom sidecar import __version__, tls"),
        ("sidecar/cli/__init__.py", "from sidecar.emulator import run\nfrom sidecar.cli.demo import demo"),
        (
            "sidecar/emulator/server.py",
            "from sidecar import __version__, errors\nfrom sidecar.emulator.rules import Rules",
        ),
        ("sidecar/__init__.py", '__version__ = "1"'),
        ("sidecar/__main__.py", "from sidecar.cli import main"),
    ],
)
def test_an_import_with_the_grain_passes(path: str, source: str) -> None:
    assert layers.import_faults(path, source) == []


@pytest.mark.parametrize("module", sorted(layers.IMPURE))
def test_an_impure_import_is_found_however_it_is_written(module: str) -> None:
    assert layers.impurities("m.py", f"import {module}.x") == [f"m.py:1: a pure module must not import {module}.x"]
    assert layers.impurities("m.py", f"\nfrom {module} import x") == [f"m.py:2: a pure module must not import {module}"]


def test_a_name_that_only_starts_like_an_impure_one_passes() -> None:
    assert layers.impurities("m.py", "import timeit, osmosis\nfrom datetime import timedelta") == []


def test_what_a_module_rests_on_is_found_in_both_spellings() -> None:
    source = (
        "from sidecar.config import model\nfrom sidecar import errors\nimport sidecar.tls.context, json\nimport sidecar"
    )
    assert layers.ours(source) == {
        "sidecar/config.py",
        "sidecar/config/model.py",
        "sidecar/errors.py",
        "sidecar/tls/context.py",
    }


def test_the_two_session_tables_could_not_reach_for_a_clock_unseen() -> None:
    assert layers.impurities("m.py", "def f():\n    import time") != []


@pytest.mark.parametrize(
    ("docstring", "pure"),
    [
        ("What can happen.\n\nPure. More.", True),
        ("Tables.\n\n    Pure: no clock.", True),
        ("Tables.\n\nPure, but for its name.", True),
        ("Tables (pure).", False),
        ("All decisions, purely.", False),
        ("Pure joy is not enough", False),
        ("", False),
    ],
)
def test_a_module_calls_itself_pure_in_its_docstring(docstring: str, pure: bool) -> None:  # noqa: FBT001  # a table's column
    assert house.says_pure(f'"""{docstring}"""') is pure


@pytest.mark.parametrize(
    ("source", "needed"),
    [("import x\nX = 1\n", False), ("class A: ...", True), ("async def f(): ...", True), ("if x:\n    f()", False)],
)
def test_only_a_module_that_defines_something_needs_tests(source: str, needed: bool) -> None:  # noqa: FBT001  # a table's column
    assert house.does_something(source) is needed


def test_lengths_leave_docstrings_out_and_count_nested_functions_twice() -> None:
    source = """class A:
    def f(self):
        '''One.

        Two.
        '''
        def g():
            pass
        return g
"""
    assert house.function_lengths(source) == {"f:2": 4, "g:7": 2}


@pytest.mark.parametrize(
    "waiver",
    [
        "noqa",
        "noqa: S101",
        "noqa: S101  #",
        "type: ignore",
        "type: ignore[misc]",
        "type: ignore  # foreign stubs are wrong",
        "noqa  # because",
        "pragma: no cover",
        "fmt: off",
    ],
)
def test_a_silenced_checker_without_a_reason_is_found(waiver: str) -> None:
    assert house.bare_waivers(f"x = 1  # {waiver}\n") == [1]


@pytest.mark.parametrize(
    "waiver",
    [
        "noqa: S101  # the library asks for it",
        "noqa: S101  # `asked` names models only",
        "noqa: S101, PLR2004  # both for the same reason",
        "type: ignore[misc, arg-type]  # foreign stubs are wrong",
        "type: ignore[misc]  # noqa: PGH003  # foreign stubs are wrong",
        "pragma: no branch  # the loop ends by returning",
        "a plain comment",
    ],
)
def test_a_reason_in_the_same_comment_is_enough(waiver: str) -> None:
    assert house.bare_waivers(f"x = 1  # {waiver}\ny = '# {'noqa'}'\n") == []


def test_the_tests_of_a_module_are_found_by_its_name(tmp_path: house.Path) -> None:
    room = tmp_path / "tests" / "secret"
    room.mkdir(parents=True)
    for name in ("test_file.py", "test_file_bounds.py", "test_secret.py", "test_filename.py"):
        (room / name).touch()
    assert house.mirrors("sidecar/secret/file.py", tmp_path) == [
        "tests/secret/test_file.py",
        "tests/secret/test_file_bounds.py",
    ]
    assert house.mirrors("sidecar/secret/__init__.py", tmp_path) == ["tests/secret/test_secret.py"]
    assert house.mirrors("sidecar/secret/env.py", tmp_path) == []
