"""Tests that finalize copies results of 35 MB in parts, with its own role, and that they arrive whole although a transfer
breaks.

The tags of results are not tested, because the embedded cloud loses the tags of multipart uploads.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from darkroom_local.simulators.framework.imaging import Recipe, ResultFile
from darkroom_local.simulators.topaz import pictures
from tests.e2e.deployed_application import Darkroom

SIZE = (1580, 1400)
TAGS = "scale=2&output_format=tiff"
FAULTS = {"cut": "cut", "expired": "expired"}  # upload → the fault that one part of its result meets
UNDISTURBED, STAGED = (
    "plain",
    "staged",
)  # STAGED is sent by a synchronous call, so finalize finds its result in the bucket


def key_of(name: str) -> str:
    return f"held/large/{name}.png"


def result_key(name: str) -> str:
    return f"held/large/{name}.tiff"


def noise() -> bytes:
    """Return a picture of noise, which no format can compress."""
    buffer = io.BytesIO()
    Image.merge("RGB", [Image.effect_noise(SIZE, 120) for _ in "RGB"]).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def made_once() -> Iterator[None]:
    """Let the simulator make the result once, and copy it for the other uploads, which have the same bytes and settings."""
    make, made, one_at_a_time = pictures.make_result, dict[tuple[bytes, Recipe], ResultFile](), threading.Lock()

    def copied(source: Path, target: Path, recipe: Recipe) -> ResultFile:
        with one_at_a_time:
            key = source.read_bytes(), recipe
            if key not in made:
                made[key] = make(source, target, recipe)
            else:
                shutil.copyfile(made[key].path, target)
            return replace(made[key], path=target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "make_result", copied)
        yield


@pytest.fixture(scope="module")
def jobs(darkroom: Darkroom, made_once: None) -> dict[str, dict[str, Any]]:
    """Process the uploads without a fault first, then the uploads with a fault. A fault happens while finalize reads the third
    part of the result, counted from the end.
    """
    picture, asked = noise(), Counter[str]()
    real, strikes = darkroom.simulator.faults.take, {}

    def take(kinds: Any, on: str, subject: str | None) -> Any:
        """Add the fault if this is the request that must meet it. Then call the simulator's own method."""
        if on == "result" and "expired" in kinds and subject:
            asked[subject] += 1
            for job_id, (kind, turn) in strikes.items():
                if job_id in subject and asked[subject] == turn:
                    darkroom.simulator.faults.add(kind, on="result", match=job_id)
        return real(kinds, on, subject)

    darkroom.simulator.faults.take = take
    try:
        for name in (UNDISTURBED, *FAULTS):
            darkroom.upload(key_of(name), picture, TAGS)
        darkroom.upload(key_of(STAGED), picture, f"{TAGS}&synchronous=true")
        for name in (UNDISTURBED, STAGED):
            darkroom.notify(key_of(name))
        ended = darkroom.ended(map(key_of, (UNDISTURBED, STAGED)))
        (requests,) = asked.values()
        for name, kind in FAULTS.items():
            strikes[darkroom.job_id(key_of(name))] = (kind, requests - 2)
            darkroom.notify(key_of(name))
        ended |= darkroom.ended(map(key_of, FAULTS))
    finally:
        darkroom.simulator.faults.take = real
    return {name: ended[key_of(name)] for name in (UNDISTURBED, STAGED, *FAULTS)}


@pytest.fixture(scope="module")
def results(darkroom: Darkroom, jobs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the result of each upload. Each is read once, because it is large."""
    assert {name: job["status"] for name, job in jobs.items()} == dict.fromkeys(jobs, "COMPLETED"), jobs
    return {name: darkroom.output(result_key(name)) for name in jobs}


@pytest.mark.parametrize("name", [UNDISTURBED, STAGED, *FAULTS])
def test_a_large_result_is_in_place_whole_and_described(darkroom: Darkroom, results, name: str) -> None:
    stands = results[name]
    assert len(stands["Body"]) > 32 * 1024 * 1024
    assert (stands["ContentType"], stands["ContentLength"]) == ("image/tiff", len(stands["Body"]))
    assert stands["Metadata"]["darkroom-job"] == darkroom.job_id(key_of(name))
    with Image.open(io.BytesIO(stands["Body"])) as image:
        image.load()
        assert image.size == (2 * SIZE[0], 2 * SIZE[1])


@pytest.mark.parametrize("name", [UNDISTURBED, STAGED])
def test_it_went_by_parts(darkroom: Darkroom, jobs, name: str) -> None:
    head = darkroom.s3.head_object(Bucket=darkroom.stack.output_bucket, Key=result_key(name))
    assert head["ETag"].strip('"').endswith("-4")


def test_all_arrived_alike(results) -> None:
    assert len({hashlib.sha256(stands["Body"]).hexdigest() for stands in results.values()}) == 1


@pytest.mark.parametrize(("name", "more"), [("cut", 1), ("expired", 2)])
def test_what_broke_was_read_again_and_nothing_else(darkroom: Darkroom, jobs, name: str, more: int) -> None:
    """The part that failed is requested again. After an expired link, the first byte of the new link is requested, too."""
    faults = [fault for request in asked_for(darkroom, name) for fault in request["faults"]]
    assert faults == [FAULTS[name]]
    assert len(asked_for(darkroom, name)) == len(asked_for(darkroom, UNDISTURBED)) + more


def asked_for(darkroom: Darkroom, name: str) -> list[dict[str, Any]]:
    """Return the requests for the result of the upload `name`."""
    job_id = darkroom.job_id(key_of(name))
    return [r for r in darkroom.simulator.requests if r["operation"] == "result" and job_id in str(r.values())]


def test_no_upload_stays_open_and_each_was_paid_once(darkroom: Darkroom, jobs) -> None:
    open_uploads = darkroom.s3.list_multipart_uploads(Bucket=darkroom.stack.output_bucket).get("Uploads", [])
    assert [one["Key"] for one in open_uploads if one["Key"].startswith("held/large/")] == []
    for name in jobs:
        assert len(darkroom.submits(key_of(name))) == 1
