"""Runs the covering tests of mutants, each mutant in a forked process.

One pytest session loads Darkroom and collects the tests once. Each trial is a fork of it that changes the mutant's functions and
runs only the mutant's tests. A mutant outside of functions (a constant, a default) is imported anew: its trial is a fork of this
process, which has loaded the large libraries but no module of Darkroom.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

import boto3  # noqa: F401  # loaded once for all trials
import hypothesis  # noqa: F401
import moto  # noqa: F401
import PIL.Image  # noqa: F401
import pytest

from tests.mutation import code_swap
from tests.mutation.mutants import Mutant

OPTIONS = ("-q", "-n", "0", "--assert=plain", "-p", "no:cacheprovider")
MOST_CPU_SECONDS = 30  # a mutant whose tests compute longer is killed: they do not end any more
LONGEST_SECONDS = 600.0  # or wait longer
Start = Callable[[], int]  # forks a trial, and returns its process id. The trial exits with 0 if its mutant survives.


def survivors(
    work: Sequence[Mutant], tests_of: Callable[[Mutant], Sequence[str]], workers: int
) -> Iterator[tuple[Mutant, bool]]:
    """Try the mutants, at most `workers` at a time and one more. Yield each with whether it survived all its tests.

    A mutant that no test runs survives. Raises RuntimeError if the tests fail although nothing is changed: then every mutant
    would count as killed.
    """
    tests = {mutant: tests_of(mutant) for mutant in work}
    yield from ((mutant, True) for mutant in work if not tests[mutant])
    tested = [mutant for mutant in work if tests[mutant]]
    anew, verdicts = list[Mutant](), _session(tested, tests, workers)
    for place, verdict in verdicts:
        if verdict == "begun":
            break
        anew.append(tested[place])
    # The session goes on meanwhile. Its verdicts wait in the pipe, which holds some 3,000 of them.
    starts = {place: _fork_anew(mutant, tests[mutant]) for place, mutant in enumerate(anew)}
    for place, verdict in _at_most(1, starts):
        yield anew[place], verdict == "survived"
    for place, verdict in verdicts:
        yield tested[place], verdict == "survived"


def _session(work: Sequence[Mutant], tests: Mapping[Mutant, Sequence[str]], workers: int) -> Iterator[tuple[int, str]]:
    """Yield the place of each mutant with `survived` or `killed`, from a pytest session in a process of its own.

    Those that must be imported anew come first, with `anew`; then one line with the place -1 and `begun`.
    """
    if not work:
        return
    read, write = os.pipe()
    process = os.fork()
    if not process:
        os.close(read)
        _silence(0, 1)
        chosen = list(dict.fromkeys(test for mutant in work for test in tests[mutant]))
        plugin = _Trials(work, tests, workers, write)
        _exit(lambda: pytest.main([*OPTIONS, *chosen], plugins=[plugin]))
    os.close(write)
    with os.fdopen(read) as lines:
        for line in lines:
            place, verdict = json.loads(line)
            yield place, verdict
    _, status = os.waitpid(process, 0)
    if status:
        raise RuntimeError("the tests fail without any change, or could not be collected")


@dataclass(eq=False)
class _Trials:
    """A plugin of pytest that tries mutants where pytest would run the tests."""

    work: Sequence[Mutant]
    tests: Mapping[Mutant, Sequence[str]]
    workers: int
    answers: int

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        if _run(session, session.items):  # this also fills the caches that all trials share
            raise pytest.UsageError("the tests fail without any change")
        starts = dict[int, Start]()
        for place, mutant in enumerate(self.work):
            found = code_swap.swaps(mutant)
            if found is None:
                self._answer(place, "anew")
            else:
                chosen = [items[test] for test in self.tests[mutant]]
                starts[place] = _fork_swapped(session, found, chosen)
        self._answer(-1, "begun")
        gc.freeze()  # so that no trial copies the memory that all share
        for place, verdict in _at_most(self.workers, starts):
            self._answer(place, verdict)
        return True

    def _answer(self, place: int, verdict: str) -> None:
        os.write(self.answers, (json.dumps([place, verdict]) + "\n").encode())


def _fork_swapped(session: pytest.Session, found: Any, items: Sequence[pytest.Item]) -> Start:
    def trial() -> int:
        code_swap.apply(found)
        return _run(session, items)

    return lambda: _fork(trial)


def _run(session: pytest.Session, items: Sequence[pytest.Item]) -> int:
    """Run tests until one fails. Return the number of failures."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            break
    return session.testsfailed


def _fork_anew(mutant: Mutant, tests: Sequence[str]) -> Start:
    def trial() -> int:
        assert not any(name.startswith("darkroom.") for name in sys.modules)
        sys.meta_path.insert(0, _Finder(mutant))
        return int(pytest.main(["-x", *OPTIONS, *tests]))

    return lambda: _fork(trial)


def _at_most(workers: int, starts: Mapping[int, Start]) -> Iterator[tuple[int, str]]:
    """Run trials, at most `workers` at a time. Yield the key of each with `survived` or `killed`, as soon as that is known."""
    waiting, running = list(starts.items())[::-1], dict[int, tuple[int, float]]()
    while waiting or running:
        while waiting and len(running) < workers:
            place, start = waiting.pop()
            running[start()] = (place, time.monotonic() + LONGEST_SECONDS)
        for process, (place, until) in list(running.items()):
            done, status = os.waitpid(process, os.WNOHANG)
            if not done and time.monotonic() > until:
                os.kill(process, signal.SIGKILL)
                done, status = os.waitpid(process, 0)
            if done:
                del running[process]
                yield place, "killed" if status else "survived"
        time.sleep(0.01)


def _fork(trial: Callable[[], int]) -> int:
    """Return the id of a new process that runs the trial in silence, and exits with its result."""
    process = os.fork()
    if not process:
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_SECONDS, MOST_CPU_SECONDS))
        _silence(0, 1, 2)
        _exit(trial)
    return process


def _silence(*streams: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in streams:
        os.dup2(nowhere, stream)


def _exit(trial: Callable[[], int]) -> None:
    try:
        code = 1 if trial() else 0
    except BaseException:  # a mutant that cannot even be loaded is killed
        traceback.print_exc()
        code = 1
    os._exit(code)


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
