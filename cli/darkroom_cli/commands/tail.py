"""`darkroom tail`: prints each job as it ends, as Darkroom's events tell of it, until Ctrl-C."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from darkroom_cli.console.errors import reported, say
from darkroom_cli.console.machine_output import AsJsonLines, print_json
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import DEFAULT_STACK, Stack

if TYPE_CHECKING:
    from darkroom.model import Job

LOOK_SECONDS = 2.0

app = typer.Typer()


def pause(seconds: float) -> None:
    """Wait between two looks."""
    time.sleep(seconds)


@app.command()
def tail(as_json: AsJsonLines = False, stack: Stack = DEFAULT_STACK) -> None:
    """Print jobs as they end, until Ctrl-C.

    A job is printed within seconds of its end: completed, failed, rejected, cancelled or in doubt. With --json, each line is as
    Darkroom's event on the bus. Nothing is made in the AWS account, and nothing is left behind.
    """
    with reported():
        deployed = deployment.connect(stack)
        from darkroom.errors import LedgerBusy
        from darkroom_cli.stack.ended_jobs import Completions

        completions = Completions(deployed.operator_ledger, deployed.container.adapters.job_queries)
        clock = deployed.container.adapters.clock
        completions.look(clock())
        say(f"waiting for jobs of the stack {stack} to end; Ctrl-C ends this, and no job", err=True)
        while True:
            pause(LOOK_SECONDS)
            with suppress(LedgerBusy):  # the next look sees what this one missed
                for job in completions.look(clock()):
                    _show(job, as_json)


def _show(job: Job, as_json: bool) -> None:
    from darkroom.queue_messages import DETAIL_TYPES, EVENT_SOURCE, event_detail
    from darkroom_cli.console.terminal import amount, moment

    if as_json:
        print_json({"source": EVENT_SOURCE, "detail-type": DETAIL_TYPES[job.status], "detail": event_detail(job)})
        return
    words = [moment(job.completed_at or job.due_at or job.created_at), DETAIL_TYPES[job.status], job.source_key]
    words += [f"{amount(job.credits)} {'credit' if job.credits == 1 else 'credits'}"] if job.credits is not None else []
    words += [f"run {job.run}"] if job.run > 1 else []
    words += [f"{job.error_code}: {job.error}" if job.error_code else job.error] if job.error else []
    say("  ".join(words))
