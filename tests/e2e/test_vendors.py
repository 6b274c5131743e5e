"""Tests what a user sees of each vendor. Some vendors fetch the picture by link, and some answer with the result, but the
user finds all results in the same form.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from PIL import Image

from darkroom_local.stack.simulator_processes import simulated_key, vendors
from tests.e2e.deployed_application import Darkroom, picture

HANDLE_IN = "response-content-disposition"  # the part of a link's query that names the picture
STAGED = "_darkroom/incoming/"


@dataclass(frozen=True)
class Case:
    """Holds an upload of 96×64 pixels, and the result that is expected for it."""

    key: str
    tags: str
    model: str
    credits: int
    price_usd: str
    size: tuple[int, int] = (192, 128)
    sent_as: str = "JPEG"
    comes_as: str = "JPEG"
    output_key: str = ""  # the result's key if the format changes; the upload's key if empty
    is_synchronous: bool = False
    by_link: bool = True

    @property
    def vendor(self) -> str:
        return dict(parse_qsl(self.tags))["provider"]

    @property
    def result_key(self) -> str:
        return self.output_key or self.key


UPSCALER = "topazlabs-image-upscale"
CASES = {
    "uwear": Case("photos/vendors/jumper.jpg", "provider=uwear&model=topaz&scale=2", "topaz", 3, "0.15"),
    "uwear-awkward": Case(
        "photos/vendors/Übergröße – 100% a+b=c&d (1)/%20 [neu]'s~!.jpg", "provider=uwear&model=topaz&upscale_factor=2x",
        "topaz", 3, "0.15",
    ),
    "uwear-recraft": Case(
        "photos/vendors/badge.png", "provider=uwear", "recraft", 1, "0.15", (384, 256), "PNG", "PNG"
    ),
    "uwear-chooses": Case(
        "photos/vendors/scan.tif", "provider=uwear&model=recraft", "recraft", 1, "0.15", (384, 256), "TIFF", "PNG",
        "photos/vendors/scan.png",
    ),
    "oxen": Case(
        "photos/vendors/render.png", "provider=oxen&scale=2&output_format=jpg", UPSCALER, 500, "0.0001",
        sent_as="PNG", output_key="photos/vendors/render.jpeg",
    ),
    "oxen-at-once": Case(
        "photos/vendors/a b+c%.png", "provider=oxen&synchronous=true&upscale_factor=4x", UPSCALER, 500, "0.0001",
        (384, 256), "PNG", "PNG", is_synchronous=True,
    ),
    "aimlapi": Case(
        "photos/vendors/ö clock.jpg", "provider=aimlapi&model=topaz-labs/sharpen&mode=Strong", "topaz-labs/sharpen", 210_000,
        "0.0000005", (96, 64), is_synchronous=True,
    ),
    "topaz-at-once": Case(
        "photos/vendors/soon.jpg", "provider=topaz&synchronous=true&scale=2", "Standard V2", 1, "0.12",
        is_synchronous=True, by_link=False,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def jobs(darkroom: Darkroom) -> dict[str, dict[str, Any]]:
    """Upload all cases at once. Return their jobs when all have ended."""
    for case in CASES.values():
        darkroom.upload(case.key, picture(format=case.sent_as), case.tags)
    ended = darkroom.ended(case.key for case in CASES.values())
    return {name: ended[case.key] for name, case in CASES.items()}


def reserved(room: Darkroom, vendor: str, month: str) -> Decimal:
    return Decimal(room.row(f"BUDGET#{vendor}", month)["reserved"])


def staged(room: Darkroom) -> set[str]:
    """Return what is staged. The proof that the bucket can be written comes and goes beside it."""
    return {
        key for key in room.output_keys() if key.startswith("_darkroom/") and not key.startswith("_darkroom/probe/")
    }


def link_of(submit: dict[str, Any]) -> str:
    """Return the URL of the picture that a submit sent to the vendor."""
    return str(submit.get("image_url") or submit.get("input_image"))


def test_there_is_a_case_for_every_vendor() -> None:
    assert {case.vendor for case in CASES.values()} == set(vendors())


@pytest.mark.parametrize("name", CASES)
def test_the_result_is_in_place_in_its_size_and_format(darkroom: Darkroom, jobs, name: str) -> None:
    case = CASES[name]
    assert (jobs[name]["status"], jobs[name]["output_key"]) == ("COMPLETED", case.result_key)
    result = darkroom.output(case.result_key)
    with Image.open(io.BytesIO(result["Body"])) as image:
        image.load()
        assert (image.size, image.format) == (case.size, case.comes_as)
    assert result["ContentType"] == f"image/{case.comes_as.lower()}"


@pytest.mark.parametrize("name", CASES)
def test_receipt_and_ledger_say_who_did_it_and_what_it_cost(darkroom: Darkroom, jobs, name: str) -> None:
    case, job = CASES[name], jobs[name]
    receipt = darkroom.output(case.result_key)["Metadata"]
    assert receipt["darkroom-job"] == darkroom.job_id(case.key)
    assert (receipt["darkroom-provider"], receipt["darkroom-model"]) == (case.vendor, case.model)
    assert receipt["darkroom-process-id"] == job["process_id"]
    assert Decimal(receipt["darkroom-credits"]) == case.credits
    assert (job["credits"], job["credit_price_usd"]) == (case.credits, Decimal(case.price_usd))
    assert job["cost_usd"] == case.credits * Decimal(case.price_usd)


@pytest.mark.parametrize("name", CASES)
def test_the_vendor_was_paid_once(darkroom: Darkroom, jobs, name: str) -> None:
    (submit,) = darkroom.submits(CASES[name].key, CASES[name].vendor)
    assert submit["credits"] == CASES[name].credits


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.by_link])
def test_the_picture_went_by_a_presigned_link_that_carries_the_handle_and_no_key(
    darkroom: Darkroom, jobs, name: str
) -> None:
    (submit,) = darkroom.submits(CASES[name].key, CASES[name].vendor)
    link = link_of(submit)
    query = dict(parse_qsl(urlsplit(link).query))
    assert f'filename="{darkroom.job_id(CASES[name].key)}-1-' in query[HANDLE_IN]
    assert query["versionId"] == darkroom.versions[CASES[name].key]
    assert {"X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Expires"} <= query.keys()
    assert unquote(urlsplit(link).path).endswith("/" + CASES[name].key)
    assert simulated_key(CASES[name].vendor) not in link


def test_a_synchronous_result_was_staged_and_nothing_is_left_there(darkroom: Darkroom, jobs) -> None:
    found = darkroom.s3.list_object_versions(Bucket=darkroom.stack.output_bucket, Prefix=STAGED)
    written = {version["Key"] for version in found.get("Versions", [])}
    held = {STAGED + darkroom.job_id(case.key) for case in CASES.values() if case.is_synchronous}
    others = {STAGED + darkroom.job_id(case.key) for case in CASES.values()} - held
    assert held <= written
    assert not others & written
    assert staged(darkroom) == set()


def test_nothing_stays_reserved_and_no_upload_stays_open(darkroom: Darkroom, jobs) -> None:
    for name, case in CASES.items():
        assert reserved(darkroom, case.vendor, jobs[name]["budget_month"]) == 0
    assert darkroom.s3.list_multipart_uploads(Bucket=darkroom.stack.output_bucket).get("Uploads", []) == []


def test_each_end_is_told_with_its_provider(darkroom: Darkroom, jobs) -> None:
    told = {event["detail"]["job_id"]: event["detail"] for event in darkroom.events()}
    for name, case in CASES.items():
        detail = told[jobs[name]["job_id"]]
        assert (detail["provider"], detail["model"]) == (case.vendor, case.model)


# --- failures
# --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def held_back(darkroom: Darkroom) -> Callable[..., str]:
    """Return a function that uploads a picture without an event, sets faults for its job, and then sends its message. That
    function returns the id of the job.
    """

    def send(key: str, tags: str, vendor: str, *faults: str, **options: float) -> str:
        darkroom.upload(key, picture(format="PNG"), tags)
        for kind in faults:
            darkroom.simulators[vendor].faults.add(kind, match=darkroom.job_id(key), **options)
        darkroom.notify(key)
        return darkroom.job_id(key)

    return send


def test_a_failed_job_ends_with_the_vendors_reason_and_is_released(darkroom: Darkroom, held_back) -> None:
    key = "held/vendors/failed.png"
    held_back(key, "provider=oxen", "oxen", "failed_job")
    job = darkroom.ended([key])[key]
    report = darkroom.report(key)
    assert (job["status"], job["error_code"], report["code"]) == ("FAILED", "ProviderFailed", "ProviderFailed")
    assert "The model failed to produce a result" in report["message"]
    assert job["credits"] == 0
    assert reserved(darkroom, "oxen", job["budget_month"]) == 0
    assert len(darkroom.submits(key, "oxen")) == 1


def test_a_reason_that_names_the_link_is_told_without_it(darkroom: Darkroom, held_back) -> None:
    key = "held/vendors/gone.png"
    held_back(key, "provider=oxen", "oxen", "fetch_late", seconds=8)
    darkroom.until(key, lambda job: job.get("status") == "PROCESSING")
    darkroom.s3.delete_object(Bucket=darkroom.stack.input_bucket, Key=key, VersionId=darkroom.versions[key])
    job = darkroom.ended([key])[key]
    assert (job["status"], job["error_code"], job["credits"]) == ("FAILED", "ProviderFailed", 0)
    assert "404" in job["error"]
    assert "X-Amz" not in json.dumps(job, default=str)


LOST = {
    "topaz": "held/vendors/lost topaz.png",
    "uwear": "held/vendors/ä found+again 100%.png",
    "oxen": "held/vendors/found again.png",
    "aimlapi": "held/vendors/lost.png",
}


@pytest.fixture(scope="module")
def lost(darkroom: Darkroom, held_back) -> dict[str, dict[str, Any]]:
    """Upload one picture for each vendor, whose answer is lost. Return the jobs when all have ended by themselves."""
    for vendor, key in LOST.items():
        model = "&model=topaz-labs/sharpen" if vendor == "aimlapi" else ""
        held_back(key, f"provider={vendor}{model}", vendor, "lost_answer")
    ended = darkroom.ended(LOST.values())
    return {vendor: ended[key] for vendor, key in LOST.items()}


@pytest.mark.parametrize("vendor", ["topaz", "uwear", "oxen"])
def test_a_lost_answer_is_found_in_the_vendors_list_and_its_result_brought(
    darkroom: Darkroom, lost, vendor: str
) -> None:
    assert lost[vendor]["status"] == "COMPLETED"
    assert len(darkroom.submits(LOST[vendor], vendor)) == 1


def test_a_lost_answer_of_a_synchronous_call_is_never_sent_twice(darkroom: Darkroom, lost) -> None:
    job = lost["aimlapi"]
    assert (job["status"], job["error_code"], job["credits"]) == ("FAILED", "ResultLost", 210_000)
    assert reserved(darkroom, "aimlapi", job["budget_month"]) == 0
    assert len(darkroom.submits(LOST["aimlapi"], "aimlapi")) == 1


def test_a_lost_answer_is_found_by_the_image_where_the_list_does_not_name_it(darkroom: Darkroom, held_back) -> None:
    """A lookup leaves out what is younger than the list may lag."""
    key = "held/vendors/kept.png"
    held_back(key, "provider=topaz&input_by=link&sharpen=0.5", "topaz", "lost_answer", "unnamed")
    job = darkroom.ended([key], hurry=True)[key]
    (sent,) = darkroom.submits(key)
    assert sent["filename"] == ""
    assert (job["status"], job["process_id"], job["credits"]) == ("COMPLETED", sent["process_id"], 1)


def test_no_key_and_no_link_is_written_anywhere(darkroom: Darkroom, jobs) -> None:
    said = darkroom.everything_written()
    assert darkroom.job_id(CASES["uwear"].key) in said  # the text names jobs, so it is the right text to search
    assert not [vendor for vendor in vendors() if simulated_key(vendor) in said]
    for trace in ("signature=", "x-amz-", "/results/"):
        assert trace not in said.lower()


def test_no_vendors_key_went_to_where_its_results_lie(darkroom: Darkroom, jobs) -> None:
    for vendor in ("uwear", "oxen", "aimlapi"):
        results = [r for r in darkroom.simulators[vendor].requests if r["operation"] == "result"]
        assert results
        assert not any(r["key_leaked"] or r["auth_header"] for r in results)
