"""What becomes of a caller's fields, worked out once for all requests that have the same names.

Pure. What differs from request to request is left open: the values, what `Connection` names, and the UUID.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar.gateway.field_table import fold
from sidecar.gateway.passing import Passing, keys_of, passing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sidecar.gateway.field_table import Setting
    from sidecar.rawfields import RawFields

_OPEN: Final = (b"", b"")
"""Stands where a field with the request's UUID in it will."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A field of ours whose value holds the UUID, or goes behind a caller's own.

    `index` says where it stands among ours, or whose value it goes behind among those that pass.
    """

    index: int
    name: bytes
    around_uuid: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What passes of the caller's fields, and what is set behind them.

    Attributes:
        passing: the caller's.
        ours: what is set, complete but for `open`.
        open: those of `ours` that hold the UUID.
        appended: what is added to a value of the caller's.
    """

    passing: Passing
    ours: tuple[tuple[bytes, bytes], ...]
    open: tuple[Addition, ...]
    appended: tuple[Addition, ...]

    def apply(self, caller: RawFields, uuid: bytes) -> list[tuple[bytes, bytes]]:
        """Return what passes of `caller` and then ours."""
        fields = [*self.passing.pick(caller), *self.ours]
        first = len(self.passing.keys)
        for one in self.open:
            fields[first + one.index] = (one.name, uuid.join(one.around_uuid))
        for one in self.appended:
            name, present = fields[one.index]
            value = uuid.join(one.around_uuid)
            fields[one.index] = (name, present + b", " + value if present.strip() else value)
        return fields


@dataclass(frozen=True, slots=True)
class Table:
    """The field table of one lane, in the form in which plans are made of it."""

    settings: tuple[Setting, ...]
    known: Mapping[str, str | None]
    dropped: frozenset[bytes]  # lower-case names that never pass
    exact: frozenset[bytes]  # lower-case names that pass unless dropped, while their twins (`_` for `-`) never do
    guarded: frozenset[bytes]  # both, folded

    def plan(
        self,
        names: bytes,
        number: int,
        caller_ip: str | None,
        session_id: str | None,
        named: Collection[bytes] = (),
    ) -> Plan:
        """Return what becomes of so many fields with these names (`names_of`); `named` is what `Connection` names.

        Raises ConfigError (502) when a filled template is no legal field value.
        """
        passed = passing(keys_of(names, number), self._passes, named)
        values = {"caller.ip": caller_ip, "session.id": session_id, **self.known}
        ours: list[tuple[bytes, bytes]] = []
        left_open: list[Addition] = []
        appended: list[Addition] = []
        for setting in self.settings:
            is_present = setting.key in passed.keys
            pieces = None if is_present and setting.when == "absent" else setting.around_uuid(values)
            if pieces is None:
                continue
            if is_present:
                appended.append(Addition(_last(passed.keys, setting.key), setting.name, pieces))
                continue
            if len(pieces) > 1:
                left_open.append(Addition(len(ours), setting.name, pieces))
            ours.append((setting.name, pieces[0]) if len(pieces) == 1 else _OPEN)
        return Plan(passed, tuple(ours), tuple(left_open), tuple(appended))

    def _passes(self, key: bytes) -> bool:
        """Tell whether a caller's field passes: neither connection-specific, nor ours, nor a twin of ours."""
        return key not in self.dropped and (key in self.exact or fold(key) not in self.guarded)


def _last(keys: Sequence[bytes], key: bytes) -> int:
    return max(index for index, one in enumerate(keys) if one == key)
