"""Finds the best memory size for each function. CPU time and peak memory are measured; run time and price are worked out.

Each handler runs in its own process, with only the layer and the packages of Lambda's runtime, against the embedded cloud
and the Topaz simulator. Pictures of 20 MB are submitted, polled and finalized, and then the sweep runs. The run time at a
memory size is worked out from the measured CPU time, because Lambda gives CPU in proportion to memory: one vCPU at 1,769 MB.
"""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.cold_start import ENVIRONMENT, laid_out
from benchmarks.support.reporting import Result, Table
from darkroom_local.simulators.topaz import TopazSimulator
from darkroom_local.stack.local_stack import LocalStack, local_stack
from darkroom_local.stack.simulator_processes import simulated_key

NAME = "memory"
QUESTION = "Which memory size costs least for each function, and does the function's work fit into it?"
HANDLERS = ("submit", "poll", "finalize", "sweep")
SIZES_MB = (128, 192, 256, 512, 1024)
VCPU_MB = (
    1769  # with this memory, a function has one full vCPU (Lambda developer guide, "Configure Lambda function memory")
)
OVERHEAD_MIB = 35  # memory that Lambda's runtime client and sandbox need in addition to the handler's process; assumed
# Seconds that an invocation waits for the vendor and S3 without computing. It is assumed that memory does not change them.
WAITS = {"submit": 2.0, "poll": 0.3, "finalize": 3.0, "sweep": 0.2}
SIDE = 2900  # in pixels; a square PNG of random noise with this side has 20 MB
WAIT_ONLY = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}
CHILD = """
import importlib, json, resource, sys, time
sys.path[:0] = json.loads(sys.argv[2])
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "benchmark"
    def get_remaining_time_in_millis(self): return 300_000
out, sys.stdout = sys.stdout, sys.stderr  # logs and metrics go there
handler = importlib.import_module(sys.argv[1]).handler
began = 0.0
for line in sys.stdin:
    answer = handler(json.loads(line), Context())
    ended = cpu()
    peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps([answer, ended - began, peak]), file=out, flush=True)
    began = cpu()
"""


@dataclass
class Worker:
    """Runs one handler in its own process. The CPU seconds of the first invocation include the start of the process."""

    process: subprocess.Popen[str]
    cpu_seconds: list[float] = field(default_factory=list)
    peak_mib: float = 0.0

    def invoke(self, event: object) -> Any:
        """Invoke the handler and return its answer. Raises SystemExit if its process has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(event), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the process of a handler ended without an answer")
        answer, cpu, self.peak_mib = json.loads(line)
        self.cpu_seconds.append(cpu)
        return answer

    @property
    def later(self) -> float:
        """Return the median of the CPU seconds of all invocations except the first."""
        return statistics.median(self.cpu_seconds[1:])


@contextmanager
def workers(stack: LocalStack, path: list[str], machine: str) -> Iterator[dict[str, Worker]]:
    """Start the process of each handler with the environment that the template gives it. End the processes after the block."""
    found = stack.endpoint.client("lambda").list_functions()["Functions"]
    with ExitStack() as ends:
        made: dict[str, Worker] = {}
        for handler in HANDLERS:
            (given,) = [f["Environment"]["Variables"] for f in found if f["Handler"] == f"{handler}.handler"]
            environment = {**ENVIRONMENT, **given, **stack.endpoint.environment(), "STATE_MACHINE_ARN": machine}
            environment["SSL_CERT_FILE"] = str(stack.endpoint.authority)  # for parts of results, sent without boto3
            command = [sys.executable, "-I", "-S", "-B", "-c", CHILD, handler, json.dumps(path)]
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            ends.callback(process.wait)
            ends.callback(process.terminate)
            made[handler] = Worker(process)
        yield made


def carry(stack: LocalStack, handlers: Mapping[str, Worker], machine: str, name: str, picture: bytes) -> None:
    """Process one picture from the input bucket to the output bucket. Then run the sweep once."""
    s3, states = stack.endpoint.client("s3"), stack.endpoint.client("stepfunctions")
    put = s3.put_object(Bucket=stack.input_bucket, Key=name, Body=picture, Tagging="scale=1&output_format=png")
    pinned = {"key": name, "etag": put["ETag"].strip('"'), "version-id": put["VersionId"], "sequencer": "0A"}
    detail = {"bucket": {"name": stack.input_bucket}, "object": pinned}
    body = json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})
    answer = handlers["submit"].invoke({"Records": [{"messageId": "m", "body": body}]})
    assert answer == {"batchItemFailures": []}, answer
    (run,) = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    tick = json.loads(states.describe_execution(executionArn=run["executionArn"])["input"])
    while tick["status"] != "ended":
        time.sleep(0.3)
        tick = handlers["poll"].invoke(tick)
    assert handlers["finalize"].invoke(tick)["status"] == "COMPLETED"
    states.stop_execution(executionArn=run["executionArn"])
    handlers["sweep"].invoke({})


def run(quick: bool = False) -> Result:
    """Measure eight pictures, or three with `quick`."""
    noise = io.BytesIO()
    Image.merge("RGB", [Image.effect_noise((SIDE, SIDE), 200) for _ in range(3)]).save(noise, "PNG", compress_level=1)
    with (
        tempfile.TemporaryDirectory(prefix="memory-") as folder,
        TopazSimulator(simulated_key("topaz"), speed=50) as simulator,
        local_stack(
            # The event rule of the stack only matches another prefix, so an upload does not start a job automatically.
            parameters={"InputPrefix": "nothing/", "AllowedProviders": "topaz"},
            simulator_urls={"topaz": simulator.base_url},
        ) as stack,
    ):
        path, _ = laid_out(Path(folder))
        role = stack.endpoint.client("lambda").list_functions()["Functions"][0]["Role"]
        machine = stack.endpoint.client("stepfunctions").create_state_machine(
            name="wait", definition=json.dumps(WAIT_ONLY), roleArn=role
        )["stateMachineArn"]
        with workers(stack, path, machine) as handlers:
            for number in range(3 if quick else 8):
                carry(stack, handlers, machine, f"picture-{number}.png", noise.getvalue())
    return Result(
        name=NAME,
        question=QUESTION,
        tables=[_measured(handlers), *(_model(h, handlers[h]) for h in HANDLERS)],
        ratios={},
        notes=[
            f"A picture has {len(noise.getvalue()) / 1e6:.0f} MB. "
            "The embedded cloud uses TLS, and the simulator uses plain http.",
            f"assumed: {OVERHEAD_MIB} MiB that Lambda needs in addition to the process, "
            "and the seconds for which an invocation waits.",
        ],
    )


def _measured(handlers: Mapping[str, Worker]) -> Table:
    columns = ["", "first invocation with start, CPU s", "later, CPU s", "peak, MiB", "with Lambda's own, MiB"]
    rows: list[list[object]] = [
        [name, one.cpu_seconds[0], one.later, one.peak_mib, one.peak_mib + OVERHEAD_MIB]
        for name, one in handlers.items()
    ]
    return Table("Measured", columns, rows)


def _model(name: str, worker: Worker) -> Table:
    """Return the table of the seconds and GB-seconds that an invocation takes at each memory size."""
    rows: list[list[object]] = []
    for size in SIZES_MB:
        first, later = (cpu / min(size / VCPU_MB, 1) + WAITS[name] for cpu in (worker.cpu_seconds[0], worker.later))
        fits = worker.peak_mib + OVERHEAD_MIB < size
        rows.append([f"{size} MB", first, later, later * size / 1024, "yes" if fits else "no"])
    waits = f"{WAITS[name]:g} s of waiting included"
    return Table(f"{name}, modelled, {waits}", ["", "first, s", "later, s", "later, GB-s", "fits"], rows)


if __name__ == "__main__":
    run("--quick" in sys.argv).show()
