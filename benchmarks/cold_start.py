"""Measures how long a new container takes before its first invocation, compared with bare Python and one boto3 client.

Every figure is the time of a whole new process, from its start to its end. The import path of the process has the layer,
the handlers and the packages of Lambda's runtime, and nothing else. The layer is measured twice: with byte-code, as after a
build with the Python of the runtime, and without byte-code. The process makes clients but calls no service, so it needs no
network.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.support.reporting import Plot, Result, Table

NAME = "cold start"
QUESTION = (
    "How long does a new container of each function take until it can work, compared with making one boto3 client?"
)
ROOT = Path(__file__).parents[1]
# The packages that Lambda's Python runtimes contain (Lambda developer guide, "Runtime-included SDK versions").
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")
BARE, CLIENT, GOAL = "bare Python", "one boto3 s3 client", 1.5
# For each function: the AWS clients that its first invocation makes for a Topaz job, and whether it makes the adapter too.
ASKED: Mapping[str, tuple[tuple[str, ...], bool]] = {
    "submit": (("s3", "dynamodb", "secretsmanager", "stepfunctions"), True),
    "poll": (("dynamodb", "secretsmanager"), True),
    "finalize": (("dynamodb", "secretsmanager", "s3", "events"), True),
    "callback": (("dynamodb", "stepfunctions"), False),
    "sweep": (("dynamodb",), False),  # if no job is due
}
S3 = "import boto3; boto3.client('s3')"
PARTS: Mapping[str, str] = {
    "boto3": "import boto3",
    "one boto3 dynamodb client": "import boto3; boto3.client('dynamodb')",
    "one botocore dynamodb client": "import botocore.session; botocore.session.get_session().create_client('dynamodb')",
    "httpx": "import httpx",
    "httpx.Client(), certificates read": "import httpx; httpx.Client()",
    "Powertools Logger and Metrics": "from aws_lambda_powertools import Logger, Metrics; Logger(); Metrics()",
    "Powertools batch": "import aws_lambda_powertools.utilities.batch",
    "darkroom.container": "import darkroom.container",
    "all four adapters": "from darkroom.providers import topaz, aimlapi, oxen, uwear",
    "all four catalogs": "from darkroom import catalog; [catalog.load(name) for name in catalog.providers()]",
    "darkroom.images": "import darkroom.images",
    "darkroom.planning": "import darkroom.planning",
}
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
    "POWERTOOLS_SERVICE_NAME": "darkroom", "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
    "LEDGER_TABLE": "ledger", "INPUT_BUCKET": "in", "OUTPUT_BUCKET": "out", "STACK_NAME": "darkroom",
    "API_KEYS_SECRET_ARN": "arn:s", "STATE_MACHINE_ARN": "arn:m", "FINALIZE_FUNCTION": "finalize",
    "INTAKE_QUEUE_URL": "https://queue.test/q", "LINK_ROLE_ARN": "arn:r",
    **{f"{name}_BASE_URL": f"https://{name.lower()}.test/v1" for name in ("TOPAZ", "AIMLAPI", "OXEN", "UWEAR")},
}  # fmt: skip


@dataclass(frozen=True)
class Times:
    """The wall time and the CPU time of one process, in milliseconds."""

    wall: float
    cpu: float


def first_invocation(handler: str) -> str:
    """Return a program that imports the handler and makes all clients and adapters that its first invocation makes."""
    services, asks_provider = ASKED[handler]
    made = f"[application.adapters.client(service).meta for service in {services}]"
    adapter = "; application.adapters.providers['topaz']" if asks_provider else ""
    return f"from {handler} import application; application.{handler}; {made}{adapter}"


def laid_out(folder: Path) -> tuple[list[str], list[str]]:
    """Copy the layer into `folder`. Return the import path of a container with byte-code, and of one without byte-code."""
    runtime = folder / "runtime"
    runtime.mkdir()
    for name in RUNTIME:
        (runtime / name).symlink_to(Path(sysconfig.get_paths()["purelib"]) / name)
    layers = [folder / "compiled", folder / "plain"]
    for layer in layers:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / ".build/layer/python", layer, ignore=ignored)
        shutil.copytree(ROOT / "layers/core/darkroom", layer / "darkroom", ignore=ignored)
    compileall.compile_dir(layers[0], quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    compiled, plain = ([str(ROOT / "functions"), str(layer), str(runtime)] for layer in layers)
    return compiled, plain


def run_once(program: str, path: list[str]) -> Times:
    """Run a program in a fresh interpreter that reads byte-code but writes none. Raises CalledProcessError."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", f"import sys; sys.path[:0] = {path!r}\n{program}"],
        env={**ENVIRONMENT, "PATH": os.defpath},
        check=True,
        cwd="/",
    )
    ended, after = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Times((ended - began) * 1000, cpu * 1000)


def interleaved(programs: Mapping[str, tuple[str, list[str]]], rounds: int) -> dict[str, list[Times]]:
    """Run each program once in each round, in rotating order. A first round warms the disk cache and is not counted."""
    names = list(programs)
    found: dict[str, list[Times]] = {name: [] for name in names}
    for name in names:
        run_once(*programs[name])
    for number in range(rounds):
        turn = number % len(names)
        for name in [*names[turn:], *names[:turn]]:
            found[name].append(run_once(*programs[name]))
    return found


def wall(times: list[Times]) -> float:
    """Return the median wall time in milliseconds."""
    return statistics.median(one.wall for one in times)


def cpu(times: list[Times]) -> float:
    """Return the median CPU time in milliseconds."""
    return statistics.median(one.cpu for one in times)


def ratio(times: list[Times], base: list[Times]) -> float:
    """Return the median of all rounds' ratios of wall times. Within a round, the load of the machine is about the same."""
    return statistics.median(one.wall / other.wall for one, other in zip(times, base, strict=True))


def run(quick: bool = False) -> Result:
    """Measure fifteen rounds, or three rounds with `quick`."""
    with tempfile.TemporaryDirectory(prefix="cold-start-") as folder:
        compiled, plain = laid_out(Path(folder))
        programs = {BARE: ("", compiled), CLIENT: (S3, compiled)}
        for handler in ASKED:
            programs[handler] = (first_invocation(handler), compiled)
            programs[f"{handler} without byte-code"] = (first_invocation(handler), plain)
        parts = {BARE: ("", compiled), CLIENT: (S3, compiled)}
        parts |= {name: (program, compiled) for name, program in PARTS.items()}
        parts |= {f"{name} after a client": (f"{S3}; {program}", compiled) for name, program in PARTS.items()}
        rounds = 3 if quick else 15
        found, apart = interleaved(programs, rounds), interleaved(parts, rounds)
    ratios = {f"{handler} ÷ {CLIENT}": ratio(found[handler], found[CLIENT]) for handler in ASKED}
    saved = {
        f"{handler} without byte-code ÷ with": ratio(found[f"{handler} without byte-code"], found[handler])
        for handler in ASKED
    }
    return Result(
        name=NAME,
        question=QUESTION,
        tables=[_handlers(found), _parts(apart)],
        ratios=ratios | saved,
        goals=dict.fromkeys(ratios, GOAL),
        notes=_notes(found),
        plot=Plot(
            "Cold start",
            "bar",
            "",
            "milliseconds",
            {
                "with byte-code": [(name, wall(found[name])) for name in (BARE, CLIENT, *ASKED)],
                "layer without byte-code": [(name, wall(found[f"{name} without byte-code"])) for name in ASKED],
            },
        ),
    )


def _handlers(found: Mapping[str, list[Times]]) -> Table:
    columns = ["", "wall, ms", "÷ client", "CPU, ms", "÷ client", "without byte-code: wall, ms", "CPU, ms"]
    rows: list[list[object]] = []
    for name in (BARE, CLIENT, *ASKED):
        own, base, plain = found[name], found[CLIENT], found.get(f"{name} without byte-code")
        ratios = (ratio(own, base), cpu(own) / cpu(base))
        rows.append(
            [name, wall(own), ratios[0], cpu(own), ratios[1], *((wall(plain), cpu(plain)) if plain else (None, None))]
        )
    return Table("Import, use case, clients of the first invocation", columns, rows)


def _parts(found: Mapping[str, list[Times]]) -> Table:
    rows: list[list[object]] = [
        [name, cpu(found[name]) - cpu(found[BARE]), cpu(found[f"{name} after a client"]) - cpu(found[CLIENT])]
        for name in PARTS
    ]
    return Table("What each part adds, CPU", ["", "to bare Python, ms", f"to {CLIENT}, ms"], rows)


def _notes(found: Mapping[str, list[Times]]) -> list[str]:
    return [
        f"Medians of {len(found[BARE])} fresh processes each, interleaved. A ratio is the median of the ratios of all rounds.",
        "An import that two parts share is counted in both, so the parts add up to more than the whole.",
    ]


if __name__ == "__main__":
    run("--quick" in sys.argv).show()
