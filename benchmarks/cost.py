"""Works out what a thousand pictures cost on AWS: `python -m benchmarks.cost`.

It counts the requests and capacity units of one job (see `counting`) and the transitions of Darkroom's state machine. The
run times of the functions are assumed, because nothing here runs on Lambda. The vendor's credits are left out.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tests.e2e.deployed_application import Darkroom, simulators
from tests.unit.transitions_support import at_its_eta

from benchmarks.counting import SCENARIOS, Counted, Scenario, count
from benchmarks.prices import PRICES, SEEN, s3_class
from benchmarks.support.reporting import Plot, Result, Table
from darkroom_local.machine.certificates import issued
from darkroom_local.stack.deployment import read_template
from darkroom_local.stack.local_stack import local_stack
from darkroom_local.stack.packaging import find_application
from darkroom_local.stack.simulator_processes import vendors

NAME = "cost"
IMAGES = 1000
GOAL_USD = 0.25  # for transitions and Lambda, if each of the thousand jobs is done at its estimated time (eta)
GOAL = "USD of transitions and Lambda, 1,000 pictures, one poll"

# Seconds that an invocation runs, without INIT. Assumed. The third number is for a synchronous submit, which waits for the
# provider.
RUNS_SECONDS = {"Submit": 3.0, "Poll": 0.4, "Finalize": 4.0}
HELD_SUBMIT_SECONDS = 30.0
# Seconds of INIT in every invocation that starts a container. Assumed. AWS bills INIT since August 2025.
INIT_SECONDS = {"Submit": 0.8, "Poll": 0.6, "Finalize": 0.8}
COLD_SHARE = 1.0  # the share of cold starts if pictures come hours apart; AWS says that it is usually under 0.01
PLATFORM_LOG_BYTES = 800  # the log lines that Lambda itself writes about an invocation. Assumed.
QUEUE_REQUESTS = 3  # the event bus sends the message, and Lambda's poller receives and deletes it
UPLOAD_EVENTS = 1  # the event that S3 sends to the event bus
LINK_FETCHES = 1  # the provider fetches the link once
SENT_MB, RESULT_MB = (
    5,
    20,
)  # the file sizes of a picture and of its result, which has four times as many pixels. Assumed.

TRANSITIONS, LAMBDA = "Step Functions", "Lambda"
ALWAYS_COLD = ", always cold"  # marks a line of the bill that is only due when an invocation starts a container
SUMS = {"**Transitions and Lambda**": (TRANSITIONS, LAMBDA), "**Together**": ()}


@dataclass(frozen=True)
class Line:
    """One line of the bill for `IMAGES` pictures: a service, the unit that it bills, how many units, and the price."""

    service: str
    what: str
    amount: float
    usd: float


@functools.cache
def memory_gb() -> Mapping[str, float]:
    """Return the memory of each function in GB, as the template sets it."""
    resources = read_template(find_application())["Resources"]
    return {name: resources[name]["Properties"]["MemorySize"] / 1024 for name in RUNS_SECONDS}


def invocations(scenario: Scenario) -> dict[str, int]:
    """Return how often each function runs for one picture."""
    path = at_its_eta(scenario.running_polls + 1).path
    return {"Submit": 1, "Poll": path.count("Poll"), "Finalize": path.count("Finalize")}


def gb_seconds(scenario: Scenario, *, of_init: bool) -> float:
    """Return Lambda's GB-seconds for one picture, without INIT. With `of_init`, return those of INIT instead.

    For INIT, every invocation is taken to start a container.
    """
    seconds = INIT_SECONDS if of_init else RUNS_SECONDS
    if scenario.is_synchronous and not of_init:
        seconds = {**seconds, "Submit": HELD_SUBMIT_SECONDS}
    memory = memory_gb()
    return sum(memory[name] * seconds[name] * times for name, times in invocations(scenario).items())


def bill(scenario: Scenario, counted: Counted) -> list[Line]:
    """Return the lines of the bill for `IMAGES` pictures, except those that depend on the size of the pictures."""
    runs = sum(invocations(scenario).values())
    s3 = _by_class(counted, scenario)
    asked = counted.once_a_container["secretsmanager:GetSecretValue"] * runs * COLD_SHARE
    logged_kb = round((counted.log_bytes + runs * PLATFORM_LOG_BYTES) / 1000, 1)
    return [
        _line(TRANSITIONS, "transition", at_its_eta(scenario.running_polls + 1).transitions),
        _line(LAMBDA, "gb_second", gb_seconds(scenario, of_init=False)),
        _line(LAMBDA, "gb_second", gb_seconds(scenario, of_init=True) * COLD_SHARE, "GB-second of INIT" + ALWAYS_COLD),
        _line(LAMBDA, "invocation", runs),
        _line("DynamoDB", "write_unit", counted.units.writes),
        _line("DynamoDB", "read_unit", counted.units.reads),
        *(_line("S3", name, s3[name]) for name in ("s3_put", "s3_get")),
        _line("SQS", "sqs_request", QUEUE_REQUESTS),
        _line("EventBridge", "event", UPLOAD_EVENTS + counted.requests["events:PutEvents"]),
        _line("Secrets Manager", "secret_read", asked, "call" + ALWAYS_COLD),
        _line("CloudWatch Logs", "log_kb", logged_kb),
        _line("X-Ray", "trace", runs, "trace, at most"),
    ]


def by_size(sent_mb: float = SENT_MB, result_mb: float = RESULT_MB) -> list[Line]:
    """Return the lines of the bill that depend on the size of the pictures."""
    return [
        _line("Data transfer", "egress_gb", sent_mb / 1000, f"GB sent to the provider, {sent_mb:g} MB each"),
        _line(
            "S3", "s3_gb_month", (sent_mb + result_mb) / 1000, f"GB-month kept, {sent_mb:g} and {result_mb:g} MB each"
        ),
    ]


def _by_class(counted: Counted, scenario: Scenario) -> dict[str, float]:
    found = {"s3_put": 0.0, "s3_get": float(LINK_FETCHES if scenario.by_link else 0), "s3_delete": 0.0}
    for operation, times in counted.of("s3").items():
        found[s3_class(operation)] += times
    return found


def _line(service: str, price: str, a_picture: float, what: str = "") -> Line:
    amount = a_picture * IMAGES
    return Line(service, what or PRICES[price].unit, amount, PRICES[price].of(amount))


def total(lines: Iterable[Line], *services: str) -> float:
    """Return the sum of the lines for these services in US dollars, or of all lines if no service is given."""
    return sum(line.usd for line in lines if not services or line.service in services)


def price(bills: Mapping[str, list[Line]]) -> Table:
    """Return the table of the bill for `IMAGES` pictures in US dollars, with a column for each scenario."""
    rows = _side_by_side(bills, lambda line: f"{line.usd:.4f}")
    rows += [[name, *(f"{total(lines, *of):.3f}" for lines in bills.values())] for name, of in SUMS.items()]
    warm = (total(line for line in lines if ALWAYS_COLD not in line.what) for lines in bills.values())
    rows.append(["**Together, containers warm**", *(f"{usd:.3f}" for usd in warm)])
    return Table("USD for 1,000 pictures", ["", *bills], rows)


def amounts(bills: Mapping[str, list[Line]]) -> Table:
    """Return the table of the units that one picture uses, with a column for each scenario."""
    rows = _side_by_side(bills, lambda line: f"{line.amount / IMAGES:.3g}")
    return Table("Amounts for one picture", ["", *bills], rows)


def sizes() -> Table:
    """Return the table of the costs that depend on the size of the pictures."""
    rows: list[list[object]] = [
        [f"{line.service}: {line.what}", f"{line.amount:g}", f"{line.usd:.3f}"] for line in by_size()
    ]
    return Table("USD for 1,000 pictures, by their size", ["", "amount", "USD"], rows)


def _side_by_side(bills: Mapping[str, list[Line]], cell: Callable[[Line], str]) -> list[list[object]]:
    columns = list(bills.values())
    return [
        [f"{line.service}: {line.what}", *(cell(lines[row]) for lines in columns)]
        for row, line in enumerate(columns[0])
    ]


def requests_of(found: Mapping[str, Counted]) -> Table:
    """Return the table of the requests in the first scenario, by function."""
    name, counted = next(iter(found.items()))
    rows: list[list[object]] = [
        [function, ", ".join(f"{times} {request}" for request, times in sorted(asked.items()))]
        for function, asked in counted.by_function.items()
    ]
    return Table(f"Requests of one job: {name}", ["function", "requests"], rows)


def result_of(found: Mapping[str, Counted]) -> Result:
    """Return the result of the benchmark for the counts of all scenarios."""
    bills = {scenario.name: bill(scenario, found[scenario.name]) for scenario in SCENARIOS}
    used = next(iter(found.values())).units
    return Result(
        name=NAME,
        question="What do a thousand pictures cost on AWS, without the vendor's credits?",
        tables=[price(bills), sizes(), amounts(bills), requests_of(found)],
        ratios={GOAL: total(bills[SCENARIOS[0].name], TRANSITIONS, LAMBDA)},
        goals={GOAL: GOAL_USD},
        notes=[
            f"List prices of us-east-1, {SEEN}, without free tiers. "
            "Durations are modelled, and every invocation is a cold start.",
            f"Of {used.writes:g} write units, {used.in_transactions:g} are in transactions and {used.of_indexes:g} are"
            f" entries of indexes; the largest row has {used.largest_row_bytes} bytes, and writes count by 1,024.",
        ],
        plot=_plot(bills),
    )


def _plot(bills: Mapping[str, list[Line]]) -> Plot:
    known = (TRANSITIONS, LAMBDA, "DynamoDB", "S3")
    series: dict[str, list[tuple[object, float]]] = {
        service: [(name, total(lines, service)) for name, lines in bills.items()] for service in known
    }
    series["the rest"] = [(name, total(lines) - total(lines, *known)) for name, lines in bills.items()]
    return Plot("What 1,000 pictures cost on AWS", "bar", "", "USD", series)


def counted_on(room: Darkroom) -> dict[str, Counted]:
    """Count every scenario on a deployed stack. The stack's event rule must ignore uploads under `held/`."""
    return {scenario.name: count(room, scenario) for scenario in SCENARIOS}


def run(quick: bool = False) -> Result:
    """Deploy Darkroom onto the embedded cloud and count. `quick` changes nothing, as a run takes only half a minute."""
    parameters = {"InputPrefix": "photos/", "DefaultSettings": "face_enhancement=false"}
    with issued() as own, simulators(*vendors(), speed=20, authorities=own.authority) as made:
        urls = {name: it.base_url for name, it in made.items()}
        with local_stack(simulator_urls=urls, certificates=own, parameters=parameters) as stack:
            return result_of(counted_on(Darkroom(stack, made)))


if __name__ == "__main__":
    sys.exit(run().show())
