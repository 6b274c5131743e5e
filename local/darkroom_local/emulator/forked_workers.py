"""Lets the emulator fork the workers of Python functions, instead of starting an interpreter for each.

A worker spends most of its start on loading the same libraries. Here a process that has loaded them is forked
(`fork_server`). A worker still has a process, an environment and a folder of its own, and loads its function's code itself.
Only functions whose layers hold nothing but .pth files are forked, since what these name stays where it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from darkroom_local.emulator import fork_server
from darkroom_local.emulator.version import require

_PROGRAM = "_worker.py"  # the emulator's name for the program of a Python function's worker
_LAYERS = "_LAMBDA_LAYERS_DIRS"  # its variable with the folders of the layers
_SITE = "python/lib/*/site-packages/*.pth"
_UNKNOWN = -1  # a forked worker's exit code


def fork_workers(lambda_runtime: Any) -> None:
    """Change ministack's module of workers. Raises EmulatorChanged."""
    require(lambda_runtime, {"_worker_script_extension": "runtime"}, ("subprocess", "Worker"))
    lambda_runtime.subprocess = Subprocess()


class Subprocess:
    """Stands for the module subprocess in the emulator. Its `Popen` forks the workers that can be forked."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, ...], ForkServer] = {}
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(
        self, command: Sequence[str], *, cwd: str, env: Mapping[str, str], **options: Any
    ) -> subprocess.Popen[Any] | ForkedWorker:
        """Start a process as subprocess.Popen does."""
        layers = _site_files(env) if command[-1].endswith(_PROGRAM) else None
        if layers is None or not hasattr(os, "fork"):
            return subprocess.Popen(command, cwd=cwd, env=env, **options)
        order = {"program": command[-1], "folder": cwd, "environment": dict(env)}
        with self._lock:  # a server takes one order at a time
            server = self._server(layers)
            try:
                worker = server.fork()
            except OSError:  # somebody killed it
                del self._servers[_key(layers)]
                worker = self._server(layers).fork()
        worker.send(order)
        return worker

    def end(self) -> None:
        """End the processes from which workers are forked. The workers go on."""
        for server in self._servers.values():
            server.end()
        self._servers.clear()

    def _server(self, layers: Sequence[Path]) -> ForkServer:
        key = _key(layers)
        if key not in self._servers:
            self._servers[key] = ForkServer([path.parent for path in layers])
        return self._servers[key]


def _site_files(env: Mapping[str, str]) -> list[Path] | None:
    """Return the .pth files of a worker's layers, or None if a layer has any other file."""
    folders = [Path(folder) for folder in env.get(_LAYERS, "").split(os.pathsep) if folder]
    files = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    site_files = [path for folder in folders for path in sorted(folder.glob(_SITE))]
    return site_files if files == set(site_files) else None


def _key(layers: Sequence[Path]) -> tuple[str, ...]:
    return tuple(path.read_text() for path in layers)


class ForkServer:
    """A running `fork_server`. It also ends when this process ends."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._orders, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", fork_server.__name__, str(theirs.fileno()), *map(str, folders)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        self._receive(len(fork_server.READY))  # from now on it needs the folders no more

    def fork(self) -> ForkedWorker:
        """Return a new worker, which waits for its order. Raises OSError if somebody has killed the server."""
        ours, theirs = zip(*(pipe if number else pipe[::-1] for number, pipe in enumerate(_pipes())), strict=True)
        try:
            socket.send_fds(self._orders, [fork_server.READY], theirs)
            pid = fork_server.PROCESS_ID.unpack(self._receive(fork_server.PROCESS_ID.size))[0]
        except OSError:
            _close(ours)
            self.end()
            raise
        finally:
            _close(theirs)
        return ForkedWorker(pid, ours)

    def end(self) -> None:
        """End the process. Its workers go on."""
        self._orders.close()
        self._process.kill()
        self._process.wait()

    def _receive(self, size: int) -> bytes:
        received = self._orders.recv(size, socket.MSG_WAITALL)
        if len(received) < size:
            raise ConnectionResetError("the process that forks workers has ended")
        return received


def _pipes() -> list[tuple[int, int]]:
    return [os.pipe() for _ in range(fork_server.DESCRIPTORS)]


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class ForkedWorker:
    """A forked process, with what the emulator uses of subprocess.Popen. Its exit code is not known: it is -1 once it has
    ended."""

    def __init__(self, pid: int, descriptors: Sequence[int]) -> None:
        stdin, stdout, stderr, ended = descriptors
        self.pid = pid
        self.stdin = os.fdopen(stdin, "w", buffering=1)
        self.stdout, self.stderr = os.fdopen(stdout), os.fdopen(stderr)
        self._ended = os.fdopen(ended, "rb", buffering=0)

    def send(self, order: Mapping[str, Any]) -> None:
        """Tell the worker what it is. A worker that has ended already is left to the emulator, which sees it at its first
        look."""
        with contextlib.suppress(BrokenPipeError):
            self.stdin.write(json.dumps(order) + "\n")

    def poll(self) -> int | None:
        """Return None while the process runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process has ended. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def terminate(self) -> None:
        """Send SIGTERM to the process, if it runs."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to the process, if it runs."""
        self._signal(signal.SIGKILL)

    def _look(self, seconds: float | None) -> int | None:
        poller = select.poll()
        poller.register(self._ended, 0)  # the end of the pipe is always told
        return _UNKNOWN if poller.poll(None if seconds is None else seconds * 1000) else None

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)
