"""Runs `darkroom` commands as separate processes that are forked from one which has imported everything already.

A command spends most of its CPU time on imports. Here each command still has a process, an environment, an input and an output of
its own, as if a shell had started it.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import io
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from darkroom_local.emulator import fork_server

STREAMS = ("in", "out", "err")  # the files of a command, in the order of their descriptors


class Commands:
    """Starts commands. It runs one at a time. The process that forks them starts with the first, since some tests run none."""

    @functools.cached_property
    def _server(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], answer: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run `darkroom` with these arguments and this environment. `answer` is its input. Return its exit code and output."""
        assert self._server.stdin
        assert self._server.stdout
        with tempfile.TemporaryDirectory() as folder:
            files = {name: Path(folder) / name for name in STREAMS}
            files["in"].write_text(answer)
            self._server.stdin.write(json.dumps([[*arguments], {**environment}, folder]) + "\n")
            self._server.stdin.flush()
            code = int(self._server.stdout.readline())
            return subprocess.CompletedProcess([*arguments], code, files["out"].read_text(), files["err"].read_text())

    def end(self) -> None:
        """End the process that forks the commands, if it runs."""
        if "_server" in vars(self):
            with self._server as server:
                server.communicate()  # the end of its input ends it


@contextmanager
def commands_started() -> Iterator[Commands]:
    """Provide commands while a block runs."""
    commands = Commands()
    try:
        yield commands
    finally:
        commands.end()


def serve() -> None:
    """Fork a process for each line of the input, which is a command. Answer with its exit code."""
    _import_all()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _run(*json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _import_all() -> None:
    """Import what commands for a stack import, and read AWS' service models, which are then shared."""
    import boto3

    from darkroom_cli.main import app

    fork_server.load()
    boto3.client("cloudformation", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
    with contextlib.redirect_stdout(io.StringIO()):
        app(["models"], standalone_mode=False)  # typer and rich import much when the first command runs
    gc.freeze()  # otherwise each command would copy what it only reads


def _run(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Run one command in this process, and end the process."""
    for number, name in enumerate(STREAMS):
        opened = os.open(Path(folder) / name, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0)
    os.environ.clear()
    os.environ.update(environment)
    from darkroom_cli.main import app

    code = 1
    try:
        app(arguments, prog_name="darkroom")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # an interpreter that ends takes apart all that it shares with the others


if __name__ == "__main__":
    serve()
