"""The rules of the house that a program can check: pure modules, tests beside rooms, short functions, reasons.

`python tests/support/house.py modules|tests` prints the pure modules, or their test files, a line each, for CI.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
LONGEST: Final = 50
TYPICAL: Final = 12  # most functions are no longer than this

# Decisions that must never grow an await, a clock or a file, whatever their docstring says.
ALWAYS_PURE: Final = frozenset(
    {
        "sidecar/config/model.py",
        "sidecar/errors.py",
        "sidecar/events.py",
        "sidecar/gateway/fields.py",
        "sidecar/gateway/guard.py",
        "sidecar/gateway/replay.py",
        "sidecar/redact.py",
        "sidecar/session/dialect.py",
        "sidecar/session/state.py",
        "sidecar/session/token.py",
    }
)

_WAIVER: Final = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:\s*no (cover|branch)|fmt:\s*(off|skip))", re.IGNORECASE)
_REASONED: Final = re.compile(
    r"(#\s*(noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*|type: ignore\[[a-z, -]+\]"
    r"|pragma: no (cover|branch)|fmt: (off|skip))\s+)+# \S.*\w.*",
)


def modules(root: Path = ROOT) -> list[str]:
    """Return the path of every module of the package below `root`, as `sidecar/room/module.py`."""
    return sorted(path.relative_to(root).as_posix() for path in (root / "sidecar").rglob("*.py"))


def pure_modules(root: Path = ROOT) -> list[str]:
    """Return the modules that call themselves pure. Their docstrings are the one place where this is said."""
    return [path for path in modules(root) if says_pure((root / path).read_text(encoding="utf-8"))]


def mirrors(module: str, root: Path = ROOT) -> list[str]:
    """Return the test files of a module: of `sidecar/tls/identity.py`, `tests/tls/test_identity.py` and `…_*.py`.

    A package's own `__init__.py` is tested under the package's name: `tests/secret/test_secret.py`.
    """
    path = Path(module)
    room = root / "tests" / path.parent.relative_to("sidecar")
    name = path.parent.name if path.stem == "__init__" else path.stem
    name = name.strip("_")
    found = {*room.glob(f"test_{name}.py"), *room.glob(f"test_{name}_*.py")}
    return sorted(test.relative_to(root).as_posix() for test in found)


def says_pure(source: str) -> bool:
    """Tell whether a paragraph of the module's docstring begins "Pure." (or "Pure:", "Pure, but …")."""
    return re.search(r"^Pure[.:,;]", ast.get_docstring(ast.parse(source)) or "", re.MULTILINE) is not None


def does_something(source: str) -> bool:
    """Tell whether a module defines a function or class; one that only names others needs no test of its own."""
    defining = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, defining) for node in ast.parse(source).body)


def function_lengths(source: str) -> dict[str, int]:
    """Return each function's lines without decorators and docstring (contracts may be long), by `name:line`."""
    functions = (
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return {f"{node.name}:{node.lineno}": _length(node) for node in functions}


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    whole = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is None:
        return whole
    return whole - ((first.end_lineno or first.lineno) - first.lineno + 1)


def bare_waivers(source: str) -> list[int]:
    """Return the lines on which a linter or type checker is silenced without a reason in the same comment."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = ((token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT)
    return [line for line, text in comments if _WAIVER.search(text) and not _REASONED.fullmatch(text.strip())]


def _print(what: str) -> None:
    lines = pure_modules() if what == "modules" else [test for module in pure_modules() for test in mirrors(module)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    _print(sys.argv[1])
