"""Runs `darkroom` commands as separate processes that are forked from one which has imported everything already.

A command spends most of its CPU time on imports. Here each command still has a process, an environment, an input and an output of
its own, as if a shell had started it. It can be signalled and killed.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from darkroom_local.emulator import fork_server
from darkroom_local.machine.certificates import issue

STREAMS = ("in", "out", "err")  # the files of a command, in the order of their descriptors
CODE = "code"  # the file that has its exit code once it has ended
NO_PAGE = "DARKROOM_TEST_NO_PAGE"  # a run with this variable writes no page, whose charts take a second of CPU time
LOADED = (  # by `darkroom local run`
    "PIL.JpegImagePlugin",
    "cryptography.x509",
    "darkroom_cli.html_report.run_source",
    "darkroom_cli.local.run",
    "samtranslator.translator.translator",
    "tests.e2e.short_grace",
)


@dataclass(frozen=True)
class Command:
    """A command that was started. Its files are in `folder`."""

    pid: int
    folder: Path

    @property
    def returncode(self) -> int | None:
        """The exit code as subprocess gives it, or None if the command still runs."""
        code = self.folder / CODE
        return int(code.read_text()) if code.exists() else None

    @property
    def said(self) -> tuple[str, str]:
        """What the command has written so far to its output and to its error output."""
        return (self.folder / "out").read_text(), (self.folder / "err").read_text()

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the command has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def ends(self, seconds: float = 600) -> tuple[str, str]:
        """Wait for the end, and return what the command has written."""
        until = time.monotonic() + seconds
        while self.returncode is None:
            assert time.monotonic() < until, self.said
            time.sleep(0.03)
        return self.said


class Commands:
    """Starts commands. It runs one at a time; another one starts when the one before has ended.

    The process that forks them starts with the first, since some tests run none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @functools.cached_property
    def few_roots(self) -> dict[str, str]:
        """The variable with which a local run trusts one certificate instead of the usual roots. To load those takes each worker
        as long as an invocation."""
        return {"SSL_CERT_FILE": str(issue(self._folder).authority)}

    @functools.cached_property
    def _server(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], answer: str = "") -> Command:
        """Start `darkroom` with these arguments and this environment. `answer` is its input."""
        assert self._server.stdin
        assert self._server.stdout
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        for name in STREAMS:
            (folder / name).write_text(answer if name == "in" else "")
        self._server.stdin.write(json.dumps([[*arguments], {**environment}, str(folder)]) + "\n")
        self._server.stdin.flush()
        return Command(int(self._server.stdout.readline()), folder)

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], answer: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. Return its exit code and output."""
        command = self.start(arguments, environment, answer)
        out, err = command.ends()
        assert command.returncode is not None
        return subprocess.CompletedProcess([*arguments], command.returncode, out, err)

    def end(self) -> None:
        """End the process that forks the commands, if it runs."""
        if "_server" in vars(self):
            with self._server as server:
                server.communicate()  # the end of its input ends it


@contextmanager
def commands_started() -> Iterator[Commands]:
    """Provide commands while a block runs."""
    with tempfile.TemporaryDirectory() as folder:
        commands = Commands(Path(folder))
        try:
            yield commands
        finally:
            commands.end()


def serve() -> None:
    """Fork a process for each line of the input, which is a command. Answer with its id. Its exit code follows in a file."""
    _import_all()
    for line in sys.stdin:
        arguments, environment, folder = json.loads(line)
        pid = os.fork()
        if not pid:
            _run(arguments, environment, folder)
        print(pid, flush=True)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        unfinished = Path(folder) / "unfinished"
        unfinished.write_text(str(code))
        unfinished.rename(Path(folder) / CODE)


def _import_all() -> None:
    """Import what the commands import, read AWS' service models, and make the commands. All of it is then shared."""
    import boto3
    from typer import main as typer_main

    from darkroom_cli.main import app

    for name in LOADED:
        importlib.import_module(name)
    fork_server.load()
    boto3.client("cloudformation", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
    typer_main.get_command = functools.cache(typer_main.get_command)
    with contextlib.redirect_stdout(io.StringIO()):
        app(["models"], standalone_mode=False)  # typer and rich import much when the first command runs
    gc.freeze()  # otherwise each command would copy what it only reads


def _run(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Run one command in this process, and end the process."""
    os.setsid()
    for number, name in enumerate(STREAMS):
        opened = os.open(Path(folder) / name, os.O_RDWR | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["darkroom", *arguments]
    from darkroom_cli.html_report import make_page
    from darkroom_cli.main import app
    from tests.e2e import short_grace

    if NO_PAGE in environment:
        make_page.of_run = lambda *_, **__: None
    if short_grace.RUNTIME in environment:
        short_grace.shorten()
    if arguments[0] == "local":
        app(arguments, prog_name="darkroom")  # it has threads, and ends as an interpreter does
    _run_quickly(arguments, app)


def _run_quickly(arguments: list[str], app: Callable[..., None]) -> None:
    """Run a command, and end the process without taking apart all that it shares with the others."""
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
        os._exit(code)


if __name__ == "__main__":
    serve()
