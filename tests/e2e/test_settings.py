"""Tests settings end to end: `darkroom.toml` files, metadata, tags and presets, up to what the vendor is asked for."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.deployed_application import Darkroom, picture
from tests.e2e.forked_commands import NO_PAGE, Commands
from tests.e2e.stack_operator import Operator

SHOP = """
preset = "upscale-2x"

[[rules]]
match = "*.png"
scale = 3

[output]
key = "{folder}/{stem}-{model}.{ext}"
tags = "drop"
"""


def drop(room: Darkroom, key: str, text: str) -> None:
    """Upload a darkroom.toml."""
    room.s3.put_object(Bucket=room.stack.input_bucket, Key=key, Body=text.encode())


def copy(room: Darkroom, path: Path, key: str, metadata: dict[str, str], home: Path) -> None:
    """Upload a file with metadata, by the real `aws s3 cp` where it is installed, and otherwise by the same request."""
    bucket = room.stack.input_bucket
    if shutil.which("aws"):
        said = ",".join(f"{name}={value}" for name, value in metadata.items())
        environment = {**os.environ, "HOME": str(home), **room.stack.endpoint.environment()}
        subprocess.run(
            ["aws", "s3", "cp", str(path), f"s3://{bucket}/{key}", "--metadata", said],
            env=environment, check=True, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    else:
        room.s3.upload_file(str(path), bucket, key, ExtraArgs={"Metadata": metadata})
    room.versions[key] = room.s3.head_object(Bucket=bucket, Key=key)["VersionId"]


def asked(room: Darkroom, key: str) -> dict[str, Any]:
    """Return the fields of the only request for the upload, from the simulator's log."""
    job_id = room.job_id(key)
    (fields,) = [one["fields"] for one in room.simulator.requests if one["fields"] and job_id in json.dumps(one)]
    found: dict[str, Any] = fields
    return found


def wait(is_so: Callable[[], bool], seconds: float = 600) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.25)


@pytest.fixture(scope="module")
def shop(darkroom: Darkroom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """Upload pictures in folders with `darkroom.toml`. Return their ended jobs by the last part of the key."""
    home = tmp_path_factory.mktemp("home")
    file = home / "cat.jpg"
    file.write_bytes(picture())
    drop(darkroom, "darkroom.toml", 'label = "everything"\n')  # above InputPrefix
    drop(darkroom, "photos/shop/darkroom.toml", SHOP)
    drop(darkroom, "photos/shop/new/darkroom.toml", 'model = "High Fidelity V2"\n')
    time.sleep(1)
    darkroom.upload("photos/shop/plain.jpg", picture())
    darkroom.upload("photos/shop/rule.png", picture(format="PNG"))
    darkroom.upload("photos/shop/tagged.jpg", picture(), "scale=4&Project=x")
    darkroom.upload("photos/shop/new/near.jpg", picture())
    copy(darkroom, file, "photos/shop/metadata.jpg", {"preset": "print", "scale": "1.5"}, home)
    names = ["plain.jpg", "rule.png", "tagged.jpg", "new/near.jpg", "metadata.jpg"]
    ended = darkroom.ended([f"photos/shop/{name}" for name in names])
    yield {key.removeprefix("photos/shop/"): job for key, job in ended.items()}
    darkroom.s3.delete_object(Bucket=darkroom.stack.input_bucket, Key="darkroom.toml")


WANTED = {
    "plain.jpg": ("Standard V2", "192", "jpeg"),
    "rule.png": ("Standard V2", "288", "png"),
    "tagged.jpg": ("Standard V2", "384", "jpeg"),
    "new/near.jpg": ("High Fidelity V2", "192", "jpeg"),
    "metadata.jpg": ("High Fidelity V2", "144", "tiff"),
}


@pytest.mark.parametrize("name", WANTED)
def test_each_way_of_setting_reaches_the_vendor(darkroom: Darkroom, shop: dict[str, Any], name: str) -> None:
    assert shop[name]["status"] == "COMPLETED"
    fields = asked(darkroom, f"photos/shop/{name}")
    assert (fields["model"], fields["output_width"], fields["output_format"]) == WANTED[name]
    assert shop[name]["label"] == "everything"


def test_results_lie_under_the_templates_key_without_tags(darkroom: Darkroom, shop: dict[str, Any]) -> None:
    key = shop["tagged.jpg"]["output_key"]
    assert key == "photos/shop/tagged-standard-v2.jpg"
    tags = darkroom.s3.get_object_tagging(Bucket=darkroom.stack.output_bucket, Key=key)["TagSet"]
    assert tags == []
    assert shop["metadata.jpg"]["output_key"] == "photos/shop/metadata-high-fidelity-v2.tiff"


def test_a_broken_file_costs_nothing_and_a_good_one_counts_at_once(darkroom: Darkroom) -> None:
    drop(darkroom, "photos/broken/darkroom.toml", "model = 'CGI'\nsclae = 2\n")
    wait(lambda: "_failed/photos/broken/darkroom.toml.json" in darkroom.output_keys())
    assert "sclae='2' is not known; did you mean scale" in darkroom.report("photos/broken/darkroom.toml")["message"]
    darkroom.upload("photos/broken/a.jpg", picture())
    refused = darkroom.ended(["photos/broken/a.jpg"])["photos/broken/a.jpg"]
    assert (refused["status"], refused["error_code"]) == ("REJECTED", "InvalidSetting")
    assert "photos/broken/darkroom.toml: sclae" in refused["error"]
    assert darkroom.submits("photos/broken/a.jpg") == []
    drop(darkroom, "photos/broken/darkroom.toml", "model = 'CGI'\nscale = 2\n")
    darkroom.upload("photos/broken/b.jpg", picture())
    good = darkroom.ended(["photos/broken/b.jpg"])["photos/broken/b.jpg"]
    assert (good["status"], good["model"]) == ("COMPLETED", "CGI")
    assert "_failed/photos/broken/darkroom.toml.json" not in darkroom.output_keys()


def test_explain_and_plan_say_what_was_then_asked_and_paid(
    darkroom: Darkroom, shop: dict[str, Any], tmp_path: Path
) -> None:
    operator, bucket = Operator(darkroom, tmp_path), darkroom.stack.input_bucket
    told = json.loads(operator("explain", f"s3://{bucket}/photos/shop/metadata.jpg", "--json"))
    fields = asked(darkroom, "photos/shop/metadata.jpg")
    assert told["request"].items() <= fields.items()
    assert (told["output_key"], told["credits"]) == (
        shop["metadata.jpg"]["output_key"],
        shop["metadata.jpg"]["credits"],
    )
    layers = {setting["name"]: setting["layer"] for setting in told["settings"]}
    assert layers["scale"] == "metadata"
    assert layers["model"] == "preset print (metadata)"
    done = json.loads(operator("plan", f"s3://{bucket}/photos/shop/", "--json"))
    assert (done["pictures"], done["done"], done["total_credits"]) == (5, 5, 0)
    darkroom.upload("held/a.jpg", picture(80, 60), "scale=2")  # outside of InputPrefix: nothing is done with it
    outside = json.loads(operator("plan", f"s3://{bucket}/held/", "--json"))
    assert outside["pictures"] == 0


def test_a_file_above_the_prefix_is_checked_too(darkroom: Darkroom) -> None:
    report = "_failed/darkroom.toml.json"
    drop(darkroom, "darkroom.toml", "[[rules]]\nscale = 2\n")
    wait(lambda: report in darkroom.output_keys())
    assert "rules[1].match is missing" in darkroom.report("darkroom.toml")["message"]
    drop(darkroom, "darkroom.toml", "")
    wait(lambda: report not in darkroom.output_keys())


def test_a_local_run_obeys_the_folders_own_files_and_pays_once(commands: Commands, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "shop").mkdir(parents=True)
    for name in ("a.jpg", "shop/b.jpg"):
        (folder / name).write_bytes(picture())
    (folder / "shop/darkroom.toml").write_text('preset = "twice"\n[output]\nkey = "{folder}/{stem}-{width}.{ext}"\n')
    (folder / "darkroom.toml").write_text('[presets.twice]\nmodel = "CGI"\nscale = 2\n')

    # The other simulators need not start.
    arguments = ["local", "run", str(folder), "--out", str(out), "--parameter", "AllowedProviders=topaz"]
    environment = {name: value for name, value in os.environ.items() if name != "TOPAZ_API_KEY"}
    # This command is not forked.
    first = subprocess.run(
        [sys.executable, "-m", "darkroom_cli", *arguments, "--speed", "20"],
        env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert first.returncode == 0, first.stdout + first.stderr
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.jpg")} == {"a.jpg", "shop/b-192.jpg"}
    rows = list(csv.DictReader((out / "credits.csv").read_text().splitlines()))
    assert {row["file"]: (row["model"], row["credits"]) for row in rows} == {
        "a.jpg": ("Standard V2", "1"), "shop/b.jpg": ("CGI", "1"),
    }  # fmt: skip
    page = (out / "darkroom-report.html").read_text(encoding="utf-8")
    assert all(
        part in page
        for part in ('"key":"shop/b.jpg"', 'id="picture-1"', '["scale","2","a darkroom.toml or the default"]')
    )
    again = commands.run([*arguments, "--speed", "20"], environment | {NO_PAGE: "1"})
    assert "2 skipped: done before" in again.stdout
    (folder / "shop/darkroom.toml").write_text("sclae = 2")
    wrong = commands.run(arguments, environment)
    assert wrong.returncode == 2
    assert "shop/darkroom.toml: sclae='2' is not known" in wrong.stderr
