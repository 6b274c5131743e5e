"""Tests how the embedded cloud forks the workers of functions. The processes and the emulator's workers are real."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from darkroom_local.emulator.forked_workers import ForkedWorker, Subprocess, fork_workers
from darkroom_local.emulator.version import EmulatorChanged

# The emulator does not close the streams of a worker that has ended. They are closed when the worker is dropped.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SITE = "python/lib/python3/site-packages"
HANDLER = """
import os, signal, sys
import of_the_layer

def handler(event, context):
    if event == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if event == "fail":
        raise ValueError("on purpose")
    print("logged", file=sys.stderr)
    return {"pid": os.getpid(), "parent": os.getppid(), "folder": os.getcwd(), "name": of_the_layer.NAME,
            "variable": os.environ.get("VARIABLE"), "secret": os.environ.get("SECRET"), "argv": sys.argv,
            "deadline": context.get_remaining_time_in_millis()}
"""


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def runtime() -> Iterator[Subprocess]:
    """The emulator's module of workers, with forked workers, while the tests of this file run."""
    sound = lambda_runtime.subprocess
    fork_workers(lambda_runtime)
    yield lambda_runtime.subprocess
    lambda_runtime.subprocess.end()
    lambda_runtime.subprocess = sound


Make = Callable[..., Any]


@pytest.fixture
def worker(
    runtime: Subprocess, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Make]:
    """Make a worker of the emulator whose function has one layer."""
    folder, made = tmp_path_factory.getbasetemp() / "packages", []
    folder.mkdir(exist_ok=True)
    (folder / "of_the_layer.py").write_text("NAME = 'a layer'")
    site_file = {f"{SITE}/one.pth": f"{folder}\n"}

    def make(layer: dict[str, str] | None = None, code: str = HANDLER, **variables: str) -> Any:
        monkeypatch.setattr(lambda_svc, "_resolve_layer_zip", lambda _: archive(site_file if layer is None else layer))
        config = {
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:one", "Handler": "one.handler", "Layers": ["layer"],
            "Runtime": "python3.12", "Timeout": 10, "Environment": {"Variables": variables},
        }  # fmt: skip
        made.append(lambda_runtime.Worker("one", config, archive({"one.py": code})))
        return made[-1]

    yield make
    lambda_runtime.kill_workers(made)


def test_a_worker_is_a_process_of_its_own_and_knows_its_environment_folder_and_layer(worker: Make) -> None:
    first, second = worker(VARIABLE="first"), worker(SECRET="second")
    answers = [it.invoke({}, "request")["result"] for it in (first, second)]
    assert answers[0]["pid"] != answers[1]["pid"]
    assert answers[0]["parent"] == answers[1]["parent"] != os.getpid()
    assert [(it["variable"], it["secret"], it["name"]) for it in answers] == [
        ("first", None, "a layer"),
        (None, "second", "a layer"),
    ]
    assert [it["folder"] for it in answers] == [str(Path(it._tmpdir) / "code") for it in (first, second)]
    assert answers[0]["argv"] == [str(Path(first._tmpdir) / "_worker.py")]
    assert 0 < answers[0]["deadline"] <= 10_000


def test_a_worker_is_used_again_and_its_log_is_read(worker: Make) -> None:
    one = worker()
    answers = [one.invoke({}, "request") for _ in range(2)]
    assert answers[0]["result"]["pid"] == answers[1]["result"]["pid"]
    assert [it["cold_start"] for it in answers] == [True, False]
    assert [it["log"] for it in answers] == ["logged", "logged"]


def test_the_death_of_a_worker_is_seen_and_the_next_invocation_gets_a_new_one(worker: Make) -> None:
    one = worker()
    before = one.invoke({}, "request")["result"]["pid"]
    assert one.invoke("die", "request")["error"] == "Worker process died"
    assert one.invoke({}, "request")["result"]["pid"] != before


def test_an_idle_worker_that_was_killed_is_replaced(worker: Make) -> None:
    one = worker()
    before = one.invoke({}, "request")["result"]["pid"]
    os.kill(before, signal.SIGKILL)
    one._proc.wait(5)
    assert one.invoke({}, "request")["result"]["pid"] != before


def test_when_the_server_was_killed_its_workers_go_on_and_a_new_one_forks(worker: Make) -> None:
    first = worker()
    server = first.invoke({}, "request")["result"]["parent"]
    os.kill(server, signal.SIGKILL)
    assert "pid" in first.invoke({}, "request")["result"]
    assert worker().invoke({}, "request")["result"]["parent"] not in {server, os.getpid()}


def test_an_error_of_a_handler_and_code_that_cannot_be_loaded_are_told(worker: Make) -> None:
    assert worker().invoke("fail", "request")["error"] == "on purpose"
    with pytest.raises(RuntimeError, match="no_such_module"):
        worker(code="import no_such_module").invoke({}, "request")
    with pytest.raises(RuntimeError, match="exited immediately"):
        worker(code="import os; os._exit(3)").invoke({}, "request")


def test_a_slow_worker_is_ended_at_its_time_out(worker: Make) -> None:
    one = worker(code="import time\ndef handler(event, context): time.sleep(60)")
    one.config["Timeout"] = 1
    assert "timed out" in one.invoke({}, "request")["error"]


def test_a_layer_with_packages_is_not_forked(worker: Make) -> None:
    one = worker(layer={"python/of_the_layer.py": "NAME = 'unpacked'"})
    answer = one.invoke({}, "request")["result"]
    assert (answer["name"], answer["parent"]) == ("unpacked", os.getpid())
    assert isinstance(one._proc, subprocess.Popen)


def test_workers_can_be_waited_for_and_ended(worker: Make) -> None:
    one = worker()
    one.invoke({}, "request")
    process = one._proc
    assert isinstance(process, ForkedWorker)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.terminate()
    assert process.wait(5) == process.poll() == -1
    process.kill()  # it has ended, so its id may be another process by now


def test_nothing_is_left_when_the_emulators_process_ends(tmp_path: Path) -> None:
    """The server and its workers end by themselves when their emulator is killed."""
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom darkroom_local.emulator.forked_workers import ForkServer\n"
        "server = ForkServer([])\nworker = server.fork()\nprint(server._process.pid, worker.pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as emulator:
        assert emulator.stdout
        pids = [int(pid) for pid in emulator.stdout.readline().split()]
        emulator.kill()
    until = time.monotonic() + 10
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_emulator_without_what_is_changed_is_refused() -> None:
    with pytest.raises(EmulatorChanged, match="_worker_script_extension"):
        fork_workers(SimpleNamespace())
