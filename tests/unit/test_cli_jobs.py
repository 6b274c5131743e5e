"""Tests `darkroom jobs`, `job` and `report`: which jobs are found, what is said of each, and what they cost."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console
from tests.fakes.aws_account import INPUT, OUTPUT
from tests.rows import each_row
from tests.unit.cli_support import Stack, run
from tests.unit.showcase import NOW, bound, job, over, planned, put, reserved, showcase, story

from darkroom.model import Job, JobStatus, LostAnswer, SendMode
from darkroom.pipeline.dispatch import TOO_LATE_FOR_SYNCHRONOUS_CALL
from darkroom_cli.console import terminal
from darkroom_cli.jobs import facts, tables, wording

STORY = {each.source_key: each for each in story()}
A_DAY = 24 * 60


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with showcase() as stack:
        put(stack, over(planned(job("old/july.jpg", JobStatus.FAILED, 40 * A_DAY)), error_code="TimedOut"))
        yield stack


def keys(*options: str) -> list[str]:
    """Return the keys of the jobs that `darkroom jobs --json` lists with these options."""
    return [json.loads(line)["source_key"] for line in run("jobs", "--json", *options).stdout.splitlines()]


def told(reference: str, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("job", reference, "--json", *options).stdout)
    return found


@pytest.mark.usefixtures("stack")
class TestTheList:
    def test_every_open_job_says_why(self) -> None:
        listed = run("jobs").stdout
        for each in story():
            assert (each.source_key in listed) == (not each.is_terminal)
            if not each.is_terminal:
                assert wording.why(each) in listed

    @pytest.mark.parametrize(("options", "found"), [
        (["--status", "rejected"], ["autumn/hill.jpg", "typo.jpg"]),
        (["--code", "ProviderFailed"], ["spring/harbour.jpg"]),
        (["--label", "spring"], ["spring/lake.jpg", "spring/forest.jpg", "spring/harbour.jpg"]),
        (["--label", "spring", "--status", "FAILED"], ["spring/harbour.jpg"]),
        (["--prefix", "archive/1931/"], ["archive/1931/a very long name of a scanned negative, plate 17.tif"]),
        (["--model", "high-fidelity_v2"], ["autumn/river.jpg"]),
        (["--model", "uwear/recraft"], ["catalog/coat.jpg"]),
        (["--key", "spring/lake.jpg"], ["spring/lake.jpg"]),
        (["--key", f"s3://{INPUT}/old/july.jpg"], ["old/july.jpg"]),
        (["--since", "2026-11-30T13:59"], ["autumn/mill.jpg", "new/just here.jpg"]),
        (["--since", "2026-11-30T10:00", "--until", "2026-11-30T13:00"], ["spring/harbour.jpg", "doubt/bridge.jpg"]),
        (["--day", "2026-10-21"], ["old/july.jpg"]),
        (["--status", "SUBMITTING", "--limit", "1"], ["autumn/mill.jpg"]),
        (["--label", "autumn"], []),
    ], ids=str)  # fmt: skip
    def test_conditions_are_combined(self, options: list[str], found: list[str]) -> None:
        assert keys(*options) == found

    def test_without_a_time_it_says_how_far_it_looked_back(self) -> None:
        answer = run("jobs", "--status", "FAILED")
        assert "spring/harbour.jpg" in answer.stdout
        assert "old/july.jpg" not in answer.stdout
        assert "since 2026-10-30 14:00 UTC" in answer.stderr
        assert "old/july.jpg" in run("jobs", "--status", "FAILED", "--since", "2026-10-20").stdout
        assert run("jobs").stderr == run("jobs", "--status", "CLAIMED").stderr == ""

    def test_the_newest_are_listed_and_the_rest_is_mentioned(self) -> None:
        answer = run("jobs", "--since", "2026-11-30", "--limit", "2")
        assert "just here" in answer.stdout
        assert "autumn/mill.jpg" in answer.stdout
        assert "2 jobs: 1 CLAIMED, 1 SUBMITTING" in answer.stdout
        assert "there are more" in answer.stderr

    def test_csv_has_a_row_for_each_job(self) -> None:
        rows = list(csv.DictReader(io.StringIO(run("jobs", "--csv", "--label", "spring").stdout)))
        assert [(row["status"], row["cost_usd"], row["run"]) for row in rows] == [
            ("COMPLETED", "0.12", "1"), ("COMPLETED", "0.24", "1"), ("FAILED", "0", "2"),
        ]  # fmt: skip

    @pytest.mark.parametrize("width", [80, 120])
    def test_a_table_fits_its_terminal_and_breaks_no_word(self, width: int) -> None:
        page = io.StringIO()
        jobs = list(STORY.values())
        Console(width=width, file=page).print(tables.jobs_table(jobs, width, NOW))
        header, *lines = page.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        reasons: list[str] = []
        for line in lines:
            cell = line[header.index("why") :].rstrip()
            reasons[len(reasons) :] = [cell] if line[0] != " " else [f"{reasons.pop()} {cell}"]
        for each, reason in zip(jobs, reasons, strict=True):
            whole = wording.why(each)
            assert reason == whole or (reason.endswith("…") and whole.startswith(reason[:-1]))

    @pytest.mark.parametrize(("options", "words"), [
        (["--json", "--csv"], "one of"), (["--day", "2026-11-20", "--since", "1d"], "--day"), (["--limit", "0"], "1"),
        (["--day", "12h"], "no day"), (["--day", "30-11-2026"], "no day; write it as 2026-11-20"),
        (["--status", "FAILD"], "'FAILD' is no status; did you mean FAILED"),
        (["--code", "BudgetExceded"], "'BudgetExceded' is no error code; did you mean BudgetExceeded"),
        (["--since", "2026-11-20", "--until", "2026-11-18"], "before"), (["--watch", "--csv"], "--watch"),
        (["--watch", "--status", "FAILED"], "--watch"),
    ], ids=str)  # fmt: skip
    def test_what_does_not_go_together_is_refused(self, options: list[str], words: str) -> None:
        answer = run("jobs", *options)
        assert answer.exit_code == 2
        assert words in answer.stderr.splitlines()[-1]

    def test_an_empty_list_says_whether_the_model_is_known(self) -> None:
        misspelt = run("jobs", "--model", "Standrd V2", "--since", "1d")
        assert misspelt.stdout.startswith(
            "no job with the model 'Standrd V2', which no provider has; did you mean Standard V2"
        )
        assert run("jobs", "--model", "CGI", "--until", "2026-01-02").stdout == "no job with the model 'CGI' matches\n"

    def test_no_line_of_a_file_or_pipe_ends_with_blanks(self) -> None:
        for words in (["jobs", "--since", "6h"], ["report", "--by", "day"], ["status"]):
            lines = run(*words).stdout.splitlines()
            assert lines == [line.rstrip() for line in lines]

    def test_one_credit_is_told_as_one(self) -> None:
        assert tables.summary([STORY["spring/lake.jpg"]]).endswith("1 job: 1 COMPLETED; 1 credit of topaz, 0.12 USD")


@pytest.mark.usefixtures("stack")
class TestOneJob:
    @pytest.mark.parametrize(
        "reference",
        ["bb54ae8f", "bb54ae8fdd20", "spring/lake.jpg", f"{INPUT}/spring/lake.jpg", f"s3://{INPUT}/spring/lake.jpg",
         f"s3://{OUTPUT}/spring/lake.jpg", STORY["spring/lake.jpg"].job_id],
    )  # fmt: skip
    def test_it_is_found_by_every_name(self, reference: str) -> None:
        assert told(reference)["job_id"] == STORY["spring/lake.jpg"].job_id

    @pytest.mark.parametrize("reference", ["nowhere.jpg", "bb54ae8", "00000000", f"s3://{OUTPUT}/nothing.jpg"])
    def test_an_unknown_one_is_a_line_that_names_it_and_a_line_of_advice(self, reference: str) -> None:
        answer = run("job", reference)
        assert (answer.exit_code, answer.stdout) == (2, "")
        named, _ = answer.stderr.splitlines()
        assert repr(reference) in named

    def test_a_short_id_of_several_jobs_names_them(self, stack: Stack) -> None:
        twins = [
            replace(job(f"twin-{n}.jpg", JobStatus.CLAIMED, 5), job_id=f"0123456789abcdef{n:016}") for n in range(2)
        ]
        put(stack, *twins)
        answer = run("cancel", "0123456789")
        assert answer.exit_code == 2
        assert "twin-0.jpg" in answer.stderr
        assert "twin-1.jpg" in answer.stderr
        assert "more digits" in answer.stderr
        assert told(twins[1].job_id[:32])["source_key"] == "twin-1.jpg"

    def test_every_run_is_shown_with_its_cost(self) -> None:
        runs = told("spring/harbour.jpg")["runs"]
        assert [(run["run"], run["error_code"], run["credits"]) for run in runs] == [
            (1, "ResultLost", 1), (2, "ProviderFailed", 0),
        ]  # fmt: skip
        assert "ResultLost: topaz no longer had the result" in run("job", "spring/harbour.jpg").stdout

    def test_each_setting_says_what_gave_it(self) -> None:
        assert told("spring/lake.jpg")["settings_from"] == {
            "scale": "tags", "label": "tags", "provider": "stack", "model": facts.NOT_GIVEN,
        }  # fmt: skip

    def test_settings_of_an_upload_that_is_gone_are_unknown(self) -> None:
        assert set(told("autumn/river.jpg")["settings_from"].values()) == {facts.UNKNOWN}
        assert "submit's log" in run("job", "autumn/river.jpg").stdout

    def test_a_setting_that_was_changed_since_is_said_to_be(self, stack: Stack) -> None:
        stack.application.cloud.put("spring/lake.jpg", b"", tags="label=spring&scale=4")
        assert told("spring/lake.jpg")["settings_from"]["scale"] == "changed since: now 4"
        stack.application.cloud.put("spring/lake.jpg", b"", tags="label=spring&scale=2")

    def test_steps_are_in_the_order_of_their_times(self) -> None:
        steps = told("spring/lake.jpg")["steps"]
        assert [step["at"] for step in steps] == sorted(step["at"] for step in steps)
        assert steps[-1]["what"] == "the event about it was sent"
        assert told("catalog/coat.jpg")["steps"][-1]["what"] == "the job's deadline"

    @pytest.mark.parametrize(("key", "words"), [
        ("catalog/shoe-1.jpg", "darkroom keys set topaz"), ("catalog/shoe-1.jpg", "darkroom resume topaz"),
        ("catalog/coat.jpg", "darkroom resume uwear"),
        ("doubt/bridge.jpg", "darkroom resolve f6d67c07 --resubmit"), ("autumn/river.jpg", "Nobody need do anything"),
        ("autumn/tower.jpg", "If the list does not tell, the job becomes IN_DOUBT"), ("autumn/mill.jpg", "A worker sends it"),
        ("new/just here.jpg", "A worker has it"), ("spring/lake.jpg", "The result is in place"),
        ("typo.jpg", "Correct the tag"), ("typo.jpg", "Without a change"), ("autumn/hill.jpg", "s3://darkroom-out/_failed/"),
        ("old/portrait.jpg", "darkroom rerun"), ("raw/skipped.jpg", "without the setting skip"),
    ])  # fmt: skip
    def test_what_happens_next_is_said_in_words(self, key: str, words: str) -> None:
        if key == "autumn/hill.jpg":  # it was refused before it had a place for its result
            assert "darkroom rerun --code BudgetExceeded" in run("job", key).stdout
            return
        assert words in " ".join(run("job", key).stdout.split())

    def test_internals_are_shown_only_when_asked_for(self) -> None:
        assert "source_order" not in run("job", "spring/lake.jpg").stdout
        assert "source_order" in run("job", "spring/lake.jpg", "--all").stdout
        assert "source_order" not in told("spring/lake.jpg")
        assert "source_order" in told("spring/lake.jpg", "--all")


def in_doubt(provider: str, mode: SendMode, **facts: Any) -> Job:
    """Return a job that was sent to the provider in that mode, and whose answer was lost a minute later."""
    doubted = reserved(job("doubt.jpg", JobStatus.IN_DOUBT, 60), "4", provider)
    lost = LostAnswer(lost_at=doubted.created_at + timedelta(minutes=1), lost_attempt=1)
    sent = replace(doubted.require_dispatch(), send_mode=mode)
    return replace(doubted, **{"dispatch": sent, "lost": lost, **facts})


BOUND = bound(in_doubt("topaz", SendMode.UPLOAD))
PROCESS_ID = BOUND.require_process().process_id
NAMED = f"a name that begins with {BOUND.handle.prefix}"
NAMELESS = "was sent between 2026-11-30 13:00:04 and 2026-11-30 13:01:00 UTC"
ADOPT, RESUBMIT = "--adopt PROCESS_ID", "If you are sure that nothing was charged: darkroom resolve"


@each_row(("doubted", "staged", "said", "not_said"), [
    (in_doubt("topaz", SendMode.UPLOAD), None, [NAMED, ADOPT, RESUBMIT], ["--force", NAMELESS]),
    (in_doubt("topaz", SendMode.SYNCHRONOUS_UPLOAD), None, [NAMED, ADOPT, RESUBMIT], [NAMELESS]),
    (in_doubt("aimlapi", SendMode.SYNCHRONOUS_LINK), None, [NAMED, ADOPT, RESUBMIT], [NAMELESS]),
    (in_doubt("oxen", SendMode.LINK), None, [NAMED, ADOPT, RESUBMIT], [NAMELESS]),
    (in_doubt("uwear", SendMode.LINK), None, [NAMED, ADOPT, RESUBMIT], [NAMELESS]),
    (in_doubt("topaz", SendMode.LINK), None, [NAMELESS, f"{ADOPT} --force", RESUBMIT], [NAMED]),
    (in_doubt("topaz", SendMode.SYNCHRONOUS_LINK), None, [NAMELESS, f"{ADOPT} --force", RESUBMIT], [NAMED]),
    (in_doubt("oxen", SendMode.SYNCHRONOUS_LINK), None, [NAMELESS, RESUBMIT], [NAMED, "--adopt"]),
    (BOUND, None, [f"--adopt {PROCESS_ID}"], [NAMED, "--resubmit"]),
    (in_doubt("oxen", SendMode.SYNCHRONOUS_LINK), "a1", ["--adopt a1", "is paid"], [NAMED, "--resubmit"]),
], ids=str)  # fmt: skip
def test_a_job_in_doubt_says_what_its_provider_can_show_and_only_what_then_can_be_done(
    doubted: Job, staged: str | None, said: list[str], not_said: list[str]
) -> None:
    words = " ".join(wording.what_happens_next(doubted, None, staged))
    assert [text for text in said if text not in words] == []
    assert [text for text in not_said if text in words] == []
    assert "not there" not in words
    assert "--abandon" in words
    assert f"N is what {doubted.provider} charged" in words


def test_a_job_whose_answer_was_lost_promises_neither_a_time_nor_that_its_list_is_right() -> None:
    lost = replace(in_doubt("uwear", SendMode.LINK), status=JobStatus.SUBMITTING)
    words = " ".join(wording.what_happens_next(lost, None))
    assert "If the list shows that it was not accepted, it is sent again." in words
    assert [word for word in ("never", " by 20") if word in words] == []


@each_row(("provider", "late"), [
    ("topaz", "by 2026-11-30 14:00:00, it is cancelled there."),
    ("oxen", "by 2026-11-30 14:00:00, it is cancelled there."),
    ("uwear", "by 2026-11-30 14:00:00, the job becomes IN_DOUBT, because uwear cannot cancel it."),
], ids=str)  # fmt: skip
def test_a_job_at_work_says_what_becomes_of_it_at_its_deadline(provider: str, late: str) -> None:
    at_work = replace(bound(reserved(job("a.jpg", JobStatus.PROCESSING, 20), "4", provider)), deadline_at=NOW)
    assert late in " ".join(wording.what_happens_next(at_work, None))


@each_row(("error", "refusal", "must_act"), [
    (TOO_LATE_FOR_SYNCHRONOUS_CALL, None, True),
    ("the bucket refuses", "the bucket refuses", True),
    ("the bucket refuses", None, False),
    ("topaz asks to retry later", "the bucket refuses", False),
], ids=str)  # fmt: skip
def test_a_job_that_waits_for_a_parameter_or_the_bucket_says_that_somebody_must_act(
    error: str, refusal: str | None, must_act: bool
) -> None:
    waiting = planned(job("a.jpg", JobStatus.CLAIMED, 20, next_attempt_at=NOW, error=error))
    words = " ".join(wording.what_happens_next(waiting, None, storage_refusal=refusal))
    assert ("Whoever runs the stack must act, as the reason says." in words) == must_act
    assert "Darkroom tries it again at 2026-11-30 14:00:00." in words


def test_darkroom_job_reads_whether_the_output_bucket_takes_results() -> None:
    refusal = "the policy denies s3:PutObject"
    with showcase() as stack:
        stack.application.make_container().adapters.storage_checks.record(NOW, refusal, NOW)
        put(stack, job("waits.jpg", JobStatus.CLAIMED, 20, next_attempt_at=NOW, error=refusal))
        assert "Whoever runs the stack must act" in " ".join(told("waits.jpg")["next"])


@pytest.mark.usefixtures("stack")
class TestTheReport:
    def rows(self, *options: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in run("report", "--json", *options).stdout.splitlines()]

    @pytest.mark.parametrize(
        ("by", "group"),
        [
            ("day", "2026-11-30"),
            ("label", "spring"),
            ("folder", "spring"),
            ("model", "Standard V2"),
            ("provider", "topaz"),
        ],
    )
    def test_each_group_has_the_cost_of_all_runs(self, by: str, group: str) -> None:
        row = next(row for row in self.rows("--by", by) if (row[by], row["provider"]) == (group, "topaz"))
        assert (row["credits"], row["usd"], row["completed"]) == (4, 0.48, 2)

    def test_all_groups_together_have_all_jobs_and_dollars(self) -> None:
        for by in ("day", "label", "folder", "model", "provider"):
            rows = self.rows("--by", by, "--until", "2026-11-30T13:54")
            assert sum(row["jobs"] for row in rows) == 13
            assert sum(Decimal(str(row["usd"])) for row in rows) == Decimal("0.53")

    def test_months_are_the_ledgers_own_sums(self) -> None:
        rows = {(row["month"], row["unit"]): row for row in self.rows()}
        assert rows["2026-11", "usd"]["spent"] == 46.41
        assert rows["2026-10", "topaz"]["overrun"] == 2
        assert {row["month"] for row in self.rows("--since", "2026-11-01")} == {"2026-11"}

    def test_the_page_by_month_says_which_jobs_it_counts(self) -> None:
        assert "jobs: those that reserved credits;" in run("report").stdout

    def test_csv_has_the_same_columns(self) -> None:
        first, *rows = run("report", "--by", "folder", "--csv").stdout.splitlines()
        assert first == "folder,provider,jobs,completed,without_result,skipped,open,credits,usd"
        assert "spring,topaz,3,2,1,0,0,4,0.48" in rows

    def test_a_grouping_that_is_none_is_told_with_the_nearest(self) -> None:
        answer = run("report", "--by", "labl")
        assert (answer.exit_code, "'labl' is no grouping; did you mean label" in answer.stderr) == (2, True)

    def test_all_jobs_are_in_one_column_of_what_became_of_them(self) -> None:
        rows = self.rows("--by", "label")
        ends = ("completed", "without_result", "skipped", "open")
        assert all(row["jobs"] == sum(row[name] for name in ends) for row in rows)
        assert sum(row["skipped"] for row in rows) == 1

    def test_a_day_is_that_day_only(self) -> None:
        (row,) = self.rows("--by", "label", "--day", "2026-10-21")
        assert row["jobs"] == 1

    def test_nothing_in_a_span_is_said(self) -> None:
        answer = run("report", "--by", "day", "--since", "2026-01-02", "--until", "2026-01-03")
        assert answer.stdout == "no upload since 2026-01-02 00:00 UTC\n"


@pytest.mark.parametrize("width", [20, 40, 60])
@pytest.mark.usefixtures("stack")
def test_a_terminal_that_is_too_narrow_still_shows_something(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "console", lambda: Console(width=width, force_terminal=True, color_system=None))
    for words in (
        ["jobs"],
        ["jobs", "--since", "6h"],
        ["job", "doubt/bridge.jpg"],
        ["status"],
        ["report", "--by", "folder"],
    ):
        answer = run(*words)
        assert answer.exit_code == 0, words
        assert max(map(len, answer.stdout.splitlines())) <= width
