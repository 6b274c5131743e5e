"""`darkroom plan`: says what a folder or a prefix will cost before anything is spent, by the code that submit runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from darkroom_cli.console.errors import reported, say
from darkroom_cli.console.machine_output import AsCsv, AsJson, only_one_form, print_csv, print_json
from darkroom_cli.costs.quoting import Place, SetOption
from darkroom_cli.stack.deployment import DEFAULT_STACK, Stack

if TYPE_CHECKING:
    from darkroom.setting_layers import Layer
    from darkroom_cli.costs.forecast import Forecast
    from darkroom_cli.costs.plan_report import Report

# How long one submit takes, and the most jobs a second that the month's rows take, as benchmarks/scale.py models and measures
# them (docs/performance.md, "Many uploads").
UPLOAD_SECONDS, LINK_SECONDS, SYNCHRONOUS_SECONDS = 2.4, 0.7, 30.0
MOST_JOBS_A_SECOND = 30.0
USUAL_SUBMITS_AT_ONCE = 5  # where the stack does not say

app = typer.Typer()


@app.command()
def plan(
    place: Annotated[str, typer.Argument(metavar="FOLDER", help="A folder, or s3://bucket/prefix.")],
    settings: SetOption = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Say what a folder or a prefix will cost.

    It reads headers only, spends nothing and writes nothing. A folder of this machine needs neither a stack nor AWS: then there
    are no limits and budgets, and no DefaultSettings.
    """
    only_one_form(as_json, as_csv)
    with reported():
        from darkroom_cli.console import terminal
        from darkroom_cli.costs import plan_report, quoting

        above = quoting.parse_settings(settings or [])
        found = quoting.many(place, stack)
        for line in found.left_out:
            say(line, err=as_json or as_csv)
        report = made(found, above)
        if as_json:
            print_json(plan_report.as_object(report))
        elif as_csv:
            print_csv(plan_report.COLUMNS, plan_report.rows(report))
        else:
            console = terminal.console()
            for part in plan_report.tables(report):
                console.print(part, soft_wrap=True)
            if not place.startswith(quoting.S3):
                say(quoting.NO_STACK)


def made(place: Place, above: Sequence[Layer]) -> Report:
    """Return the report on all uploads of a place. Raises WrongDefaults, and errors of the network."""
    from darkroom_cli.console import bars
    from darkroom_cli.costs import forecast
    from darkroom_cli.costs.plan_report import Report

    known = {
        key: forecast.Forecast(key, fate)
        for key, job in place.jobs.items()
        if (fate := forecast.done_before(job.status))
    }
    known |= {key: forecast.Forecast(key, forecast.Fate.REFUSED, message=why) for key, why in place.unusable.items()}
    open_uploads = [upload for upload in place.uploads if upload.key not in known]
    with bars.counting("reading headers", len(open_uploads)) as each:
        taken = {job.dispatch.output_key: key for key, job in place.jobs.items() if job.dispatch}
        found = {one.key: one for one in forecast.of_uploads(place.quote, open_uploads, above, taken, each)}
    forecasts = [known.get(upload.key) or found[upload.key] for upload in place.uploads]
    paid = {each.key for each in forecasts if each.fate is forecast.Fate.PAID}
    same = forecast.same_bytes((source for source in place.sources if source.key in paid), place.digest)
    return with_stack(place, Report(forecasts, same))


def with_stack(place: Place, report: Report) -> Report:
    """Return the report with what only a stack tells: budgets and pace."""
    if place.deployment is None:
        return report
    from dataclasses import replace

    from darkroom_cli.costs import budget_room

    month = f"{place.quote.clock():%Y-%m}"
    ledger = place.deployment.operator_ledger
    rooms = budget_room.rooms(ledger, place.quote.limits, month, report.credits, report.usd)
    at_once = int(place.deployment.parameters.get("MaxConcurrentSubmits", USUAL_SUBMITS_AT_ONCE))
    return replace(
        report, rooms=rooms, seconds=seconds_for([*report.paid, *report.unknown], at_once), submits_at_once=at_once
    )


def seconds_for(paid: Sequence[Forecast], at_once: int) -> float:
    """Return about how long the submits take. The provider's own pace may be slower, which nobody knows beforehand."""
    work = 0.0
    for each in paid:
        mode = each.plan.send_mode if each.plan else None
        work += (
            SYNCHRONOUS_SECONDS
            if mode and mode.is_synchronous
            else LINK_SECONDS
            if mode and mode.by_link
            else UPLOAD_SECONDS
        )
    return max(work / at_once, len(paid) / MOST_JOBS_A_SECOND)
