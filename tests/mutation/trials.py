"""Runs the covering tests of mutants, each in a forked process. The parent has loaded the large libraries, but no module of
Darkroom, so that a trial loads the mutant and nothing twice."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any

import boto3  # noqa: F401  # loaded once for all trials
import hypothesis  # noqa: F401
import moto  # noqa: F401
import PIL.Image  # noqa: F401
import pytest

from tests.mutation.mutants import Mutant

LONGEST_SECONDS = 120.0  # a mutant whose tests run longer is killed: they do not end any more


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(mutant.path))
        self.mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self.mutant.source, self.path, "exec", dont_inherit=True)
        return code


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.mutant.module:
            return None
        return importlib.util.spec_from_file_location(fullname, self.mutant.path, loader=_Loader(self.mutant))


def check_that_sound_code_passes(work: Sequence[Mutant], tests_of: Callable[[Mutant], Sequence[str]]) -> None:
    """Raise RuntimeError if the tests fail although nothing is changed. Then every mutant would count as killed."""
    tests = dict.fromkeys(test for mutant in work for test in tests_of(mutant))
    _, status = os.waitpid(_start(None, list(tests)), 0)
    if status:
        raise RuntimeError("the tests of this module fail without any change")


def survivors(
    work: Sequence[Mutant], tests_of: Callable[[Mutant], Sequence[str]], workers: int
) -> Iterator[tuple[Mutant, bool]]:
    """Try the mutants, at most `workers` at a time. Yield each with whether it survived all its tests, as soon as that is known.
    A mutant that no test runs survives."""
    waiting, running = list(reversed(work)), dict[int, tuple[Mutant, float]]()
    while waiting or running:
        while waiting and len(running) < workers:
            mutant = waiting.pop()
            tests = tests_of(mutant)
            if tests:
                running[_start(mutant, tests)] = (mutant, time.monotonic() + LONGEST_SECONDS)
            else:
                yield mutant, True
        for process, (mutant, until) in list(running.items()):
            done, status = os.waitpid(process, os.WNOHANG)
            if not done and time.monotonic() > until:
                os.kill(process, signal.SIGKILL)
                done, status = os.waitpid(process, 0)
            if done:
                del running[process]
                yield mutant, status == 0
        time.sleep(0.02)


def _start(mutant: Mutant | None, tests: Sequence[str]) -> int:
    process = os.fork()
    if process:
        return process
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        assert not any(name.startswith("darkroom.") for name in sys.modules)
        if mutant is not None:
            sys.meta_path.insert(0, _Finder(mutant))
        code = pytest.main(["-x", "-q", "-n", "0", "--assert=plain", "-p", "no:cacheprovider", *tests])
    except BaseException:  # a mutant that cannot even be loaded is killed
        code = 1
    os._exit(int(code))
