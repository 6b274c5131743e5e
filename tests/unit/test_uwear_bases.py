"""Tests uwear.ai's paths with and without their prefix. The later calls for a job use the form that accepted its submit."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from tests.fakes.mock_vendor import HANDLE, refuse_to_keep
from tests.rows import each_row
from tests.unit.wire_support import LINKED, adapter_of, planned

from darkroom.errors import ProcessUnknown, ProviderRejected, ProviderUnavailable, SubmitInDoubt
from darkroom.providers.uwear import Uwear

ROOT = "https://api.uwear.example.test"
OLD = f"{ROOT}/api/v1"
PLAN = planned("uwear")
NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
ACCEPTED = {"generation_id": 4711}
DONE = {"generation_id": 4711, "status": "Done", "generation_results": []}
NOTHING = {"data": [], "total_count": 0, "current_page": 1, "max_page": 1}


class Forms:
    """Plays a vendor with URLs of two forms. `asked` lists the requests in their order. A form that has no answer returns 404."""

    def __init__(self, **answers: tuple[int, object]) -> None:
        self.answers, self.asked = answers, list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        form = "old" if request.url.path.startswith("/api/v1/") else "root"
        self.asked.append(f"{form} {request.url.path.rpartition('/')[2]}")
        status, body = self.answers.get(form, (404, {"detail": "Not Found"}))
        return httpx.Response(status, json=body)


def submitted(vendor: Forms, base: str = ROOT) -> str:
    return adapter_of(Uwear, vendor, base_url=base).submit(PLAN, LINKED, HANDLE, refuse_to_keep).process_id


@each_row("base", [ROOT, OLD])
def test_the_configured_form_takes_the_submit_and_no_other_is_asked(base: str) -> None:
    vendor = Forms(root=(200, ACCEPTED), old=(200, ACCEPTED))
    assert submitted(vendor, base) == "4711"
    assert len(vendor.asked) == 1


@each_row("status", [404, 405])
@each_row(("base", "there", "process_id"), [(ROOT, "old", "v1.4711"), (OLD, "root", "root.4711")])
def test_where_a_form_has_no_such_path_the_other_takes_the_submit(
    base: str, there: str, process_id: str, status: int
) -> None:
    gone = {"old": "root", "root": "old"}[there]
    vendor = Forms(**{there: (200, ACCEPTED), gone: (status, {"detail": "no"})})
    assert submitted(vendor, base) == process_id
    assert vendor.asked == [f"{gone} generation-upscale", f"{there} generation-upscale"]


@each_row(("status", "error"), [(422, ProviderRejected), (500, SubmitInDoubt)])
def test_a_form_that_answers_anything_else_is_not_passed_by(status: int, error: type[Exception]) -> None:
    vendor = Forms(root=(status, {"detail": "no"}), old=(200, ACCEPTED))
    with pytest.raises(error):
        submitted(vendor)
    assert vendor.asked == ["root generation-upscale"]


def test_without_the_path_in_either_form_the_submit_is_refused() -> None:
    with pytest.raises(ProviderRejected, match="404"):
        submitted(Forms())


@each_row(("process_id", "asked"), [("root.4711", "root 4711"), ("v1.4711", "old 4711")])
def test_a_process_is_asked_of_the_form_that_took_it(process_id: str, asked: str) -> None:
    vendor = Forms(root=(200, DONE), old=(200, DONE))
    adapter_of(Uwear, vendor, base_url=ROOT).progress(process_id)
    assert vendor.asked == [asked]
    gone = Forms(**{"old" if "root" in process_id else "root": (200, DONE)})
    with pytest.raises(ProcessUnknown):
        adapter_of(Uwear, gone, base_url=ROOT).progress(process_id)


@each_row("there", ["root", "old"])
def test_an_id_that_names_no_form_is_unknown_only_after_a_404_of_both(there: str) -> None:
    adapter_of(Uwear, Forms(**{there: (200, DONE)}), base_url=ROOT).progress("4711")
    vendor = Forms()
    with pytest.raises(ProcessUnknown):
        adapter_of(Uwear, vendor, base_url=ROOT).progress("4711")
    assert vendor.asked == ["root 4711", "old 4711"]


def test_a_lost_submit_is_looked_for_in_the_form_that_has_a_list() -> None:
    vendor = Forms(old=(200, NOTHING))
    provider = adapter_of(Uwear, vendor, base_url=ROOT)
    assert provider.find(HANDLE, PLAN.send_mode, NOW) == ()
    assert vendor.asked == ["root generations", "old generations"]


def test_without_a_list_in_either_form_nothing_is_proven() -> None:
    with pytest.raises(ProviderUnavailable, match="base URL"):
        adapter_of(Uwear, Forms(), base_url=ROOT).find(HANDLE, PLAN.send_mode, NOW)
