"""Sends a flood of forged and replayed callbacks to a deployed stack, and says what came of it.

The stack, its ledger, its executions and the vendor's simulator are those of the end-to-end tests. Only the function's URL is
served by a process of its own, with the real handler and environment, because the embedded cloud is too slow for a flood.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.deployed_application import Darkroom
from tests.fakes.callback_sender import LOST

FORGED_FOR_EACH_REPLAYED = 5
REFUSED, TAKEN = "404", "204"


@dataclass(frozen=True)
class Flood:
    """What came of a flood: the number of answers of each status, the seconds that it took, and what the function took for it."""

    answers: dict[str, int]
    seconds: float
    invocations: int
    busy_seconds: float  # of the handler, one invocation after the other
    cpu_seconds: float  # of the function's process
    log_bytes: int

    @property
    def is_all_answered(self) -> bool:
        """Say whether each forged callback was refused, and each replayed one was taken."""
        replayed = self.answers.get(TAKEN, 0)
        wanted = {REFUSED: replayed * FORGED_FOR_EACH_REPLAYED, TAKEN: replayed}
        return LOST not in self.answers and self.answers == wanted and self.invocations == sum(wanted.values()) > 0


def flood(room: Darkroom, keys: list[str], rate: float, seconds: float, log: Path) -> Flood:
    """Send callbacks about the jobs of these uploads, `rate` a second. `log` gets the function's log."""
    with _function(room, log) as seen:
        sent = _sent(seen["address"], _attack(room, keys), rate, seconds)
    taken = {name: seen[name] for name in ("invocations", "busy_seconds", "cpu_seconds")}
    return Flood(**sent, **taken, log_bytes=log.stat().st_size)


@contextmanager
def _function(room: Darkroom, log: Path) -> Iterator[dict[str, Any]]:
    """Run the function callback behind a loopback address. Yield its `address`. After the block, what it took is there too."""
    function = room.client("lambda").get_function_configuration(FunctionName=room.function("Callback"))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(["functions", *filter(None, sys.path)]),
        **function["Environment"]["Variables"],
        **room.stack.endpoint.environment(),
    }
    command = [sys.executable, "-m", "tests.fakes.function_url", "callback"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with log.open("w") as output, subprocess.Popen(command, env=environment, stdout=output, **pipes) as child:
        assert child.stdin is not None
        assert child.stderr is not None
        seen: dict[str, Any] = {"address": child.stderr.readline().strip()}
        try:
            yield seen
        finally:
            child.stdin.close()
        seen |= json.loads(child.stderr.read())


def _sent(address: str, targets: list[tuple[str, str]], rate: float, seconds: float) -> dict[str, Any]:
    """Send the targets from a process of its own. Return the counted answers and the seconds."""
    wish = {"targets": [(address.rstrip("/") + path, body) for path, body in targets], "rate": rate, "seconds": seconds}
    command = [sys.executable, "-m", "tests.fakes.callback_sender"]
    done = subprocess.run(command, input=json.dumps(wish), capture_output=True, text=True, check=True, timeout=1800)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _attack(room: Darkroom, keys: list[str]) -> list[tuple[str, str]]:
    """Return forged callbacks and replays of genuine ones, as (path, body). Each says that the process has ended."""
    paths = [address_of(room, key).removeprefix(room.update()["CallbackUrl"]) for key in keys]
    made = []
    for number, path in enumerate(paths):
        about, _, mac = path.rpartition("/")
        foreign = paths[number - 1].rpartition("/")[2]
        forged = ["", "a/b/c", f"{about}/{foreign}", f"{about}/{'0' * len(mac)}", path[:-1]]
        assert len(forged) == FORGED_FOR_EACH_REPLAYED
        body = json.dumps({"process_id": room.job(keys[number])["process_id"], "status": "Completed"})
        made += [(f"/{one}", body) for one in (*forged, path)]
    return made


def address_of(room: Darkroom, key: str) -> str:
    """Return the address that the vendor was given for the upload."""
    (submit,) = room.submits(key)
    return str(submit["fields"]["webhook_url"])
