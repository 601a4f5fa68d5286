"""A table of the configuration, or of another file: its keys declared like a dataclass's, read all at once, frozen.

Pure. A `Section` is made of plain data, and every fault in it is told together, each with its place:

    class Drain(Section):
        max: float = key(SECONDS, "Seconds for what runs.", default=25.0)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Generic,
    NamedTuple,
    NoReturn,
    Self,
    TypeVar,
    dataclass_transform,
)

from sidecar.config.problems import Unfit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sidecar.config.kinds import Kind

    Place = tuple[str | int, ...]

T = TypeVar("T")
At = TypeVar("At", str, int)
# None is a default like any other.
_NONE: Final = object()


# ── what is wrong ───────────────────────────────────────────────────────────────────────────────────────────────


class UnknownKey(Unfit):
    """A key that the table does not have."""

    def __init__(self) -> None:
        super().__init__("no such key")


class MissingKey(Unfit):
    """A key that must be given and is not."""

    def __init__(self) -> None:
        super().__init__("Field required")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, what stands there, and what would be right. The value may be a secret."""

    place: Place
    value: object = field(repr=False)
    unfit: Unfit


class Faults(ValueError):
    """All that is wrong with some data. Its text has the places alone, and no value."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: Final = tuple(faults)
        super().__init__("; ".join(f"{'.'.join(map(str, fault.place))}: {fault.unfit}" for fault in self.faults))


class Reading:
    """Reads one value after another and goes on after a fault, so that all of them are told at once."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def take(self, read: Callable[[object], T], value: object, *place: str | int) -> T:
        """Return what `read` makes of `value`, which stands at `place`; what is wrong with it waits for `end`."""
        try:
            return read(value)
        except Faults as error:
            self._faults += [Fault((*place, *fault.place), fault.value, fault.unfit) for fault in error.faults]
        except Unfit as error:
            self._faults.append(Fault(place, value, error))
        # Nobody sees it: `end` raises.
        return None  # type: ignore[return-value]  # as said above

    def end(self) -> None:
        """Raise Faults if anything was wrong."""
        if self._faults:
            raise Faults(self._faults)


def all_of(read: Callable[[object], T], parts: Iterable[tuple[At, object]], *inside: str) -> dict[At, T]:
    """Return what `read` makes of each value, by its key or number, which is its place `inside`; Faults as `read`'s."""
    reading = Reading()
    found = {at: reading.take(read, value, *inside, at) for at, value in parts}
    reading.end()
    return found


# ── what there is ───────────────────────────────────────────────────────────────────────────────────────────────


class Type(NamedTuple, Generic[T]):
    """What a key takes.

    Attributes:
        read: makes the value of plain data; raises Unfit, or Faults for what is wrong inside of it.
        kind: what the environment and the reference need to know of it.
        schema: its JSON Schema.
        choices: all that it may be, where that is one of a few words.
        section: the table that stands there, or whose like do.
    """

    read: Callable[[object], T]
    kind: Kind | None = None
    schema: Mapping[str, object] = MappingProxyType({})
    choices: tuple[str, ...] = ()
    section: type[Section] | None = None


class Member(NamedTuple):
    """One key of a table, as declared."""

    type: Type[Any]
    description: str
    example: object
    given: object

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.given is _NONE

    @property
    def default(self) -> object:
        """What the key is where it is not given; None where it is required."""
        return None if self.required else self.given


def key(of: Type[T], description: str = "", *, default: T = _NONE, example: object = None) -> T:  # type: ignore[assignment]  # a mark that is no T
    """Declare a key of a `Section`; without a default it must be given. The default itself is not read."""
    return Member(of, description, example, default)  # type: ignore[return-value]  # to a type checker it is the value


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(key,))
class Section:
    """A frozen table: no key but its own, equal where all its values are."""

    members: ClassVar[Mapping[str, Member]] = {}

    def __init_subclass__(cls) -> None:
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Member)}
        for name in own:
            delattr(cls, name)
        cls.members = MappingProxyType({**cls.members, **own})

    def __init__(self, /, **given: Any) -> None:
        reading = Reading()
        for name, member in self.members.items():
            if name in given:
                self.__dict__[name] = reading.take(member.type.read, given[name], name)
            elif member.required:
                reading.take(_missing, given, name)
            else:
                self.__dict__[name] = member.default
        for name, value in given.items():
            if name not in self.members:
                reading.take(_unknown, value, name)
        reading.end()
        reading.take(lambda _: self.verify(), given)
        reading.end()

    @classmethod
    def read(cls, data: Mapping[str, object]) -> Self:
        """Return the section that plain data make; Faults for all that is wrong with them."""
        return cls(**data)

    def verify(self) -> None:
        """Raise Unfit where keys that are each right do not go together."""

    def replaced(self, changes: Mapping[str, object]) -> Self:
        """Return a copy with other values for some keys, which are taken as they are."""
        copy = object.__new__(type(self))
        copy.__dict__.update({**self.__dict__, **changes})
        return copy

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"


def _missing(_: object) -> NoReturn:
    raise MissingKey


def _unknown(_: object) -> NoReturn:
    raise UnknownKey
