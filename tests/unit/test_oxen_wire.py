"""Tests the exact bytes that the Oxen.ai adapter sends, the paths that it sends them to, and what each answer means.

The transport is httpx's mock. test_oxen_list.py tests the lists, and test_synchronous_calls.py tests synchronous
results.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import HANDLE, PROCESS, SENT, Vendor, answer, refuse_to_keep
from tests.fakes.result_server import CONTENT, Host, resolve
from tests.rows import each_row
from tests.unit.wire_support import (
    HELD_TIMEOUT,
    LINK,
    LINKED,
    NO_OBJECTS,
    READ_TIMEOUT,
    SUBMIT_TIMEOUT,
    WRONG,
    Kept,
    adapter_of,
    headers_of,
    planned,
    raw,
    refusing,
    split,
)

from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    OperatorFault,
    ProcessUnknown,
    ProviderRejected,
    ProviderUnavailable,
    ResultNotReady,
    SubmitInDoubt,
    Throttled,
)
from darkroom.model import ProcessState, SendMode
from darkroom.providers.oxen import Oxen

__all__ = ["resolve"]  # pytest must find this automatic fixture here

BASE = "https://hub.oxen.example.test/api"
ACCEPTED = {"generations": [{"generation_id": PROCESS, "status": "queued"}]}
EDITED = {"model": "topazlabs-image-upscale", "created": 1, "images": [{"url": "https://cdn.example.test/1.png?s=1"}]}
HELD = {"synchronous": "true"}


def oxen(vendor: Callable[[httpx.Request], httpx.Response], *keys: str) -> Oxen:
    return adapter_of(Oxen, vendor, *keys, base_url=BASE)


def submit(provider: Oxen, keep: Any = refuse_to_keep, **tags: str) -> Any:
    return provider.submit(planned("oxen", **tags), LINKED, HANDLE, keep)


# --- what is sent ----------------------------------------------------------------------------------------------


def test_a_submit_is_one_json_post_to_the_queue_byte_for_byte() -> None:
    vendor = Vendor(answer(ACCEPTED))
    submit(oxen(vendor))
    (request,) = vendor.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/ai/queue")
    assert vendor.bodies == [
        b'{"model":"topazlabs-image-upscale","output_format":"png","input_image":"' + LINK.encode() + b'"}'
    ]


def test_every_setting_goes_as_the_vendors_own_word() -> None:
    vendor = Vendor(answer(ACCEPTED))
    submit(oxen(vendor), enhance_model="text refine", scale="4", output_format="jpeg")
    assert vendor.bodies == [
        b'{"model":"topazlabs-image-upscale","enhance_model":"Text Refine","output_format":"jpg","upscale_factor":"4x",'
        b'"input_image":"' + LINK.encode() + b'"}'
    ]


def test_a_synchronous_call_sends_the_same_to_the_other_endpoint() -> None:
    vendor, queued = Vendor(answer(EDITED)), Vendor(answer(ACCEPTED))
    submit(oxen(split(vendor, Host())), Kept(), **HELD)
    submit(oxen(queued))
    assert [(r.method, str(r.url)) for r in vendor.requests] == [("POST", f"{BASE}/ai/images/edit")]
    assert vendor.bodies == queued.bodies


@each_row("tags", [{}, HELD])
def test_a_submit_carries_these_headers_and_no_other(tags: dict[str, str]) -> None:
    vendor = refusing()
    with pytest.raises(SubmitInDoubt):
        submit(oxen(vendor), **tags)
    assert headers_of(vendor.requests[0]) == {
        "host": "hub.oxen.example.test",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
        "authorization": "Bearer key-1",
        "content-type": "application/json",
        "content-length": str(len(vendor.bodies[0])),
    }


CALLS: dict[str, tuple[Callable[[Oxen], object], str, str]] = {
    "progress": (lambda o: o.progress(PROCESS), "GET", f"/ai/queue/{PROCESS}"),
    "result": (lambda o: o.result(PROCESS).__enter__(), "GET", f"/ai/queue/{PROCESS}"),
    "cancel": (lambda o: o.cancel(PROCESS), "GET", f"/ai/queue/{PROCESS}"),
    "find": (lambda o: o.find(HANDLE, SendMode.LINK, SENT), "GET", "/ai/queue?status=queued"),
    "estimate": (lambda o: o.estimate(planned("oxen"), 640, 480), "GET", "/ai/models/topazlabs-image-upscale"),
    "submit": (submit, "POST", "/ai/queue"),
    "held": (lambda o: submit(o, **HELD), "POST", "/ai/images/edit"),
}
EACH_CALL = each_row("name", CALLS)
EACH_READ = each_row("name", [name for name, (_, method, _) in CALLS.items() if method == "GET"])
BY_ID = each_row("call", [Oxen.progress, Oxen.cancel, lambda o, name: o.result(name).__enter__()])


@EACH_CALL
def test_each_call_goes_to_its_published_endpoint_with_the_key_and_its_own_patience(name: str) -> None:
    call, method, path = CALLS[name]
    vendor = refusing()
    with pytest.raises((ProviderUnavailable, SubmitInDoubt)):
        call(oxen(vendor))
    (request,) = vendor.requests
    assert (request.method, str(request.url)) == (method, f"{BASE}{path}")
    assert request.headers["authorization"] == "Bearer key-1"
    assert "x-client-request-id" not in request.headers
    timeouts = {"submit": SUBMIT_TIMEOUT, "held": HELD_TIMEOUT}
    assert request.extensions["timeout"] == timeouts.get(name, READ_TIMEOUT)


@EACH_CALL
def test_a_401_reads_the_key_again_and_repeats_once_if_it_changed(name: str) -> None:
    vendor, same = refusing(401), refusing(401)
    for provider in (oxen(vendor, "old", "new", "newer"), oxen(same, "same", "same")):
        with pytest.raises(OperatorFault) as caught:
            CALLS[name][0](provider)
        assert caught.value.code is ErrorCode.AUTH_FAILED
    assert [request.headers["authorization"] for request in vendor.requests] == ["Bearer old", "Bearer new"]
    assert len(same.requests) == 1


@EACH_CALL
@each_row(("status", "code"), [(402, ErrorCode.OUT_OF_CREDITS), (403, ErrorCode.AUTH_FAILED)])
def test_an_account_that_needs_its_owner_is_the_operators_fault(name: str, status: int, code: ErrorCode) -> None:
    said = {"error": {"type": "x", "title": "Insufficient credits"}, "status": "error", "status_message": "x"}
    with pytest.raises(OperatorFault, match="Insufficient credits") as caught:
        CALLS[name][0](oxen(Vendor(answer(said, status))))
    assert caught.value.code is code


@BY_ID
@each_row("process_id", ["", ".", "..", "a/b", "../ai/queue", "a.b", "?x", "#", "%2e", "a b", "\u00e9",
                                        "a\n", "x" * 129])  # fmt: skip
def test_an_invalid_generation_id_is_never_asked_for(call: Callable[..., Any], process_id: str) -> None:
    vendor = refusing()
    with pytest.raises(ProcessUnknown):
        call(oxen(vendor), process_id)
    assert vendor.requests == []


@BY_ID
def test_a_404_means_an_unknown_generation(call: Callable[..., Any]) -> None:
    said = {"error": {"type": "resource_not_found", "title": "The requested resource could not be found"}}
    with pytest.raises(ProcessUnknown, match="could not be found"):
        call(oxen(Vendor(answer(said, 404))), PROCESS)


# --- what the answer to a submit means -------------------------------------------------------------------------


def test_an_accepted_submit_gives_its_id_and_the_usual_time() -> None:
    submission = submit(oxen(Vendor(answer(ACCEPTED))))
    assert (submission.process_id, submission.staged, submission.credits) == (PROCESS, False, None)
    assert timedelta(seconds=10) < submission.eta - datetime.now(UTC) <= timedelta(seconds=15)


@each_row(
    "body",
    [{}, {"generations": None}, {"generations": {}}, {"generations": []}, {"generations": [], "error": "x"},
     {"generations": [None]}, {"generations": [[PROCESS]]}, {"generations": [PROCESS]}, {"generation_id": PROCESS},
     *[{"generations": [{"generation_id": wrong}]} for wrong in WRONG if wrong != "text"]],
)  # fmt: skip
def test_an_acceptance_without_a_usable_id_is_in_doubt(body: Any) -> None:
    with pytest.raises(SubmitInDoubt):
        submit(oxen(Vendor(answer(body))))


@each_row("tags", [{}, HELD])
@each_row(("name", "content"), NO_OBJECTS, ids=[name for name, _ in NO_OBJECTS])
def test_an_acceptance_that_is_no_object_is_in_doubt(name: str, content: bytes, tags: dict[str, str]) -> None:
    with pytest.raises(SubmitInDoubt) as caught:
        submit(oxen(Vendor(raw(content))), **tags)
    assert caught.value.__cause__ is None


def test_a_synchronous_result_is_kept_under_our_handle() -> None:
    kept = Kept()
    submission = submit(oxen(split(Vendor(answer(EDITED)), Host())), kept, **HELD)
    assert kept.results == {str(HANDLE): CONTENT}
    assert (submission.process_id, submission.staged) == (str(HANDLE), True)


@each_row("images", [*WRONG, *[[{"url": wrong}] for wrong in WRONG]])
def test_a_synchronous_answer_that_names_no_result_is_in_doubt(images: Any) -> None:
    kept, host = Kept(), Host()
    with pytest.raises(SubmitInDoubt):
        submit(oxen(split(Vendor(answer({**EDITED, "images": images})), host)), kept, **HELD)
    assert (kept.calls, host.requests) == (0, [])


@each_row("tags", [{}, HELD])
@each_row(
    ("status", "error"),
    [(400, ProviderRejected), (404, ProviderRejected), (413, ProviderRejected), (422, ProviderRejected),
     (308, ProviderRejected), (302, SubmitInDoubt), (408, SubmitInDoubt), (429, Throttled), (500, SubmitInDoubt),
     (502, SubmitInDoubt), (504, SubmitInDoubt)],
)  # fmt: skip
def test_each_status_of_a_submit_has_its_meaning(status: int, error: type[DarkroomError], tags: dict[str, str]) -> None:
    with pytest.raises(error, match="Model not found") as caught:
        submit(oxen(Vendor(answer({"error": {"message": "Model not found: x"}}, status))), **tags)
    assert type(caught.value) is error


# --- one generation --------------------------------------------------------------------------------------------

WORDS = [
    ("queued", ProcessState.RUNNING), ("processing", ProcessState.RUNNING), ("succeeded", ProcessState.COMPLETED),
    ("failed", ProcessState.FAILED), ("cancelled", ProcessState.CANCELLED), ("canceled", ProcessState.RUNNING),
    ("Succeeded", ProcessState.RUNNING), ("", ProcessState.RUNNING), (None, ProcessState.RUNNING),
    (["failed"], ProcessState.RUNNING), ("x" * 5_000, ProcessState.RUNNING),
]  # fmt: skip


@each_row(("word", "state"), WORDS)
def test_each_status_word_has_its_meaning(word: object, state: ProcessState) -> None:
    progress = oxen(Vendor(answer({"status": word, "error_message": f"403 for url: {LINK}"}))).progress(PROCESS)
    assert (progress.state, progress.vendor_word) == (state, str(word)[:40])
    assert progress.reason == ("403 for url: <link>" if state is ProcessState.FAILED else "")


@each_row("message", [None, "", [], 0])
def test_a_failure_without_a_reason_has_none(message: object) -> None:
    assert oxen(Vendor(answer({"status": "failed", "error_message": message}))).progress(PROCESS).reason == ""


@EACH_READ
@each_row(("kind", "content"), NO_OBJECTS, ids=[kind for kind, _ in NO_OBJECTS])
def test_a_read_that_is_no_object_is_no_answer(name: str, kind: str, content: bytes) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        CALLS[name][0](oxen(Vendor(raw(content))))
    assert caught.value.__cause__ is None


@each_row("url", [None, 7, [], {}, ["https://a.test"]])
def test_a_result_without_a_link_is_not_ready(url: object) -> None:
    vendor = Vendor(answer({"status": "succeeded", "result_url": url}))
    with pytest.raises(ResultNotReady):
        oxen(vendor).result(PROCESS).__enter__()
    assert len(vendor.requests) == 1


def test_a_result_is_the_rows_link_opened() -> None:
    vendor, host = Vendor(answer({"result_url": "https://cdn.example.test/1.png?s=1"})), Host()
    with oxen(split(vendor, host)).result(PROCESS) as link:
        assert b"".join(link.stream()) == CONTENT
    assert {request.headers["host"] for request in host.requests} == {"cdn.example.test"}


@each_row(("word", "cancelled"), [("cancelled", True), ("succeeded", False), ("processing", False)])
def test_a_cancellation_is_what_the_row_says_afterwards(word: str, cancelled: bool) -> None:
    done = answer({"status": "success", "generation_id": PROCESS})
    vendor = Vendor(answer({"status": "processing"}), done, answer({"status": word}))
    assert oxen(vendor).cancel(PROCESS) is cancelled
    assert [r.method for r in vendor.requests] == ["GET", "DELETE", "GET"]
    assert {str(r.url) for r in vendor.requests} == {f"{BASE}/ai/queue/{PROCESS}"}
    assert vendor.bodies == [b"", b"", b""]


@each_row(
    ("word", "error"),
    [
        ("invalid_params", ProviderRejected),
        ("insufficient_credits", OperatorFault),
        ("unauthenticated", OperatorFault),
        ("rate_limited", Throttled),
        ("unknown_error", SubmitInDoubt),
    ],
)
@each_row("tags", [{}, {"synchronous": "true"}])
def test_an_error_in_a_200_means_what_its_type_means(word: str, error: type[Exception], tags: dict[str, str]) -> None:
    body = {"error": {"type": word, "title": "No"}, "status": "error", "status_message": word}
    with pytest.raises(error):
        submit(oxen(Vendor(answer(body))), **tags)


def test_an_error_beside_a_generation_hides_no_generation() -> None:
    body = {**ACCEPTED, "error": {"type": "invalid_params"}}
    assert submit(oxen(Vendor(answer(body)))).process_id == PROCESS
