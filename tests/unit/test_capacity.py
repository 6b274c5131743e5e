"""Tests that the cost benchmark counts DynamoDB's capacity units as the developer guide describes."""

from __future__ import annotations

from benchmarks.capacity import Units, size_bytes
from tests.rows import each_row

INDEX = {"OpenJobs": ("open_status", "due_at")}
LISTED = {"open_status": {"S": "LISTED"}, "due_at": {"S": "2026-11-21"}}


def row(size: int, **more: dict[str, str]) -> dict[str, dict[str, str]]:
    filler = {**more, "a": {"S": ""}}
    return {**filler, "a": {"S": "x" * (size - size_bytes(filler))}}


@each_row(
    ("value", "expected"),
    [({"S": "åb"}, 3), ({"N": "12345"}, 4), ({"N": "-0.5"}, 2), ({"BOOL": True}, 1), ({"SS": ["ab", "c"]}, 3),
     ({"M": {"k": {"S": "v"}}}, 6), ({"L": [{"S": "v"}]}, 5), ({"NULL": True}, 1)],
)  # fmt: skip
def test_a_value_has_its_size(value: dict[str, object], expected: int) -> None:
    assert size_bytes({"": value}) == expected


@each_row(("size", "units"), [(1, 1), (1024, 1), (1025, 2), (3000, 3)])
def test_a_write_counts_by_the_kilobyte_and_twice_in_a_transaction(size: int, units: int) -> None:
    alone, together = Units(), Units()
    alone.write({}, row(size), transacted=False)
    together.write(row(size), row(size), transacted=True)
    assert (alone.writes, together.writes, together.in_transactions) == (units, 2 * units, 2 * units)


def test_the_larger_of_before_and_after_counts() -> None:
    units = Units()
    units.write(row(2000), row(10), transacted=False)
    assert (units.writes, units.largest_row_bytes) == (2, 2000)


@each_row(
    ("before", "after", "moved"),
    [({}, LISTED, 1), (LISTED, {}, 1), (LISTED, {**LISTED, "due_at": {"S": "later"}}, 2), (LISTED, LISTED, 0)],
)
def test_an_index_entry_counts_when_it_comes_or_goes(
    before: dict[str, dict[str, str]], after: dict[str, dict[str, str]], moved: int
) -> None:
    units = Units(indexes=INDEX)
    units.write(row(100, **before), row(100, **after), transacted=False)
    assert (units.writes, units.of_indexes) == (1 + moved, moved)


@each_row(("size", "consistent", "units"), [(10, True, 1), (10, False, 0.5), (4097, True, 2)])
def test_a_read_counts_by_four_kilobytes(size: int, consistent: bool, units: float) -> None:
    used = Units()
    used.read(row(size), consistent=consistent)
    assert used.reads == units


def test_a_read_of_nothing_counts_too() -> None:
    used = Units()
    used.read({}, consistent=True)
    assert used.reads == 1
