"""Changes loaded functions into those of a mutant, without a second import.

A function keeps its identity and takes the mutant's code, so every module that imported it before calls the mutant.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import cache
from inspect import CO_NEWLOCALS
from types import CodeType, FunctionType

from tests.mutation.mutants import Mutant

Place = tuple[str, int]  # the qualified name of a function, and the line of its definition


def swaps(mutant: Mutant) -> list[tuple[FunctionType, CodeType]] | None:
    """Return the loaded functions that the mutant changes, each with its new code.

    None means that the change is outside of functions (a constant, a default, a field), or that a changed function is not
    found. Such a mutant has to be imported anew.
    """
    path = str(mutant.path)
    sound = compile(mutant.path.read_text(), path, "exec", dont_inherit=True)
    changed_module = compile(mutant.source, path, "exec", dont_inherit=True)
    before, after = dict(_functions(sound)), dict(_functions(changed_module))
    if _outside_of_functions(sound) != _outside_of_functions(changed_module) or before.keys() != after.keys():
        return None
    changed = {place for place in before if before[place] != after[place]}
    loaded = _loaded_functions(path)
    if not changed or not changed <= loaded.keys():
        return None
    return [(loaded[place], after[place]) for place in changed]


def apply(found: list[tuple[FunctionType, CodeType]]) -> None:
    """Give each function its new code. This process can not go back."""
    for function, code in found:
        function.__code__ = code


@cache
def _loaded_functions(path: str) -> dict[Place, FunctionType]:
    return {
        _place(it.__code__): it
        for it in gc.get_objects()
        if type(it) is FunctionType and it.__code__.co_filename == path
    }


def _functions(module: CodeType) -> Iterator[tuple[Place, CodeType]]:
    """Yield the outermost functions of a module and of its classes."""
    for inner in (it for it in module.co_consts if isinstance(it, CodeType)):
        if _is_function(inner):
            yield _place(inner), inner
        else:
            yield from _functions(inner)


def _outside_of_functions(code: CodeType) -> list[object]:
    """Return the code and the constants of a module, and of its classes, without their functions."""
    constants = [repr(it) for it in code.co_consts if not isinstance(it, CodeType)]
    classes = [_outside_of_functions(it) for it in code.co_consts if isinstance(it, CodeType) and not _is_function(it)]
    return [code.co_code, code.co_names, constants, classes]


def _is_function(code: CodeType) -> bool:
    return bool(code.co_flags & CO_NEWLOCALS)  # the body of a class has no locals of its own


def _place(code: CodeType) -> Place:
    return code.co_qualname, code.co_firstlineno
