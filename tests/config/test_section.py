from __future__ import annotations

from typing import ClassVar

import pytest

from sidecar.config.problems import Unfit
from sidecar.config.section import Fault, Faults, Section, Type, UnknownKey, key


def number(value: object) -> int:
    if not isinstance(value, int):
        raise Unfit("a number")
    return value


NUMBER = Type(number)


class Inner(Section):
    """A table in the other."""

    deep: int = key(NUMBER, default=0)


class Sample(Section):
    """A table of three keys, and what they must be together."""

    must: int = key(NUMBER)
    may: int = key(NUMBER, "What may be.", default=1, example=2)
    inner: Inner = key(Type(Inner.read), default=Inner())  # type: ignore[arg-type]  # tables only

    not_a_key: ClassVar[int] = 7

    def verify(self) -> None:
        if self.must > 100:
            raise Unfit("less", found="more")


def faults(**given: object) -> tuple[Fault, ...]:
    with pytest.raises(Faults) as caught:
        Sample.read(given)
    return caught.value.faults


def test_what_is_not_given_has_its_default() -> None:
    sample = Sample.read({"must": 5, "inner": {"deep": 3}})
    assert (sample.must, sample.may, sample.inner) == (5, 1, Inner(deep=3))


def test_everything_that_is_wrong_is_told_with_its_place() -> None:
    found = faults(may="x", inner={"deep": "y", "other": "z"}, self="s")
    assert [(fault.place, fault.value) for fault in found[1:]] == [
        (("may",), "x"),
        (("inner", "deep"), "y"),
        (("inner", "other"), "z"),
        (("self",), "s"),
    ]
    assert [fault.unfit.expected for fault in found] == ["Field required", *["a number"] * 2, *["no such key"] * 2]
    assert [isinstance(fault.unfit, UnknownKey) for fault in found] == [False, False, False, True, True]


def test_what_the_keys_are_together_is_looked_at_when_each_is_right() -> None:
    assert [fault.place for fault in faults(must=101, may="x")] == [("may",)]
    ((place, unfit),) = [(fault.place, fault.unfit) for fault in faults(must=101)]
    assert (place, unfit.found, unfit.expected) == ((), "more", "less")


def test_no_value_is_shown() -> None:
    found = faults(must="hunter2", other="hunter2")
    assert "hunter2" not in f"{Faults(found)} {found}"
    assert str(Faults(found)) == "must: a number; other: no such key"


def test_a_table_is_frozen() -> None:
    sample = Sample(must=5)
    with pytest.raises(AttributeError, match="Sample is frozen"):
        sample.may = 3  # type: ignore[misc]  # the point of the test
    with pytest.raises(AttributeError, match="Sample is frozen"):
        del sample.may
    assert sample.may == 1


def test_a_copy_may_differ_and_the_first_stays() -> None:
    first = Sample(must=5)
    assert (first.replaced({"may": 2}).may, first.may) == (2, 1)
    assert first.replaced({}) == first


def test_tables_are_equal_where_their_values_are() -> None:
    assert Sample(must=5) == Sample(must=5, may=1)
    assert hash(Sample(must=5)) == hash(Sample(must=5, may=1))
    assert Sample(must=5) != Sample(must=6)
    assert Inner() != object()
    assert repr(Sample(must=5)) == "Sample(must=5, may=1, inner=Inner(deep=0))"


def test_what_was_declared_can_be_read_off() -> None:
    assert list(Sample.members) == ["must", "may", "inner"]
    must, may, _ = Sample.members.values()
    assert (must.required, must.default) == (True, None)
    assert (may.required, may.default, may.description, may.example) == (False, 1, "What may be.", 2)
    assert not hasattr(Sample, "may")


def test_the_keys_of_a_table_are_those_of_what_it_is_made_of_too() -> None:
    class More(Inner):
        """One key more."""

        more: int = key(NUMBER, default=2)

    assert (More().deep, More(deep=1).more) == (0, 2)
    assert list(Inner.members) == ["deep"]
