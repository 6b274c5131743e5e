"""Tests that `darkroom plan` and `darkroom explain` say what is then done and paid, and that they write nothing."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.ExifTags import Base
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT
from tests.unit.cli_support import Stack, deployed, run

from darkroom.model import JobStatus, Limits, Upload

PLACE = f"s3://{INPUT}"


@pytest.fixture
def stack() -> Iterator[Stack]:
    with deployed() as made:
        yield made


def planned(*arguments: str) -> dict[str, Any]:
    """Run `darkroom plan --json` and return its one object."""
    done = run("plan", *arguments, "--json")
    assert done.exit_code == 0, done.output + done.stderr
    (line,) = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def explained(*arguments: str) -> dict[str, Any]:
    done = run("explain", *arguments, "--json")
    assert done.exit_code == 0, done.output + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def fill(application: ApplicationUnderTest) -> list[Upload]:
    """Put uploads of every kind into the bucket: settings from each layer, refusals, skips, and a collision."""
    put = application.cloud.put
    put(
        "darkroom.toml", b'[presets.shop]\nmodel = "High Fidelity V2"\nscale = 2\n[[rules]]\nmatch = "*.png"\nscale = 3'
    )
    put("flat/darkroom.toml", b'model = "CGI"\n[output]\nfolders = "flat"')
    put("broken/darkroom.toml", b"sclae = 2")
    return [
        put("a.jpg", picture(3000, 2000)),
        put("b.png", picture(2000, 1500, "png")),
        put("c.jpg", picture(4000, 3000), tags="preset=shop"),
        put("d.jpg", picture(4000, 3000), tags="preset=upscale-4x&max_credits=3"),
        put("e.jpg", picture(2500, 2000), Metadata={"model": "Redefine"}),
        put("f.jpg", picture(), tags="sclae=2"),
        put("g.jpg", b"no picture"),
        put("h.jpg", picture(), tags="skip=true"),
        put("flat/x/cat.jpg", picture(41, 31)),
        put("flat/y/cat.jpg", picture(42, 32)),
        put("broken/i.jpg", picture()),
        put("j.jpg", picture(5000, 4000), tags="preset=denoise"),
    ]


def pay(application: ApplicationUnderTest, uploads: list[Upload]) -> Decimal:
    """Process the uploads to their ends. Return what the ledger settled."""
    for upload in uploads:
        application.complete(upload)
    application.assert_books_balance()
    return sum((job.credits or Decimal(0) for job in application.cloud.jobs()), Decimal(0))


def test_the_sum_is_what_the_ledger_then_settles(stack: Stack) -> None:
    application = stack.application
    uploads = fill(application)
    before = planned(PLACE)
    assert application.cloud.jobs() == []
    assert application.cloud.keys() == set()
    assert (before["pictures"], before["to_pay"], before["refused"], before["skipped"]) == (12, 6, 5, 1)
    assert {(one["key"], one["code"]) for one in before["refusals"]} == {
        ("broken/i.jpg", "InvalidSetting"), ("d.jpg", "PriceAboveLimit"), ("f.jpg", "InvalidSetting"),
        ("flat/y/cat.jpg", "OutputCollision"), ("g.jpg", "UnsupportedFormat"),
    }  # fmt: skip
    paid = pay(application, uploads)
    assert before["total_credits"] == paid == 9
    assert before["total_usd"] == pytest.approx(float(paid) * 0.12)
    statuses = Counter(job.status for job in application.cloud.jobs())
    assert (statuses[JobStatus.COMPLETED], statuses[JobStatus.REJECTED]) == (before["to_pay"], before["refused"])
    after = planned(PLACE)
    assert (after["done"], after["to_pay"], after["total_credits"]) == (6, 0, 0)


def test_set_is_the_strongest_layer(stack: Stack) -> None:
    stack.application.cloud.put("a.jpg", picture(4000, 3000), tags="scale=4")
    assert planned(PLACE)["total_credits"] == 8
    assert planned(PLACE, "--set", "scale=1")["total_credits"] == 1
    assert planned(PLACE, "--set", "sclae=1")["refusals"][0]["message"].startswith("setting sclae='1' in --set")
    assert run("plan", PLACE, "--set", "scale").exit_code == 2


def test_budgets_and_time_are_told(stack: Stack) -> None:
    application = stack.application
    application.limits = Limits({"topaz": Decimal(10)}, Decimal(1), {}, {})
    application.ledger = application.ports["ledger"] = application.make_ledger(application.cloud.dynamodb)
    application.deliver(application.cloud.put("paid.jpg", picture()))
    for number in range(12):
        application.cloud.put(f"{number}.jpg", picture())
    found = planned(PLACE)
    assert (found["under_way"], found["to_pay"]) == (1, 12)
    month = f"{application.clock():%Y-%m}"
    assert found["budgets"] == [
        {"unit": "topaz", "month": month, "limit": 10, "committed": 1, "left": 9, "asked": 12, "fits": False},
        {"unit": "usd", "month": month, "limit": 1, "committed": 0.12, "left": 0.88, "asked": 1.44, "fits": False},
    ]
    assert (found["submits_at_once"], found["seconds"]) == (10, 3)
    shown = run("plan", PLACE).stdout
    assert "does not fit" in shown
    assert "at 10 submits at once" in shown


def test_what_only_the_vendor_prices_is_counted_apart(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(picture(40, 30, "png"))
    (tmp_path / "darkroom.toml").write_text('[[rules]]\nmatch = "b*"\nprovider = "oxen"')
    found = planned(str(tmp_path))
    assert (found["to_pay"], found["unpriced"], found["total_credits"]) == (2, 1, 1)
    (apart,) = [one for one in found["models"] if one["provider"] == "oxen"]
    assert (apart["pictures"], apart["credits"]) == (1, None)


def test_a_folder_of_this_machine_costs_what_it_then_costs_in_the_bucket(stack: Stack, tmp_path: Path) -> None:
    files = {
        "darkroom.toml": b'preset = "upscale-2x"', "a.jpg": picture(4000, 3000), "new/darkroom.toml": b"scale = 1",
        "new/b.jpg": picture(4000, 3000), "new/same.jpg": picture(4000, 3000), "new/other.jpg": picture(4000, 3001),
        "notes.txt": b"words", ".hidden/c.jpg": picture(),
    }  # fmt: skip
    for key, body in files.items():
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(body)
    told = planned(str(tmp_path))
    assert (told["pictures"], told["refused"], told["budgets"], told["seconds"]) == (4, 0, None, None)
    assert told["same_bytes"] == [["a.jpg", "new/b.jpg", "new/same.jpg"]]
    uploads = [stack.application.cloud.put(key, body) for key, body in files.items() if not key.startswith(".")]
    paid = pay(stack.application, [one for one in uploads if not one.key.endswith(".toml")])
    assert told["total_credits"] == paid == 5


def test_files_that_are_no_pictures_are_counted_by_kind_and_not_refused_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(picture())
    for number in range(60):
        (tmp_path / f"{number}.xmp").write_text("<x:xmpmeta/>")
    done = run("plan", str(tmp_path))
    assert done.stdout.startswith("left out: 60 no picture: 0.xmp, 1.xmp, 10.xmp, ….\n1 to pay")
    assert "refused" not in done.stdout
    assert planned(str(tmp_path))["pictures"] == 1


def test_a_plan_and_a_local_run_refuse_the_same_names(tmp_path: Path) -> None:
    from darkroom_local.folder.uploads import items_in
    from darkroom_local.run import screening

    names = ["a.jpg", "two\nlines.jpg", "_failed/b.jpg"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture())
    found = planned(str(tmp_path))
    run_over = screening.screen(items_in(tmp_path, {}), tmp_path.with_name("out"), ())
    assert found["to_pay"] == len(run_over.to_do) == 1
    assert {one["key"] for one in found["refusals"]} == {one.item.key for one in run_over.unusable} == set(names[1:])
    assert "two\\nlines.jpg: Darkroom takes no name with U+000A" in run("plan", str(tmp_path)).stdout


def test_a_plan_of_a_folder_asks_no_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from darkroom_cli.stack import deployment

    def never(stack: str) -> None:
        raise AssertionError("a stack was asked for")

    monkeypatch.setattr(deployment, "connect", never)
    (tmp_path / "a.jpg").write_bytes(picture())
    assert planned(str(tmp_path))["total_credits"] == 1
    assert explained(str(tmp_path / "a.jpg"))["credits"] == 1


def test_csv_has_a_row_for_each_picture_and_no_formula(tmp_path: Path) -> None:
    (tmp_path / "=a.jpg").write_bytes(picture())
    (tmp_path / "b.jpg").write_bytes(b"x")
    rows = list(csv.DictReader(io.StringIO(run("plan", str(tmp_path), "--csv").stdout)))
    assert [(row["key"], row["fate"], row["credits"]) for row in rows] == [
        ("'=a.jpg", "to pay", "1"), ("b.jpg", "refused", "0"),
    ]  # fmt: skip
    assert rows[1]["code"] == "UnsupportedFormat"


@pytest.mark.parametrize("place", ["s3://", "/nowhere"])
def test_a_place_that_is_none_ends_the_command(place: str) -> None:
    assert run("plan", place).exit_code == 2


def test_wrong_defaults_end_the_command_with_their_words(stack: Stack) -> None:
    stack.application.defaults = "scale=99"
    stack.application.cloud.put("a.jpg", picture())
    done = run("plan", PLACE)
    assert done.exit_code == 1
    assert "DefaultSettings is wrong: scale='99'" in done.stderr


@pytest.mark.parametrize("command", ["plan", "explain", "enhance"])
def test_a_retired_model_in_the_defaults_is_told_as_a_wrong_default(stack: Stack, command: str, tmp_path: Path) -> None:
    (tmp_path / "new.jpg").write_bytes(picture())
    stack.application.cloud.put("a.jpg", picture())
    stack.application.defaults = "model=Super Focus V2"
    stack.application.clock.now = datetime(2027, 1, 1, tzinfo=UTC)
    done = run(command, str(tmp_path / "new.jpg") if command == "enhance" else f"{PLACE}/a.jpg")
    assert done.exit_code == 1
    assert "DefaultSettings is wrong: model='Super Focus V2' in stack: topaz has retired" in done.stderr


def test_explain_names_each_value_its_layer_and_what_it_overrode(stack: Stack) -> None:
    application = stack.application
    application.defaults = "scale=4,denoise=0.5"
    application.cloud.put("shop/darkroom.toml", b'preset = "upscale-2x"\nlabel = "shop"')
    application.cloud.put("shop/a.jpg", picture(4000, 3000), tags="scale=3", Metadata={"scale": "2"})
    found = explained(f"{PLACE}/shop/a.jpg")
    by_name = {one["name"]: one for one in found["settings"]}
    assert (by_name["scale"]["value"], by_name["scale"]["layer"]) == ("3", "tags")
    assert [(one["value"], one["layer"]) for one in by_name["scale"]["overrides"]] == [
        ("2", "metadata"), ("2", "preset upscale-2x (shop/darkroom.toml)"), ("4", "stack"),
    ]  # fmt: skip
    assert by_name["model"]["layer"] == "preset upscale-2x (shop/darkroom.toml)"
    assert by_name["denoise"]["layer"] == "stack"
    assert found["endpoint"] == "enhance/async"
    assert found["request"] == {
        "model": "Standard V2", "output_width": "12000", "output_format": "jpeg", "denoise": "0.5",
    }  # fmt: skip
    assert (found["credits"], found["usd"], found["output_key"]) == (5, 0.6, "shop/a.jpg")
    shown = run("explain", f"{PLACE}/shop/a.jpg").stdout
    assert "2 in metadata" in shown
    assert "5 credits, 0.6 USD" in shown


def test_explain_tells_a_refusal_with_its_reason(stack: Stack) -> None:
    stack.application.cloud.put("a.jpg", picture(), tags="modle=CGI")
    found = explained(f"{PLACE}/a.jpg")
    assert (found["fate"], found["code"]) == ("refused", "InvalidSetting")
    assert "did you mean mode, model" in found["message"]
    assert "did you mean mode, model" in run("explain", f"{PLACE}/a.jpg").stdout


def test_explain_of_an_object_that_is_not_there_ends_the_command(stack: Stack) -> None:
    done = run("explain", f"{PLACE}/nowhere.jpg")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "there is no object" in done.stderr


def test_explain_notes_what_is_kept(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[Base.Orientation] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=turned)
    assert "noted     the image is stored with a quarter turn" in run("explain", str(tmp_path / "a.jpg")).stdout


def test_explain_of_a_file_obeys_the_files_up_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "darkroom.toml").write_text('model = "CGI"')
    (tmp_path / "shop/a.jpg").write_bytes(picture())
    monkeypatch.chdir(tmp_path)
    model = next(one for one in explained("shop/a.jpg")["settings"] if one["name"] == "model")
    assert (model["value"], model["layer"]) == ("CGI", "darkroom.toml")


def test_a_sum_with_prices_that_only_the_vendor_knows_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(40, 30, "png"))
    all_unknown = run("plan", str(tmp_path), "--set", "provider=oxen").stdout
    assert "unknown for 1   unknown" in all_unknown
    assert "0.00" not in all_unknown
    (tmp_path / "b.png").write_bytes(picture(40, 30, "png"))
    (tmp_path / "darkroom.toml").write_text('[[rules]]\nmatch = "b*"\nprovider = "oxen"')
    assert "1 topaz, unknown for 1   at least 0.12" in run("plan", str(tmp_path)).stdout


def test_files_of_this_machine_are_told_to_be_planned_without_a_stack(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(picture())
    stack.application.cloud.put("a.jpg", picture())
    words = "without the limits and the DefaultSettings of a stack"
    assert words in run("plan", str(tmp_path)).stdout
    assert words in run("explain", str(tmp_path / "a.jpg")).stdout
    assert words not in run("plan", f"{PLACE}/").stdout + run("explain", f"{PLACE}/a.jpg").stdout
    provider = next(one for one in explained(str(tmp_path / "a.jpg"))["settings"] if one["name"] == "provider")
    assert provider["layer"] == "default"
