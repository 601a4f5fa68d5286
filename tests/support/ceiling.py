"""README's word on the most memory that a configuration may take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from house import ROOT

if TYPE_CHECKING:
    from sidecar.config.model import Config

MIB: Final = 2**20


def ceiling(config: Config) -> int:
    """Return README's sum for a configuration, in bytes."""
    found = re.search(r"<!-- ceiling -->\n+```text\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert found is not None
    text = found[1].replace("\N{MULTIPLICATION SIGN}", "*").replace("MiB", f"*{MIB}").replace("KiB", "*1024")
    for section, key in re.findall(r"([a-z]+)\.([a-z_]+)", text):
        text = text.replace(f"{section}.{key}", str(getattr(getattr(config, section), key)))
    assert re.fullmatch(r"[\d\s*+()]+", text), text
    return int(eval(f"({text})"))  # noqa: S307  # digits and operators alone, as the line above saw
