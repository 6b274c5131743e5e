"""Tests `darkroom report --html`: what it reads of a stack and of a folder of results, and how its options go together."""

from __future__ import annotations

import csv
import html
import json
import re
import webbrowser
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.fakes.aws_account import OUTPUT
from tests.fakes.memory_dynamodb import TABLE
from tests.rows import each_row
from tests.unit.cli_support import Stack, run
from tests.unit.report_support import completed, pair
from tests.unit.showcase import booked, put, showcase

from darkroom.aws import items
from darkroom.model import Job, JobStatus
from darkroom_cli.html_report import make_page, run_source, stack_source
from darkroom_local.emulator.ledger_journal import Change, Journal
from darkroom_local.folder.uploads import Item
from darkroom_local.results import accounts
from darkroom_local.results.downloads import not_sent
from darkroom_local.run.credits_csv import CREDITS_FILE


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack in the middle of a batch. Some results stand in the output bucket, each for a reason to be shown or not."""
    with showcase() as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_source, "MOST_PICTURE_BYTES", 1024 * 1024)
        for number, key in enumerate(("shown.jpg", "replaced.jpg", "gone.jpg", "large.jpg", "broken.jpg")):
            _result(made, completed(number), key)
        yield made


def _result(made: Stack, job: Job, key: str) -> None:
    cloud = made.application.cloud
    before, after = pair(0)
    upload = cloud.put(key, before if key != "broken.jpg" else b"no picture", tags="scale=2&label=spring")
    job = replace(job, source_key=key, source_version=upload.version_id, job_id=key.encode().hex().ljust(32, "0")[:32])
    assert job.dispatch
    job = replace(job, dispatch=replace(job.dispatch, output_key=key), settings={"scale": "2", "model": "Standard V2"})
    put(made, job)
    if key != "gone.jpg":
        receipt = "somebody else's" if key == "replaced.jpg" else job.job_id
        body = bytes(stack_source.MOST_PICTURE_BYTES + 1) if key == "large.jpg" else after
        cloud.put(key, body, bucket=OUTPUT, Metadata={"darkroom-job": receipt})


def entries(page: Path) -> dict[str, dict[str, Any]]:
    """Return the jobs of a page by their keys."""
    found = re.search(r'id="entries">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return {entry["key"]: entry for entry in json.loads(found[1])}


@pytest.fixture(scope="module")
def page(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("page") / "report.html"
    made = run("report", "--html", "--out", str(target), "--stack", "my stack")
    assert made.exit_code == 0, made.output
    assert re.fullmatch(rf"{target}: 2\d uploads, 1 pictures, 0\.\d MB\n", made.stdout)
    return target


def test_a_picture_comes_from_both_buckets_with_the_layers_of_its_settings(page: Path) -> None:
    shown = entries(page)["shown.jpg"]
    assert shown["picture"] is not None
    assert ["scale", "2", "tags"] in shown["settings"]
    assert 'id="picture-' in page.read_text(encoding="utf-8")


@each_row(
    ("key", "reason"),
    [
        ("replaced.jpg", "another object stands at the result's key now"),
        ("gone.jpg", "the result cannot be read (NoSuchKey)"),
        ("large.jpg", "the result has more than 1 MiB"),
        ("broken.jpg", "the original cannot be decoded here"),
        ("spring/forest.jpg", "the original cannot be read (NoSuchVersion)"),
    ],
)
def test_a_picture_that_cannot_be_shown_says_why(page: Path, key: str, reason: str) -> None:
    assert entries(page)[key]["noPicture"] == reason


def test_every_job_is_there_with_its_reason_its_cure_and_its_command(page: Path) -> None:
    found = entries(page)
    assert {entry["status"] for entry in found.values()} == {status.value for status in JobStatus}
    typo = found["typo.jpg"]
    assert typo["why"] == "InvalidSetting: the tag sclae='2' is no setting; did you mean scale?"
    assert typo["command"] == "darkroom rerun --code InvalidSetting --stack 'my stack'"
    assert found["catalog/shoe-1.jpg"]["command"] == "darkroom resume topaz --stack 'my stack'"
    assert found["doubt/bridge.jpg"]["command"].startswith("darkroom job ")
    text = html.unescape(page.read_text(encoding="utf-8"))
    assert "Put a valid API key into the stack's secret. Then all its jobs go on at once with this command." in text


def test_months_and_limits_are_those_of_the_ledger(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "95 %, nearly used up" in text
    assert "104 %, over the limit" in text
    assert "2026-11 so far, against the limit of 50 USD" in text


def test_only_the_newest_pictures_are_read(stack: Stack, tmp_path: Path) -> None:
    target = tmp_path / "new" / "report.html"
    made = run("report", "--html", "--out", str(target), "--pictures", "0")
    assert made.exit_code == 0
    assert f"The folder {target.parent} was not there, and was made." in made.stdout
    assert not [entry for entry in entries(target).values() if "picture" in entry or "noPicture" in entry]


def test_since_and_until_bound_the_jobs(stack: Stack, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    made = run("report", "--html", "--out", str(target), "--since", "2026-11-29", "--until", "2026-11-29", "--link")
    assert made.exit_code == 0, made.output
    assert {entry["created"][:10] for entry in entries(target).values()} <= {"2026-11-29"}


def test_the_page_opens_in_the_browser_or_the_command_says_that_there_is_none(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda uri: bool(opened.append(uri)))
    monkeypatch.chdir(tmp_path)
    made = run("report", "--html", "--open", "--pictures", "0")
    assert opened == [(tmp_path / make_page.PAGE).as_uri()]
    assert "No browser was found." in made.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "a.html"], "only --html makes a page"),
        (["--pictures", "0"], "only --html makes a page"),
        (["--html", "--json"], "leave --by, --json and --csv out"),
        (["--html", "--by", "day"], "leave --by, --json and --csv out"),
        (["--html", "--originals", "."], "add --folder"),
        (["--html", "--folder", "."], "holds no account of a run"),
        (["--html", "--out", "taken.html"], "Name another file with --out"),
    ],
)
def test_options_that_cannot_be_obeyed_end_the_command_before_anything_is_read(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.html").write_text("mine")
    made = run("report", *arguments)
    assert (made.exit_code, said in " ".join(made.output.replace("│", "").split())) == (2, True), made.output


# --- folders of results


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of results with the account of an earlier simulated run, and the folder of its originals beside it."""
    (tmp_path / "in").mkdir()
    before, after = pair(0)
    (tmp_path / "in/a.jpg").write_bytes(before)
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.jpg").write_bytes(after)
    done, lost = named(completed(0), "a.jpg"), named(completed(2), "../../etc/passwd")
    failed = replace(named(completed(1), "b.jpg"), status=JobStatus.FAILED, error_code="ProviderFailed", error="broke")
    waits = replace(named(completed(3), "c.jpg"), status=JobStatus.IN_DOUBT, completed_at=None)
    home = out / accounts.ACCOUNT / "simulated"
    home.mkdir(parents=True)
    journal = Journal(home / "ledger.jsonl")
    rows = [items.job_item(job) for job in (done, lost, failed, waits)]
    month = {**items.budget_key("usd", "2026-11"), "spent": items.wire(7), "jobs": items.wire(3)}
    journal.append(Change((row["pk"]["S"], row["sk"]["S"]), row) for row in [*rows, month])
    journal.close()
    asked = {"scale": "2", "Provider": "topaz"}
    with (out / CREDITS_FILE).open("w", newline="") as file:
        columns = ("file", "job_id", "status", "provider", "credits", "api", "result", "source_bytes",
                   "source_modified_ns", "settings")  # fmt: skip
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerow({"file": "a.jpg", "job_id": done.job_id, "settings": json.dumps(asked)})
    return out


def named(job: Job, key: str) -> Job:
    """Return the job with that key at both ends, as a run of some time ago left it."""
    assert job.dispatch
    created_at = datetime(2025, 5, 20, 14, tzinfo=UTC)
    return replace(job, created_at=created_at, source_key=key, dispatch=replace(job.dispatch, output_key=key))


def test_a_folders_page_has_its_pictures_its_settings_and_its_months(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    originals = str(tmp_path / "in")
    made = run("report", "--html", "--folder", str(folder), "--originals", originals, "--out", str(target))
    assert made.exit_code == 0, made.output
    found = entries(target)
    assert found["a.jpg"]["picture"] == 0
    settings = {row[0]: row[2] for row in found["a.jpg"]["settings"]}
    assert (settings["scale"], settings["model"]) == ("this run (--set or tag)", "a --parameter or the default")
    text = html.unescape(target.read_text(encoding="utf-8"))
    assert "The providers were simulated." in text
    assert '<td class="number">7</td>' in text
    assert found["b.jpg"]["cure"].startswith("Run the same command again.")
    assert found["c.jpg"]["cure"].startswith("Nobody can tell whether it was charged")


def test_linked_pictures_of_a_folder_are_the_files_themselves(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "pages" / "a page.html"
    originals = str(tmp_path / "in")
    options = ["--folder", str(folder), "--originals", originals, "--out", str(target), "--link"]
    assert run("report", "--html", *options).exit_code == 0
    found = re.search(r'id="picture-0">(.*?)</script>', target.read_text(encoding="utf-8"))
    assert found
    assert json.loads(found[1]) == {
        "wholeBefore": "../in/a.jpg",
        "wholeAfter": "../out/a.jpg",
        "cropBefore": "a%20page_files/0-cropBefore.webp",
        "cropAfter": "a%20page_files/0-cropAfter.webp",
        "thumb": "a%20page_files/0-wholeAfter.webp",
    }


def test_no_key_of_an_account_leads_out_of_the_folders(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    run("report", "--html", "--folder", str(folder), "--originals", str(tmp_path / "in"), "--out", str(target))
    assert entries(target)["../../etc/passwd"]["noPicture"] == "the original has a key that is no plain path"


def test_without_the_originals_a_folders_page_has_no_pictures_and_says_why(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    assert run("report", "--html", "--folder", str(folder), "--out", str(target)).exit_code == 0
    assert entries(target)["a.jpg"]["noPicture"] == "the folder of the originals is not named"


def test_a_run_writes_its_page_and_names_its_own_command_for_failures(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    left = not_sent(Item(tmp_path / "x\\y.jpg", "x\\y.jpg"), "The name is no path.", "Rename the file.")
    make_page.of_run([left], folder, tmp_path / "in", "darkroom local run in --out out", said.append, is_real=False)
    assert said == [f"Before and after, spend and failures, for a browser: {folder / make_page.PAGE}"]
    assert entries(folder / make_page.PAGE)["b.jpg"]["command"] == "darkroom local run in --out out"
    page = (folder / make_page.PAGE).read_text(encoding="utf-8")
    assert "1 file, not uploaded" in page
    assert "The name is no path. Rename the file." in page


def test_a_simulated_run_has_its_own_page_in_a_folder_that_also_has_real_runs(folder: Path, tmp_path: Path) -> None:
    home = folder / accounts.ACCOUNT / accounts.REAL
    home.mkdir()
    journal = Journal(home / "ledger.jsonl")
    row = items.job_item(named(completed(8), "paid.jpg"))
    journal.append([Change((row["pk"]["S"], row["sk"]["S"]), row)])
    journal.close()
    for is_real, keys in (
        (True, {"paid.jpg"}),
        (None, {"paid.jpg"}),
        (False, {"a.jpg", "b.jpg", "c.jpg", "../../etc/passwd"}),
    ):
        source = run_source.of_folder(run_source.Folders(None, folder), is_real=is_real)
        assert {job.source_key for job in source.jobs} == keys


def test_a_run_whose_page_cannot_be_written_says_so_and_is_no_failure(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    (folder / make_page.PAGE).mkdir()
    make_page.of_run([], folder, tmp_path / "in", "darkroom", said.append, is_real=False)
    assert said[0].startswith("There is no page of this run:")
    make_page.of_run([], tmp_path / "in", tmp_path / "in", "darkroom", said.append, is_real=False)
    assert len(said) == 1  # nothing was sent in any run, so there is nothing to show


def test_the_demos_page_comes_from_the_ledger_of_its_stack(stack: Stack, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    job = named(completed(0), "demo.jpg")
    put(stack, replace(job, created_at=now))
    booked(stack, "uwear", f"{now:%Y-%m}", spent="3", jobs="2")
    local = SimpleNamespace(
        endpoint=SimpleNamespace(client=lambda service: stack.application.cloud.dynamodb),
        outputs={"LedgerTable": TABLE},
        providers=("topaz", "uwear"),
        simulator_urls={"topaz": "", "uwear": ""},
    )
    source = run_source.of_demo(local, run_source.Folders(tmp_path, tmp_path))  # type: ignore[arg-type]
    assert "demo.jpg" in [one.source_key for one in source.jobs]
    assert [month.spent for month in source.months if month.unit == "uwear"] == [3]
    assert source.note == run_source.SIMULATED
