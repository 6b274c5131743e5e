"""Tests the operator's command line and its output: options, missing extras, hostile names and final tables."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console
from tests.rows import each_row
from typer.testing import CliRunner

from darkroom.errors import ErrorCode
from darkroom.model import JobStatus
from darkroom.queue_messages import plain
from darkroom.setting_layers import metadata_layer
from darkroom_cli.local import wording
from darkroom_cli.main import app
from darkroom_local.folder.picture_sizes import Size
from darkroom_local.folder.uploads import Item, UnusableSetting, carriers, items_in, parse_settings
from darkroom_local.machine.child_processes import ChildFailed, ending, ending_all, is_running, start
from darkroom_local.results.downloads import Outcome
from darkroom_local.results.files import UnsafeKey, safe_target
from darkroom_local.results.job_views import JobView, view_of
from darkroom_local.run import progress_display
from darkroom_local.run.closing_report import closing_table, failures, sums
from darkroom_local.run.credits_csv import CREDITS_FILE, adding
from darkroom_local.stack import background
from darkroom_local.stack.deployment import read_template
from darkroom_local.stack.packaging import Application, find_application
from darkroom_local.stack.simulator_processes import vendors

ESCAPE = "\x1b[31m[bold]photo.jpg"


@pytest.fixture
def command() -> CliRunner:
    return CliRunner()


def outcome(job: JobView, tmp_path: Path, key: str = "photo.jpg", report: dict[str, str] | None = None) -> Outcome:
    result = tmp_path / "result" if job.status is JobStatus.COMPLETED else None
    return Outcome(Item(tmp_path / "photo.jpg", key), job, None, result, None, report or {})


def test_programs_read_one_object_for_each_picture(tmp_path: Path) -> None:
    done = outcome(job_view(JobStatus.COMPLETED), tmp_path)
    failed = outcome(
        job_view(JobStatus.FAILED), tmp_path, report={"code": "ProviderFailed", "message": "m", "cure": "c"}
    )
    told = [json.loads(json.dumps(wording.facts(each), default=plain)) for each in (done, failed)]
    assert [(each["status"], each["result"] is None) for each in told] == [("COMPLETED", False), ("FAILED", True)]
    assert (told[1]["error_code"], told[1]["error"], told[0]["credits"]) == ("ProviderFailed", "m", 1)


def job_view(status: JobStatus) -> JobView:
    return JobView("0" * 32, status, "topaz", "Standard V2", credits=Decimal(1), cost_usd=Decimal("0.12"))


def printed(*things: object) -> str:
    text = io.StringIO()
    page = Console(file=text, width=170, highlight=False)
    for thing in things:
        page.print(thing)
    return text.getvalue()


@pytest.mark.parametrize(
    "group", [["local"], ["simulate"], ["local", "run"], *(["simulate", vendor] for vendor in vendors()), []]
)
def test_every_command_has_help(command: CliRunner, group: list[str]) -> None:
    assert command.invoke(app, [*group, "--help"]).exit_code == 0


NEEDS_EXTRA = [
    (["local", "demo"], "local"),
    (["local", "down"], "local"),
    (["simulate", "topaz", "--api-key", "k"], "local"),
    (["report", "--html"], "report"),
]
WITHOUT_EXTRAS = f"""
import sys
sys.modules.update(dict.fromkeys(["aiohttp", "yaml", "PIL", "samtranslator", "jinja2", "vl_convert"]))
from darkroom_cli.main import app
for arguments, _ in {NEEDS_EXTRA!r}:
    try:
        app(arguments)
    except SystemExit as end:
        print("ends with", end.code, file=sys.stderr)
"""


def test_without_its_extras_a_command_says_what_to_install() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    program = [sys.executable, "-c", WITHOUT_EXTRAS]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    *said, rest = done.stderr.split("ends with 2\n")
    assert (len(said), rest) == (len(NEEDS_EXTRA), ""), done.stderr
    for (_, extra), words in zip(NEEDS_EXTRA, said, strict=True):
        assert f"in the checkout of Darkroom: pip install '.[{extra}]'" in words


@pytest.mark.parametrize("vendor", vendors())
def test_an_unknown_fault_is_refused_by_name(command: CliRunner, vendor: str) -> None:
    answer = command.invoke(app, ["simulate", vendor, "--api-key", "k", "--fault", "nonsense"])
    assert answer.exit_code == 2
    assert "nonsense" in answer.output


def test_a_run_says_its_first_line_before_it_imports_what_is_slow() -> None:
    code = "import sys, darkroom_cli.local.run; print({'boto3', 'botocore', 'cryptography'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_run_refuses_to_write_results_over_the_originals(command: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    answer = command.invoke(app, ["local", "run", str(tmp_path), "--out", str(tmp_path)])
    assert answer.exit_code == 2
    assert "originals" in answer.output


def test_run_says_when_a_folder_has_no_picture(command: CliRunner, tmp_path: Path) -> None:
    answer = command.invoke(app, ["local", "run", str(tmp_path), "--out", str(tmp_path / "out")])
    assert answer.exit_code == 2
    assert "no picture" in answer.output


def test_pictures_are_found_below_a_folder_and_hidden_files_are_not(tmp_path: Path) -> None:
    for name in ("b.PNG", "a/c.tif", ".hidden/d.jpg", "notes.txt", "darkroom.toml", ".e.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [item.key for item in items_in(tmp_path, {})] == ["a/c.tif", "b.PNG"]


def test_a_setting_that_is_no_pair_is_refused() -> None:
    with pytest.raises(UnusableSetting, match="key=value"):
        parse_settings(["scale"])


def test_a_value_that_tags_cannot_carry_goes_as_metadata() -> None:
    assert carriers({"scale": "2", "prompt": "red, with 'quotes'"}) == (
        {"scale": "2"},
        {"prompt": "red, with 'quotes'"},
    )


@each_row("value", ["“curly”", "größer, klarer", "a =?UTF-8?Q?b?= c", "鮮明、" * 100])
def test_any_other_line_goes_as_an_encoded_word_that_settings_read(value: str) -> None:
    tags, metadata = carriers({"prompt": value})
    assert (tags, metadata["prompt"].isascii()) == ({}, True)
    assert metadata_layer(metadata).values == {"prompt": value}


@pytest.mark.parametrize("command", [["plan"], ["local", "run", "--out", "out"]])
def test_a_setting_that_is_given_twice_is_refused_before_anything_starts(tmp_path: Path, command: list[str]) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    done = CliRunner().invoke(app, [*command, str(tmp_path), "--set", "scale=2", "--set", "scale=4"])
    assert done.exit_code == 2
    assert "scale is given twice" in done.stderr


@each_row("value", ["a\nb", "a\x1b[2Jb", "x," * 1200])
def test_a_value_that_nothing_can_carry_is_refused(value: str) -> None:
    with pytest.raises(UnusableSetting, match="prompt"):
        parse_settings([f"prompt={value}"])


def test_the_eleventh_setting_goes_as_metadata() -> None:
    tags, metadata = carriers({f"key{number}": "1" for number in range(11)})
    assert (len(tags), len(metadata)) == (10, 1)


@pytest.mark.parametrize("key", ["../x", "/etc/x", "a//b", "a/../b", "a\\b", "a/\x1b[2Jb", "./a", "", "a\x00b", "a/"])
def test_no_key_leaves_the_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(UnsafeKey):
        safe_target(tmp_path, key)


def test_no_key_leaves_the_folder_through_a_link_in_it(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path)
    with pytest.raises(UnsafeKey):
        safe_target(tmp_path / "out", "link/x.jpg")


def test_a_plain_key_names_a_path_below_the_folder(tmp_path: Path) -> None:
    assert safe_target(tmp_path, "a/b c.jpg") == tmp_path.resolve() / "a" / "b c.jpg"


def test_control_characters_and_markup_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    rejected = JobView("1", JobStatus.REJECTED)
    made = outcome(rejected, tmp_path, ESCAPE, {"code": "InvalidSetting", "message": "say \x07[red]x", "cure": ""})
    text = printed(closing_table([made]), *failures([made]))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert r"\x1b[31m[bold]photo.jpg" in text
    assert r"say \x07[red]x" in text


def test_a_failure_is_told_with_its_cure(tmp_path: Path) -> None:
    job = JobView("1", JobStatus.FAILED, error_code="ProviderFailed", error="the provider said Failed")
    (text,) = failures([outcome(job, tmp_path)])
    assert "ProviderFailed" in text.plain
    assert "the provider said Failed" in text.plain
    assert "Run the same command again." in text.plain


def test_files_that_failed_alike_are_told_together(tmp_path: Path) -> None:
    alike = JobView("1", JobStatus.REJECTED, error_code="BudgetExceeded", error="0.04 left")
    other = JobView("2", JobStatus.FAILED, error_code="ProviderFailed", error="the provider said Failed")
    many = [outcome(alike, tmp_path, f"{number}.jpg") for number in range(1000)]
    first, second = failures([*many, outcome(other, tmp_path, "x.jpg")])
    assert first.plain.startswith("0.jpg, 1.jpg, 2.jpg and 997 more: BudgetExceeded\n  0.04 left\n")
    assert second.plain.startswith("x.jpg: ProviderFailed\n")


def test_of_many_kinds_of_failures_the_first_twenty_are_told(tmp_path: Path) -> None:
    jobs = [JobView(str(n), JobStatus.FAILED, error_code="ProviderFailed", error=f"why {n}") for n in range(25)]
    *told, rest = failures([outcome(job, tmp_path, f"{job.job_id}.jpg") for job in jobs])
    assert len(told) == 20
    assert rest.plain == "and 5 more files without a result; credits.csv has the reason of each"


@pytest.mark.parametrize("code", ErrorCode)
def test_no_cure_of_a_local_run_names_a_command_that_is_of_no_use_here(tmp_path: Path, code: ErrorCode) -> None:
    report = {"code": code.value, "cure": "Run `darkroom rerun`.", "message": "why"}
    made = outcome(JobView("1", JobStatus.FAILED), tmp_path, "a.jpg", report)
    assert made.cure
    assert "`darkroom" not in made.cure


def test_the_table_of_many_files_has_200_rows_and_the_sums_of_all(tmp_path: Path) -> None:
    jobs = [JobView(str(n), JobStatus.COMPLETED, "topaz", "m", credits=Decimal(1)) for n in range(1300)]
    text = printed(closing_table([outcome(job, tmp_path, f"{job.job_id}.jpg") for job in jobs]))
    names = [line.split()[0] for line in text.splitlines() if ".jpg" in line]
    assert names == [f"{n}.jpg" for n in range(200)]
    assert "and 1,100 more, all in credits.csv" in text
    assert "1300 files" in text


def test_credits_and_dollars_are_summed_exactly(tmp_path: Path) -> None:
    jobs = [JobView(str(n), JobStatus.COMPLETED, credits=Decimal(1), cost_usd=Decimal("0.1")) for n in range(3)]
    text = printed(closing_table([outcome(job, tmp_path) for job in jobs]))
    assert "3 completed" in text
    assert "0.30" in text


def test_credits_are_summed_for_each_provider_in_its_unit(tmp_path: Path) -> None:
    spent = [("topaz", "1", "0.12"), ("oxen", "500", "0.05"), ("topaz", "2", "0.24"), ("gone", "7", "0.07")]
    jobs = [
        JobView(str(n), JobStatus.COMPLETED, provider, "m", credits=Decimal(credits), cost_usd=Decimal(usd))
        for n, (provider, credits, usd) in enumerate(spent)
    ]
    text = printed(closing_table([outcome(job, tmp_path) for job in jobs]))
    sums = [" ".join(line.split()) for line in text.splitlines() if " sum" in line]
    assert sums == [
        "gone sum 7 0.07 1 completed",
        "oxen sum, in 0.0001 USD 500 0.05 1 completed",
        "topaz sum, in credits 3 0.36 2 completed",
    ]
    assert text.splitlines()[-2].split() == ["4", "files", "0.48", "4", "completed"]


def test_a_provider_that_charged_nothing_has_no_sum(tmp_path: Path) -> None:
    text = printed(closing_table([outcome(JobView("1", JobStatus.REJECTED, "topaz"), tmp_path)]))
    assert "sum" not in text


def test_what_is_piped_has_one_line_a_picture(tmp_path: Path) -> None:
    text = io.StringIO()
    show = progress_display.PlainProgress(Console(file=text, width=170))
    running = JobView("1", JobStatus.PROCESSING, "topaz", "m")
    over = replace(running, status=JobStatus.COMPLETED, credits=Decimal(2), cost_usd=Decimal("0.24"))
    for job in (JobView("1"), running, replace(running, polls=1), over, over):
        show.update({"1": (Item(tmp_path, "a.jpg"), job)})
    (line,) = text.getvalue().splitlines()
    assert line.endswith("a.jpg  COMPLETED  2 credits  0.24 USD")


def test_why_jobs_wait_is_said_once_for_each_reason(tmp_path: Path) -> None:
    piped, seen = io.StringIO(), io.StringIO()
    waiting = JobView("1", JobStatus.CLAIMED, "topaz", "m", error="no connection to the provider")
    jobs = {str(number): (Item(tmp_path, f"{number}.jpg"), replace(waiting, job_id=str(number))) for number in range(9)}
    show = progress_display.PlainProgress(Console(file=piped, width=170))
    with progress_display.LiveProgress(Console(file=seen, width=80, force_terminal=True)) as live:
        for _ in range(2):
            show.update(jobs)
            live.update(jobs)
    (line,) = piped.getvalue().splitlines()
    assert line.endswith("0.jpg  waits, and is tried again: no connection to the provider")
    assert "9 wait: no connection to the provider" in seen.getvalue()


def test_what_is_piped_ends_with_the_sums(tmp_path: Path) -> None:
    job = JobView("1", JobStatus.COMPLETED, "topaz", "m", credits=Decimal(2), cost_usd=Decimal("0.24"))
    assert sums([outcome(job, tmp_path), outcome(JobView("2", JobStatus.FAILED, "topaz"), tmp_path)]) == [
        "topaz: 2 credits, 0.24 USD",
        "2 files, 1 completed, 0.24 USD",
    ]


def test_the_table_fits_a_terminal_of_80_columns(tmp_path: Path) -> None:
    job = JobView("1", JobStatus.COMPLETED, "topaz", "Standard V2", credits=Decimal(2), cost_usd=Decimal("0.24"))
    size = Size(4032, 3024, 2_500_000)
    made = replace(outcome(job, tmp_path, "IMG_20240512_101112.jpg"), size=size, result_size=size)
    text = io.StringIO()
    Console(file=text, width=80).print(closing_table([made], 80))
    (row,) = [line for line in text.getvalue().splitlines() if "4032×3024" in line]
    assert " ".join(row.split()) == "IMG_20240512_101112.jpg 4032×3024 4032×3024 Standard V2 2 0.24 COMPLETED"


def test_a_skipped_upload_is_no_failure(tmp_path: Path) -> None:
    assert not outcome(JobView("1", JobStatus.SKIPPED), tmp_path).is_failure


def test_the_credit_file_holds_no_formula(tmp_path: Path) -> None:
    with adding(tmp_path) as receipts:
        receipts.add(outcome(JobView("1", JobStatus.COMPLETED), tmp_path, "=HYPERLINK(1).jpg"))
    rows = list(csv.reader((tmp_path / CREDITS_FILE).read_text().splitlines()))
    assert rows[1][0] == "'=HYPERLINK(1).jpg"


def test_a_job_that_waits_for_the_accounts_owner_is_over_for_the_operator() -> None:
    job = view_of({"job_id": "1", "status": "CLAIMED", "error_code": "AuthFailed"})
    assert job.is_over
    assert job.word == "CLAIMED (AuthFailed)"


def test_a_job_that_waits_its_turn_is_still_open() -> None:
    assert not view_of({"job_id": "1", "status": "CLAIMED"}).is_over


def test_a_child_is_gone_when_its_block_ends(tmp_path: Path) -> None:
    with ending(start("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], {}, tmp_path)) as child:
        # The process shows this command line only after it has started.
        child.wait_for(lambda: is_running(child.pid, "time.sleep"), 120)
    assert not is_running(child.pid, "time.sleep")


def test_children_end_side_by_side(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    with ending_all() as started:
        for name in ("one", "two", "three", "four", "five", "six"):
            started[name] = start(name, [sys.executable, "-c", stubborn], {}, tmp_path)
        for child in started.values():
            child.wait_for(lambda child=child: "deaf" in child.log_text(), 120)  # type: ignore[misc]
        before = time.monotonic()
    assert time.monotonic() - before < 8  # each alone is given 1.5 s
    assert not [child for child in started.values() if child.process.poll() is None]


def test_a_child_that_ends_too_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with (
        ending(start("talker", [sys.executable, "-c", "print('no such port')"], {}, tmp_path)) as child,
        pytest.raises(ChildFailed, match="no such port"),
    ):
        child.wait_for(lambda: False, 20)


def test_a_background_stack_whose_processes_died_does_not_count_as_running(tmp_path: Path) -> None:
    note = {"pids": {"ministack": os.getpid()}, "url": "", "access_key": "", "secret_key": "", "outputs": {}}
    (tmp_path / "stack.json").write_text(json.dumps(note | {"simulator_urls": {}, "providers": []}))
    assert background.standing_stack(tmp_path) is None


def test_down_ends_no_process_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(json.dumps({"pids": {"surely no part of this command": os.getpid()}}))
    assert background.down(tmp_path)
    assert not background.down(tmp_path)


def test_the_same_files_give_the_same_layer() -> None:
    application = find_application()
    bare = Application(application.root, application.runtime)
    assert bare.layer_archive() == bare.layer_archive()


def test_the_template_is_read_with_its_short_tags() -> None:
    outputs = read_template(find_application())["Outputs"]
    assert outputs["StateMachineArn"]["Value"] == {"Ref": "StateMachine"}
