from __future__ import annotations

from sidecar.config.catalogue import keys
from sidecar.config.kinds import Kind
from sidecar.config.later import KEYS, VALUES
from sidecar.config.reference import reference


def sections() -> dict[str, str]:
    parts = reference().split("\n## ")
    return {part.partition("\n")[0]: part for part in parts}


def test_every_key_has_a_row_under_its_table() -> None:
    by_name = sections()
    for key in keys():
        if key.kind not in {Kind.TABLE, Kind.FIELDS, Kind.TENANTS}:
            heading = f"[{'.'.join(key.parts[:-1])}]" if len(key.parts) > 1 else "Top level"
            assert f"| `{key.parts[-1]}` |" in by_name[heading], key.name


def test_every_row_has_as_many_cells_as_its_table() -> None:
    before, rest = reference().split("## What an environment brings")
    environments, tenants = rest.split("## [[tenants]]")
    for text, cells in ((before, 5), (environments, 4), (tenants, 5)):
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        assert {line.replace("\\|", "").count("|") for line in rows} == {cells + 1}


def test_every_row_tells_whether_a_change_needs_a_restart() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    told = {
        line.split(" | ")[0].strip("| `"): line.split(" | ")[3]
        for line in sections()["[session]"].splitlines()
        if line in rows
    }
    assert (told["wait"], told["dialect"]) == ("live", "restart")


def test_every_heading_stands_once() -> None:
    headings = [line for line in reference().splitlines() if line.startswith("## ")]
    assert len(headings) == len(set(headings))


def test_what_this_version_does_not_have_is_listed() -> None:
    later = sections()["Not available in this version"]
    assert all(f"`{key}`" in later for key in {*KEYS, *VALUES})
