"""`darkroom local run`: checks the options, asks for consent before it pays, runs, and prints how each picture ended."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import typer

from darkroom_cli.console import exit_codes
from darkroom_cli.console.confirmation import agree
from darkroom_cli.console.machine_output import print_json_lines
from darkroom_cli.costs import copies
from darkroom_cli.html_report import make_page
from darkroom_cli.local import wording
from darkroom_local.emulator import ledger_journal
from darkroom_local.folder import hot_folder, left_out, rules, uploads
from darkroom_local.folder.uploads import Item, UnusableSetting
from darkroom_local.results import accounts
from darkroom_local.results.accounts import FolderAccount
from darkroom_local.results.downloads import Outcome
from darkroom_local.run import (
    closing_report,
    earlier_jobs,
    leaving,
    option_checks,
    price_estimate,
    progress_display,
    screening,
)
from darkroom_local.run.earlier_jobs import EarlierJobs
from darkroom_local.run.folder_run import Arrival, close, run_over, watch
from darkroom_local.run.screening import Screened
from darkroom_local.stack import simulator_processes
from darkroom_local.stack.local_stack import local_stack
from darkroom_local.stack.provider_choice import Cast, cast


@dataclass(frozen=True)
class Request:
    """The options of the command. `key` is the real API key of Topaz if there is one."""

    folder: Path
    out: Path
    settings: Sequence[str]
    parameters: Sequence[str]
    key: str | None = field(repr=False)
    speed: float
    faults: Sequence[str]
    again: bool
    yes: bool
    watch: bool = False
    as_json: bool = False

    def say(self, text: str) -> None:
        """Print a line for people: on standard output, or with --json on standard error."""
        typer.echo(progress_display.visible(text), err=self.as_json)


def run_folder(request: Request) -> int:
    """Enhance the pictures that have no result yet, and return the exit code of the command.

    Raises `typer.Exit` if the operator does not agree to pay, and UnusableSetting or NotServed for wrong options.
    """
    parameters = uploads.parse_parameters(request.parameters)
    who, items = _checked(request, parameters)
    real = set(who.providers) - set(who.simulated)
    suffixes = uploads.picture_suffixes(uploads.parse_settings(request.settings, parameters), parameters)
    for line in left_out.lines(request.folder, request.out, items, suffixes):
        request.say(line)
    rows = accounts.rows(request.out, is_real=bool(real))
    account_id = accounts.id_of(request.out, is_real=bool(real))
    jobs = earlier_jobs.of(ledger_journal.jobs_in(rows), request.out, account_id, again=request.again)
    files = screening.screen(items, request.out, real, request.again, jobs)
    if files.done_before:
        request.say(f"{len(files.done_before)} skipped: done before")
    if not files.to_do and not files.unusable and not request.watch:
        return 0
    to_pay = [item for item in files.to_do if screening.is_paid(item, real)]
    alike = copies.of_files({item.key: item.path for item in to_pay})
    question = [price_estimate.question(to_pay, parameters, who.providers, rows), *copies.lines(alike)]
    question += _paid_before(to_pay, files, jobs, request)
    if request.watch and real:
        question.append("Each picture that is added later goes to the real API too, and is paid, until Ctrl-C.")
    _agree_to_pay("\n".join(filter(None, question)), request)
    del rows  # which take much memory after 40,000 pictures
    hours = parameters.get("JobDeadlineHours")
    deadline = timedelta(hours=float(hours)) if hours else ledger_journal.DEADLINE
    with accounts.opened(request.out, who.simulated, is_real=bool(real), deadline=deadline) as account:
        if request.watch:
            return _run(request, parameters, account, _arrivals(request, parameters, account, real))
        # The files are checked once more, because another run may have ended since the first check.
        jobs = earlier_jobs.of(account.jobs, request.out, account.account_id, again=request.again)
        files = screening.screen(account.in_order(items), request.out, real, request.again, jobs)
        return _run(request, parameters, account, files)


def _paid_before(to_pay: Sequence[Item], files: Screened, jobs: EarlierJobs, request: Request) -> list[str]:
    """Return lines that say how many of the pictures an earlier run submitted, and which of these are paid again."""
    before = [item for item in to_pay if jobs.may_be_charged(item.key)]
    continued = sum(item.key in files.continued for item in before)
    why = "" if request.again else f": their files, settings, or results in {request.out} changed since"
    lines = [f"An earlier run submitted {continued} of them, which are not paid again."] if continued else []
    anew = len(before) - continued
    return [*lines, f"An earlier run paid for {anew} of them, and they are PAID AGAIN{why}."] if anew else lines


def _arrivals(
    request: Request, parameters: Mapping[str, str], account: FolderAccount, real: set[str]
) -> Iterator[Arrival]:
    """Yield the pictures of the folder as they arrive, without end. A None means that there is none now."""
    settings = uploads.parse_settings(request.settings, parameters)
    find = partial(screening.found, request.folder, request.out, settings, parameters)
    taken: dict[str, Item] = {}
    for ready in hot_folder.arrivals(hot_folder.patient(find, request.say)):
        files = Screened()
        if ready:
            jobs = earlier_jobs.of(account.jobs, request.out, account.account_id)
            in_order = account.in_order(ready)
            files = screening.screen(in_order, request.out, real, jobs=jobs, earlier=list(taken.values()))
            taken |= {item.key: item for item in (*files.to_do, *files.done_before)}
        yield from files.unusable
        yield from files.to_do
        yield None


def _checked(request: Request, parameters: Mapping[str, str]) -> tuple[Cast, list[Item]]:
    """Return the providers that are used, and the pictures. Raises UnusableSetting or NotServed if the options are wrong."""
    if request.watch and request.again:
        raise UnusableSetting("--watch and --again do not go together. Run --again first, and then --watch.")
    option_checks.check_parameters(parameters)
    option_checks.check_for_a_run(parameters)
    faults = simulator_processes.faults_by_vendor(request.faults)
    option_checks.check_faults(faults)
    settings = uploads.parse_settings(request.settings, parameters)
    who = cast(request.key, parameters)
    who.check(settings)
    who.check_simulated(faults, request.speed)
    option_checks.check_settings(settings, parameters, who.providers, _presets(request.folder))
    request.say(f"Looking at {request.folder} …")  # at once: to read 40,000 headers takes a while
    return who, screening.pictures(request.folder, request.out, settings, parameters, request.watch)


def _presets(folder: Path) -> dict[str, Mapping[str, str]]:
    """Return the presets of the folder's `darkroom.toml` files. Raises UnusableSetting if one of them is wrong or unreadable."""
    try:
        return rules.presets_below(folder)
    except rules.WrongFile as wrong:
        raise uploads.UnusableSetting(str(wrong)) from None


def _run(
    request: Request, parameters: Mapping[str, str], account: FolderAccount, files: Screened | Iterator[Arrival]
) -> int:
    if request.watch:
        request.say("Waiting for new pictures too. Press Ctrl-C to end.")
    if not request.key and (not isinstance(files, Screened) or files.to_do):  # with a key, the question says so
        request.say(f"Starting {wording.providers(None)} …")
    console = progress_display.console(stderr=request.as_json)
    stack = local_stack(
        topaz_api_key=request.key,
        speed=request.speed,
        faults=request.faults,
        parameters=parameters,
        account=account,
    )
    with leaving.heeded() as is_leaving:
        show = progress_display.progress(console)
        if isinstance(files, Screened):
            outcomes = run_over(stack, files, request.out, show, request.again, is_leaving)
        else:
            outcomes = watch(stack, files, request.out, show, is_leaving)
    now = ledger_journal.jobs_in(accounts.rows(request.out, is_real=account.is_real))
    jobs = earlier_jobs.of(now, request.out, account.account_id)
    if jobs.are_all_saved:
        account.forget_results()
    failed = close(outcomes, request.out, console)
    left = _left(files.to_do, outcomes) if isinstance(files, Screened) else []
    if left:
        _say_what_is_left(left, jobs, request)
    if request.again and (left or failed):
        request.say(closing_report.WITHOUT_AGAIN)
    again = shlex.join(["darkroom", *(word for word in sys.argv[1:] if word != "--again")])  # which would pay twice
    make_page.of_run(outcomes, request.out, request.folder, again, request.say, is_real=account.is_real)
    if request.as_json:
        print_json_lines(map(wording.facts, outcomes))
    # A watched folder ends by a signal. A run that the signal kept from nothing ends as if there had been none.
    if is_leaving() and not request.watch and (failed or left):
        return is_leaving.exit_code
    return exit_codes.REPEAT if failed else exit_codes.DONE


def _left(items: Sequence[Item], outcomes: Sequence[Outcome]) -> list[Item]:
    """Return the items that the run left without an outcome."""
    known = {outcome.item.key for outcome in outcomes}
    return [item for item in items if item.key not in known]


def _say_what_is_left(left: Sequence[Item], jobs: EarlierJobs, request: Request) -> None:
    """Say how many of the items were not sent, and how many an earlier run paid for."""
    submitted = sum(map(jobs.continues, left))
    said = [f"{len(left) - submitted} not sent, and not paid."] if len(left) > submitted else []
    said += [f"{submitted} submitted by an earlier run, and not brought home yet."] if submitted else []
    rest = [] if request.again else ["Run the same command again for the rest."]
    request.say(" ".join([*said, *rest]))


def _agree_to_pay(question: str, request: Request) -> None:
    """Print what must be paid for, and ask the operator. If the operator does not agree, end the command; nothing is sent."""
    if not question:
        return
    for line in question.splitlines():
        request.say(line)
    if not request.yes and not _is_terminal():
        typer.echo(
            "Nothing was sent, because there is no terminal to ask for your consent. Add --yes to agree.", err=True
        )
        raise typer.Exit(exit_codes.REPEAT)
    agree("Do you agree?", request.yes, "Nothing was sent.")


def _is_terminal() -> bool:
    return sys.stdin.isatty()
