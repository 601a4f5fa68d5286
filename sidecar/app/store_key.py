"""The keys that seal a stored session, and what must be there for it, where `session.store` names a store.

Thin. `check` and `run` say the same before anybody can connect.
"""

from __future__ import annotations

import os
import stat
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from sidecar.config.refs import FileRef
from sidecar.config.storing import place
from sidecar.errors import ConfigError, SecretError

if TYPE_CHECKING:
    from sidecar.app.material import Material
    from sidecar.config.model import Config
    from sidecar.session.store.sealed import KeyRing

_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH


def ring(config: Config, material: Material) -> KeyRing | None:
    """Return the keys of `session.store_key`, None where it names none; blocking.

    Raises:
        ConfigError: the library of the engine is not installed.
        SecretError: there is no key in it, or every user of this machine can read it.
    """
    if material.store_key is None:
        return None
    if place(config.session.store).nodes and find_spec("redis") is None:
        raise ConfigError(
            "session.store: Redis needs the extra fleet, which is not installed",
            remedy="pip install 'finhub-sidecar[fleet]', or keep the session in a file.",
        )
    if not config.identity.unsafe_key_mode:
        _refuse_exposed(config)
    from sidecar.session.store import sealed  # noqa: PLC0415  # whoever stores nothing need not have it

    return sealed.ring(material.store_key)


def _refuse_exposed(config: Config) -> None:
    ref = config.session.store_key
    if not isinstance(ref, FileRef):
        return
    try:
        mode = stat.S_IMODE(os.stat(ref.path).st_mode)  # noqa: PTH116  # a str
    except OSError:  # gone since it was read
        return
    if mode & _OTHERS:
        raise SecretError(
            f"session.store_key: every user of this machine can read or write the key (mode {mode:04o}, {ref.path})",
            remedy="Make it the sidecar's alone (chmod 600; for a Kubernetes volume defaultMode: 0440 and an fsGroup), "
            "or set identity.unsafe_key_mode = true where the volume cannot do better.",
        )
