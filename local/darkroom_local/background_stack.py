"""A local stack that stays: `up` starts it and notes where it is, `down` ends it. One a state folder.

It must not end a process that is not its own: process ids are used again, so the command line is looked at first.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom_local import child_processes, embedded_cloud, simulator_processes
from darkroom_local.certificates import issue
from darkroom_local.embedded_cloud import Endpoint
from darkroom_local.local_stack import LocalStack, install
from darkroom_local.packaging import find_application
from darkroom_local.provider_choice import Cast, cast

_NOTE, _WORK = "stack.json", "darkroom-stack"


@dataclass(frozen=True)
class Standing:
    """A stack that stays, and whether this call started it."""

    stack: LocalStack
    started: bool


def up(
    state: Path,
    *,
    topaz_api_key: str | None = None,
    speed: float = simulator_processes.DEFAULT_SPEED,
    faults: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
) -> Standing:
    """Starts a stack that outlives this process; answers the standing one if there is one. Repeat safe."""
    by_vendor = simulator_processes.faults_by_vendor(faults)
    note = _read(state)
    if note is not None and _is_alive(note):
        return Standing(_stack_of(note), started=False)
    down(state)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    work = state.resolve() / _WORK  # children run there, wherever this command was given
    work.mkdir(mode=0o700)
    pids: dict[str, int] = {}
    try:
        own = issue(work)
        running = embedded_cloud.launch(work, own)
        pids[embedded_cloud.MARKER] = running.child.pid
        who = cast(topaz_api_key, parameters or {})
        urls = _simulators(work, own.roots, pids, who, speed, by_vendor)
        embedded_cloud.await_ready(running)
        outputs = install(running.endpoint, who, urls, parameters or {}, find_application())
        note = _note(running.endpoint, outputs, urls, who, pids)
        _write(state, note)
    except BaseException:
        _end(pids)
        shutil.rmtree(work, ignore_errors=True)
        raise
    return Standing(_stack_of(note), started=True)


def down(state: Path) -> bool:
    """Ends the standing stack and removes all it kept. False when there was none. Repeat safe."""
    note = _read(state)
    if note is not None:
        _end(note["pids"])
    shutil.rmtree(state / _WORK, ignore_errors=True)
    (state / _NOTE).unlink(missing_ok=True)
    return note is not None


def standing_stack(state: Path) -> LocalStack | None:
    """The standing stack, None when there is none or it has died."""
    note = _read(state)
    return _stack_of(note) if note is not None and _is_alive(note) else None


def _simulators(
    work: Path, roots: Path, pids: dict[str, int], who: Cast, speed: float, faults: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Starts them side by side and answers their base URLs; notes each process id in `pids` as soon as there is one."""
    started: dict[str, child_processes.Child] = {}
    for vendor in who.simulated:
        started[vendor] = simulator_processes.launch(vendor, work, roots, speed, faults.get(vendor, ()))
        pids[simulator_processes.marker(vendor)] = started[vendor].pid
    return {vendor: simulator_processes.base_url(child) for vendor, child in started.items()}


def _note(
    endpoint: Endpoint, outputs: Mapping[str, str], urls: Mapping[str, str], who: Cast, pids: Mapping[str, int]
) -> dict[str, Any]:
    return {
        "url": endpoint.url,
        "authority": str(endpoint.authority),
        "access_key": endpoint.access_key,
        "secret_key": endpoint.secret_key,
        "outputs": outputs,
        "simulator_urls": urls,
        "providers": who.providers,
        "pids": pids,
    }


def _stack_of(note: Mapping[str, Any]) -> LocalStack:
    endpoint = Endpoint(note["url"], Path(note["authority"]), note["access_key"], note["secret_key"])
    return LocalStack(endpoint, note["outputs"], note["simulator_urls"], tuple(note["providers"]))


def _is_alive(note: Mapping[str, Any]) -> bool:
    return all(child_processes.is_running(pid, marker) for marker, pid in note["pids"].items())


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
