"""Runs one check for many rows within one test. `each_row` takes the arguments of `pytest.mark.parametrize`.

pytest spends some milliseconds on each row of a parametrized test, in every process that runs tests. With `each_row`, a row
costs only its check. All rows run, even if some fail. The error names every row that fails and says why. It has the traceback
of the first row that failed.

All rows share what pytest's fixtures give to the test. So a check takes no fixture that is made anew for each test, unless
`fresh` renews it. `shared_fixtures` finds such a test. It needs `pytest.mark.parametrize` instead.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import pytest

Arguments = dict[str, Any]
Check = Callable[..., None]
Fresh = Callable[[Arguments], contextlib.AbstractContextManager[Arguments]]
Ids = Iterable[str] | Callable[[Any], object] | None
LONGEST_VALUE = 70  # how many characters of a value a row's name has
LONGEST_CAUSE = 600  # how many characters of an error's message are shown


class RowsFailed(AssertionError):
    """One or more rows failed. `failures` has the name and the error of each."""

    def __init__(self, failures: Sequence[tuple[str, BaseException]], tried: int) -> None:
        self.failures = failures
        causes = (f"\n[{name}] {_cause(error)}" for name, error in failures)
        super().__init__(f"{len(failures)} failures, {tried} rows:{''.join(causes)}")


def check_rows(rows: Iterable[tuple[str, Callable[[], object]]]) -> None:
    """Run the check of each row, which is a name and a function. Raise RowsFailed if at least one of them fails."""
    __tracebackhide__ = True
    failures: list[tuple[str, BaseException]] = []
    tried = 0
    for name, check in rows:
        tried += 1
        try:
            check()
        except RowsFailed as inner:
            failures += [(f"{name} {row}", error) for row, error in inner.failures]
        except (Exception, pytest.fail.Exception) as error:
            failures.append((name, error))
    if not tried:
        raise AssertionError("there are no rows")
    if failures:
        raise RowsFailed(failures, tried) from failures[0][1]


def each_row(
    names: str | Sequence[str],
    rows: Iterable[Any],
    *,
    ids: Ids = None,
    fresh: Fresh = contextlib.nullcontext,
    renewed: Collection[str] = (),
) -> Callable[[Check], Check]:
    """Return a decorator that makes one test of a check. The check takes the values of a row as arguments.

    `fresh` gets the arguments that come from fixtures, and opens those with which one row starts. `renewed` has the names of
    the arguments that it makes anew. If the decorator is used twice, the check runs for each combination of the rows.
    """
    columns = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    if isinstance(names, str) and len(columns) == 1:
        rows = [row if isinstance(row, pytest.ParameterSet) else (row,) for row in rows]
    table = list(_named(columns, rows, ids))

    def decorate(check: Check) -> Check:
        def run(row: Arguments, fixtures: Arguments) -> None:
            with fresh(fixtures) as arguments:
                check(**arguments, **row)

        @functools.wraps(check)
        def test(**fixtures: Any) -> None:
            __tracebackhide__ = True
            check_rows((name, functools.partial(run, row, fixtures)) for name, row in table)

        return without_arguments(test, check, columns, renewed)

    return decorate


def shared_fixtures(item: pytest.Function) -> list[str]:
    """Return the arguments that a test of many rows gets from fixtures made for one test, and that no row gets anew."""
    if not hasattr(item.function, "renewed"):
        return []
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    known = item.function.renewed | parameters.keys()
    made = {name: found[-1].scope for name, found in item._fixtureinfo.name2fixturedefs.items() if name not in known}
    return [name for name in inspect.signature(item.function).parameters if made.get(name) == "function"]


def without_arguments(test: Any, check: Check, names: Iterable[str], renewed: Collection[str]) -> Check:
    """Return the test with the check's signature, but without the arguments that no fixture gives."""
    test.renewed = frozenset(renewed)
    signature = inspect.signature(check)
    missing = set(names) - signature.parameters.keys()
    if missing:
        raise TypeError(f"{check.__name__} takes no argument {', '.join(missing)}")
    kept = [parameter for name, parameter in signature.parameters.items() if name not in names]
    test.__signature__ = signature.replace(parameters=kept)
    return test


def _named(columns: Sequence[str], rows: Iterable[Any], ids: Ids) -> Iterator[tuple[str, Arguments]]:
    """Yield each row's name and its arguments."""
    shown = ids if callable(ids) else lambda value: None
    given = iter(()) if ids is None or callable(ids) else iter(ids)
    for row in rows:
        values, name = (row.values, row.id) if isinstance(row, pytest.ParameterSet) else (row, None)
        name = next(given, None) or name or "-".join(str(shown(value) or _shown(value)) for value in values)
        yield str(name), dict(zip(columns, values, strict=True))


def _shown(value: object) -> str:
    """Return the name of a function, class, model or parameter. Return any other value as Python writes it."""
    name = getattr(value, "__name__", None) or getattr(value, "name", None)
    text = name if isinstance(name, str) else repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _cause(error: BaseException) -> str:
    """Return the error's name and message, and the place in the check from which it came."""
    frames = traceback.extract_tb(error.__traceback__)
    place = next((frame for frame in frames if frame.filename not in (__file__, contextlib.__file__)), frames[-1])
    text = f"{type(error).__name__}: {error}"
    return f"line {place.lineno}: {text if len(text) <= LONGEST_CAUSE else text[:LONGEST_CAUSE] + '…'}"
