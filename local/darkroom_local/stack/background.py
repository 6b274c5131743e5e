"""Keeps a local stack running after a command has ended: `up` starts it, and `down` ends it. A state folder has at most one
stack.

The file stack.json in the folder tells later commands where the stack is. The system may give a process id to another process,
so a process is ended only if its command line shows that it belongs to the stack.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom_local.emulator.embedded_cloud import Endpoint
from darkroom_local.machine import child_processes
from darkroom_local.machine.child_processes import Child, ChildFailed
from darkroom_local.stack import simulator_processes
from darkroom_local.stack.local_stack import LocalStack, start
from darkroom_local.stack.provider_choice import cast

_NOTE, _WORK = "stack.json", "darkroom-stack"


@dataclass(frozen=True)
class Standing:
    """The stack of a state folder. `started` is true if this call started the stack. Otherwise `differs` has a line for each
    option that the running stack has not."""

    stack: LocalStack
    started: bool
    differs: tuple[str, ...] = ()


def up(
    state: Path,
    *,
    topaz_api_key: str | None = None,
    speed: float = simulator_processes.DEFAULT_SPEED,
    faults: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
) -> Standing:
    """Return the stack of the state folder. Start the stack if it does not run. Repeat safe.

    Raises ChildFailed, DeploymentFailed, UnknownVendor. After an error, no process of the stack runs, but for one: a stack with a
    real key of which only a part still runs is left as it is, because its ledger may hold paid jobs.
    """
    note, asked = _read(state), _options(topaz_api_key, speed, faults, parameters or {})
    if note is not None and _is_alive(note):
        return Standing(_stack_of(note), started=False, differs=_differences(note.get("options", {}), asked))
    if note is not None:
        _refuse_to_lose_paid_jobs(note)
    down(state)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    work = state.resolve() / _WORK  # an absolute path, because the children run there
    work.mkdir(mode=0o700)
    children: dict[str, Child] = {}
    try:
        stack = start(
            work,
            children,
            cast(topaz_api_key, parameters or {}),
            speed=speed,
            faults=faults,
            parameters=parameters or {},
            simulator_urls={},
        )
        _write(state, _note(stack, _pids(children)) | {"options": asked})
    except BaseException:
        _end(_pids(children))
        shutil.rmtree(work, ignore_errors=True)
        raise
    return Standing(stack, started=True)


def down(state: Path) -> bool:
    """End the stack and remove its files. Return False if there was none. Repeat safe."""
    note = _read(state)
    if note is not None:
        _end(note["pids"])
    shutil.rmtree(state / _WORK, ignore_errors=True)
    (state / _NOTE).unlink(missing_ok=True)
    return note is not None


def standing_stack(state: Path) -> LocalStack | None:
    """Return the stack of the state folder, or None if there is none or if one of its processes has ended."""
    note = _read(state)
    return _stack_of(note) if note is not None and _is_alive(note) else None


def _options(key: str | None, speed: float, faults: Sequence[str], parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a call as texts. Of the key, only a hash is kept."""
    said = {f"--parameter {name}": value for name, value in parameters.items()}
    whose = f"one with the fingerprint {hashlib.sha256(key.encode()).hexdigest()[:12]}" if key else "none"
    return {"--speed": f"{speed:g}", "--fault": " ".join(sorted(faults)) or "none", "the real key": whose, **said}


def _differences(stands: Mapping[str, str], asked: Mapping[str, str]) -> tuple[str, ...]:
    """Return a line for each option that is not as asked. An older note has no options, and gives no line."""
    names = [name for name in {**stands, **asked} if stands and stands.get(name) != asked.get(name)]
    return tuple(f"{name}: {stands.get(name, 'not given')} (asked: {asked.get(name, 'not given')})" for name in names)


def _pids(children: Mapping[str, Child]) -> dict[str, int]:
    """Return the process ids of the children. Each key is a text that is in the process's command line."""
    return {marker: child.pid for marker, child in children.items()}


def _note(stack: LocalStack, pids: Mapping[str, int]) -> dict[str, Any]:
    return {
        "url": stack.endpoint.url,
        "authority": str(stack.endpoint.authority),
        "access_key": stack.endpoint.access_key,
        "secret_key": stack.endpoint.secret_key,
        "outputs": stack.outputs,
        "simulator_urls": stack.simulator_urls,
        "providers": stack.providers,
        "pids": pids,
    }


def _stack_of(note: Mapping[str, Any]) -> LocalStack:
    endpoint = Endpoint(note["url"], Path(note["authority"]), note["access_key"], note["secret_key"])
    return LocalStack(endpoint, note["outputs"], note["simulator_urls"], tuple(note["providers"]))


def _is_alive(note: Mapping[str, Any]) -> bool:
    return all(child_processes.is_running(pid, marker) for marker, pid in note["pids"].items())


def _refuse_to_lose_paid_jobs(note: Mapping[str, Any]) -> None:
    """Raise ChildFailed if the stack has a real key and a part of it still runs."""
    has_a_real_key = note.get("options", {}).get("the real key", "none") != "none"
    if has_a_real_key and any(child_processes.is_running(pid, marker) for marker, pid in note["pids"].items()):
        raise ChildFailed(
            "A process of the local stack has ended, but not all of it, and it may hold jobs that the real API charged. Save the "
            "results that you need. Then run `darkroom local down`, which deletes the stack, and this command again."
        )


def _end(pids: Mapping[str, int]) -> None:
    own = {pid: marker for marker, pid in pids.items() if child_processes.is_running(pid, marker)}
    child_processes.end_groups({pid: functools.partial(_has_ended, pid, marker) for pid, marker in own.items()})


def _has_ended(pid: int, marker: str) -> bool:
    return not child_processes.is_running(pid, marker)


def _read(state: Path) -> dict[str, Any] | None:
    try:
        note: dict[str, Any] = json.loads((state / _NOTE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return note


def _write(state: Path, note: Mapping[str, Any]) -> None:
    descriptor = os.open(state / _NOTE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds the cloud's key
    with os.fdopen(descriptor, "w") as file:
        json.dump(note, file, indent=1)
