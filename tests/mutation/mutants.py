"""Makes the mutants of a module with the operators of Cosmic Ray.

Only operators that change a decision, a number or a loop are used. Those that replace one operator by any other one make many
mutants that no reader would write, and of annotations too, which are never evaluated.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

from tests.fakes.ledger_modules import RUNTIME, ledger_modules

ROOT = RUNTIME.parents[1]
OPERATORS = (
    *(f"ReplaceComparisonOperator_{change}" for change in (
        "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    *(f"ReplaceBinaryOperator_{change}" for change in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul")),
    "ReplaceUnaryOperator_Delete_Not", "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr",
    "ReplaceOrWithAnd", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ExceptionReplacer", "NumberReplacer",
    "ZeroIterationForLoop",
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of one module. `first` and `last` are the changed lines, counted from 1."""

    path: Path
    operator: str
    occurrence: int
    first: int
    last: int

    @property
    def module(self) -> str:
        """The name under which the module is imported."""
        return module_name(self.path)

    @cached_property
    def source(self) -> str:
        """The source of the changed module."""
        made: str | None = mutate_code(self.path.read_text(), _operator(self.operator), self.occurrence)
        assert made is not None
        return made

    @cached_property
    def change(self) -> str:
        """The first changed line, before and after. It names the mutant in the results, whatever its line number is."""
        pairs = zip(self.path.read_text().splitlines(), self.source.splitlines(), strict=False)
        before, after = next(((a, b) for a, b in pairs if a != b), ("", ""))
        return f"{before.strip()} → {after.strip()}"


def module_name(path: Path) -> str:
    """Return the name under which the module of that file is imported."""
    return ".".join(path.relative_to(RUNTIME).with_suffix("").parts)


def modules(part: str) -> list[Path]:
    """Return the mutated modules whose path contains `part`. An empty part is in all of them."""
    return [path for path in ledger_modules() if part in str(path.relative_to(RUNTIME))]


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield the mutants of a module. Of those with the same source, only the first is yielded, and none that is not Python. The
    options of a dataclass are left as they are, because no code assigns to a field."""
    tree, seen = get_ast(path.read_text()), set[bytes]()
    for name in OPERATORS:
        operator = _operator(name)
        positions = [place for node in ast_nodes(tree) for place in operator.mutation_positions(node)]
        for occurrence, ((first, _), (last, _)) in enumerate(positions):
            mutant = Mutant(path, name, occurrence, first, last)
            mark = hashlib.sha256(mutant.source.encode()).digest()
            if mark not in seen and not mutant.change.startswith(("@dataclass", "*,")) and _is_python(mutant.source):
                seen.add(mark)
                yield mutant


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _operator(name: str) -> Any:
    return plugins.get_operator(f"core/{name}")()
