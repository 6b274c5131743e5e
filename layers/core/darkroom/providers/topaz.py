"""The adapter for Topaz Labs' Image API, version 1 (OpenAPI 1.0.0; responses in the shape of 1.2.0 are accepted too).

It relies on these facts from the vendor's reference:

- Submits are multipart POSTs. The response has a `process_id` and an `eta`, in Unix seconds, which may be too early or too
  late.
- The status list shows the filename of the multipart upload, which is our handle.
- `GET /status/{id}` gives no reason for a failure.
- Every submit takes a `webhook_url`, which is told of every change of the status (OpenAPI 1.2.0). The calls are not signed.
- The links that `/download` returns are valid for one hour. A 409 means that the result is not ready.

The adapter must never call `DELETE /status`, which clears the list for every user of the account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from darkroom.errors import ProcessUnknown, ProviderUnavailable, ResultNotReady, SubmitInDoubt
from darkroom.model import (
    Balance,
    Estimate,
    FoundProcess,
    Handle,
    Plan,
    Progress,
    SendMode,
    Submission,
)
from darkroom.ports import ImageStream, ResultLink, StageResult
from darkroom.providers import http_client, parsing, synchronous, topaz_answers, topaz_words
from darkroom.providers.adapter_base import Adapter
from darkroom.providers.authenticated_client import bearer
from darkroom.providers.newest_first import NewestFirst
from darkroom.providers.topaz_inputs import TopazInputs

NAME = "topaz"
LEGACY_KEY_PREFIX = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJtYWNoaW5lX2lkIjoi"  # a legacy key is sent as Bearer token
ACCOUNT_PATH = "account/v1/credits/balance"
PAGE_LIMIT = 100
MAX_PAGES = 200  # 20,000 entries; a list of which more must be read counts as unavailable

REFUSING_STATUSES = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY})
ENDPOINT_GONE_STATUSES = frozenset({httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.GONE})


class Topaz(Adapter):
    """Calls Topaz Labs; implements `ports.Provider`. There is one instance per container."""

    name = NAME
    deletes_entries = True  # anybody with a key of the account may call DELETE /status/{id} and DELETE /status (1.0.0)
    can_cancel = True

    @staticmethod
    def key_header(key: str) -> dict[str, str]:
        """Return the header X-API-Key, or a Bearer token for a legacy key."""
        return bearer(key) if key.startswith(LEGACY_KEY_PREFIX) else {"X-API-Key": key}

    def submit(
        self,
        plan: Plan,
        image: ImageStream,
        handle: Handle,
        stage_result: StageResult,
        callback_url: str | None = None,
    ) -> Submission:
        """POST the image, streamed with an exact Content-Length, or a link to the image, to the plan's endpoint. Spends money;
        see `ports.Provider`.

        A synchronous endpoint answers with the picture, which is staged while it arrives. If the endpoint no longer exists
        (1.2.0 has no synchronous one), nothing was accepted, and the same plan is sent to the asynchronous endpoint.
        """
        if plan.send_mode.is_synchronous:
            answer = self._post(plan, image, handle, synchronous.send_unread, http_client.SYNCHRONOUS_TIMEOUT)
            if answer.status_code not in ENDPOINT_GONE_STATUSES or plan.queue_endpoint is None:
                return self._stage_synchronous(answer, stage_result)
            plan = replace(plan, endpoint=plan.queue_endpoint)
        response = self._post(plan, image, handle, http_client.send_and_read, http_client.SUBMIT_TIMEOUT, callback_url)
        self._api.check_submit(response)
        return self._to_submission(response)

    def _post(
        self,
        plan: Plan,
        image: ImageStream,
        handle: Handle,
        send: Callable[..., httpx.Response],
        timeout: httpx.Timeout,
        callback_url: str | None = None,
    ) -> httpx.Response:
        def post(key: str) -> httpx.Response:
            # A field with the filename None keeps the request multipart, even if no file is sent.
            fields: list[tuple[str, Any]] = [(name, (None, value)) for name, value in plan.parameters.items()]
            if callback_url is not None:
                fields.append(("webhook_url", (None, callback_url)))
            # `link` may raise NothingSent, and `open` may raise SourceGone. Both are called before a connection is made.
            link, body = (image.link(), None) if plan.send_mode.by_link else (None, image.open())
            try:
                if body is None:
                    fields.append(("source_url", (None, link)))
                else:
                    exact = http_client.ExactBody(body, image.size_bytes).as_file()
                    fields.append(("image", (f"{handle}{image.filename_suffix}", exact, image.content_type)))
                request = self._api.client.build_request(
                    "POST",
                    f"{self._api.base_url}/{plan.endpoint}",
                    headers=self.key_header(key),
                    files=fields,
                    timeout=timeout,
                )
                return send(self._api.client, request, key)
            except Exception as error:  # nothing was sent only if no connection was made; `submit_error` decides
                raise http_client.submit_error(error) from None
            finally:
                if body is not None:
                    body.close()

        return self._api.call_with_key(post)

    def _stage_synchronous(self, answer: httpx.Response, stage_result: StageResult) -> Submission:
        """Stage the picture that is the body of the answer, and return the submission. A body that breaks off or is not `image/…`
        is not staged. Then finalize downloads the result by the process id from the headers."""
        with closing(answer) as response:
            self._api.check_submit(response)
            process_id = response.headers.get("x-process-id")
            if not topaz_words.is_process_id(process_id):
                raise SubmitInDoubt("the provider accepted the submit but named no process id")
            is_picture = response.headers.get("content-type", "").lower().startswith("image/")
            chunks = synchronous.read_body(response)
            is_staged = is_picture and synchronous.try_to_stage(stage_result, process_id, chunks)
        return Submission(process_id, datetime.now(UTC), staged=is_staged)

    def _to_submission(self, response: httpx.Response) -> Submission:
        try:
            answer = http_client.read_json(response)
        except ProviderUnavailable:
            answer = {}
        fields = answer if isinstance(answer, dict) else {}
        process_id = fields.get("process_id") or response.headers.get("x-process-id")
        if not topaz_words.is_process_id(process_id):
            raise SubmitInDoubt("the provider accepted the submit but named no process id")
        eta = parsing.read_unix_time(fields.get("eta") or response.headers.get("x-eta"))
        return Submission(str(process_id), eta or datetime.now(UTC))

    def progress(self, process_id: str) -> Progress:
        """GET /status/{id}. A status word that the vendor's pages do not list counts as running."""
        return topaz_answers.to_progress(
            parsing.read_object(self._api.read_process("GET", _path("status", process_id)))
        )

    def echoed_settings(self, process_id: str) -> Mapping[str, Any]:
        """GET /status/{id} and return the settings that the vendor says it uses (`options_json`). Return an empty mapping if
        they are missing or unreadable."""
        return topaz_answers.echoed_settings(
            parsing.read_object(self._api.read_process("GET", _path("status", process_id)))
        )

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """GET /download/{id} for a new link, and open the link. Raises ResultNotReady after a 409."""
        url = self._download_url("download", process_id)
        with self._downloads.open(url, lambda: self._download_url("download", process_id)) as link:
            yield link

    @property
    def inputs(self) -> TopazInputs:
        """The images that Topaz keeps for 7 days (1.2.0)."""
        return TopazInputs(self._status_entries, self._download_url, self._downloads)

    def _download_url(self, operation: str, process_id: str) -> str:
        response = self._api.call("GET", _path(operation, process_id))
        if response.status_code == httpx.codes.CONFLICT:
            raise ResultNotReady("the provider does not offer the download yet")
        http_client.raise_for_read(response)
        url = parsing.read_object(response).get("download_url")
        if not isinstance(url, str):
            raise ResultNotReady("the provider offered no download link")
        return url

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...] | None:
        """Return the entries of GET /status whose filename begins with the run's handle, oldest first, each process once.

        Return None if the image was sent by link and nothing is found. The vendor does not publish the filename of such an
        entry, so an empty result would prove nothing; `inputs` may tell.
        """
        ours = [
            entry for entry in self._status_entries(since) if str(entry.get("filename", "")).startswith(handle.prefix)
        ]
        # The key is the id, because an entry may appear twice when pages shift while they are read.
        found = {process.process_id: process for process in map(topaz_answers.to_found_process, ours)}
        if send_mode.by_link and not found:
            return None
        return parsing.oldest_first(found.values(), handle)

    def cancel(self, process_id: str) -> bool:
        """DELETE /cancel/{id}. A 204 confirms the cancellation, and a 409 means that it is too late."""
        response = self._api.call("DELETE", _path("cancel", process_id))
        if response.status_code == httpx.codes.CONFLICT:
            return False
        _check_no_content(response)
        return True

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """POST to /estimate-gen for a generative endpoint, and to /estimate for any other endpoint."""
        path, files = _estimate_request(plan, width, height)
        return topaz_answers.to_estimate(parsing.read_object(self._api.read("POST", path, files=files)))

    def estimate_unless_refused(self, plan: Plan, width: int, height: int) -> Estimate | None:
        """Return the estimate, or None if the vendor answers that the request is invalid (400 or 422)."""
        path, files = _estimate_request(plan, width, height)
        response = self._api.call("POST", path, files=files)
        if response.status_code in REFUSING_STATUSES:
            return None
        http_client.raise_for_read(response)
        return topaz_answers.to_estimate(parsing.read_object(response))

    def estimate_many(self, plans: Sequence[tuple[Plan, int, int]]) -> list[Estimate]:
        """POST /estimate-bulk and return one estimate for each plan, in the same order. `plans` holds each plan with the width
        and height of its image. This costs nothing.

        Raises ProviderUnavailable unless the answer has one estimate for each plan.
        """
        requests = [topaz_answers.estimate_fields(plan, width, height) for plan, width, height in plans]
        answer = http_client.read_json(self._api.read("POST", "estimate-bulk", json=requests))
        if (
            not isinstance(answer, list)
            or len(answer) != len(plans)
            or not all(isinstance(one, dict) for one in answer)
        ):
            raise ProviderUnavailable("the provider's estimates do not fit the requests")
        return [topaz_answers.to_estimate(one) for one in answer]

    def forget(self, process_id: str) -> None:
        """DELETE /status/{id}. An unknown id counts as removed."""
        try:
            _check_no_content(self._api.call("DELETE", _path("status", process_id)))
        except ProcessUnknown:
            return

    def check_key(self) -> None:
        """GET /status with a page of one entry. The balance is not asked for, because a key may submit and not read it."""
        page = {"paginated": "true", "limit": "1"}
        topaz_answers.parse_page(http_client.read_json(self._api.read("GET", "status", params=page)))

    def balance(self) -> Balance:
        """GET /account/v1/credits/balance at the base URL's host, without the base URL's path."""
        http_client.check_base_url(NAME, self._api.base_url)
        answer = parsing.read_object(self._api.read("GET", ACCOUNT_PATH, base=http_client.origin(self._api.base_url)))
        numbers = [parsing.read_number(answer.get(f"{name}_credits")) for name in ("available", "reserved", "total")]
        if None in numbers:
            raise ProviderUnavailable("the provider's account names no credits")
        return Balance(*(number for number in numbers if number is not None))

    def _status_entries(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        """Yield every entry of the status list that may have been made at `since` or later. Raises ProviderUnavailable instead of
        ending early, because a process that is missing from the list counts as never accepted."""
        cursor, order = None, NewestFirst(since)
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            page = {"paginated": "true", "limit": str(PAGE_LIMIT)} | ({"cursor": cursor} if cursor else {})
            entries, cursor = topaz_answers.parse_page(
                http_client.read_json(self._api.read("GET", "status", params=page))
            )
            if not all(isinstance(entry, dict) for entry in entries):
                raise ProviderUnavailable("the provider's status list has entries of an unknown shape")
            yield from entries
            is_rest_too_old = order.read_page(map(topaz_answers.read_creation, entries))
            if cursor is None or is_rest_too_old:
                return
            if cursor in seen:
                break
            seen.add(cursor)
        raise ProviderUnavailable("the provider's status list does not end")


def _estimate_request(plan: Plan, width: int, height: int) -> tuple[str, dict[str, tuple[None, str]]]:
    """Return the path and the form of an estimate. A field with the filename None makes the form multipart without a file."""
    endpoint = plan.endpoint.removesuffix("/async")
    path = "estimate-gen" if endpoint.endswith(topaz_answers.GENERATIVE) else "estimate"
    fields = topaz_answers.estimate_fields(plan, width, height)
    return path, {name: (None, value) for name, value in fields.items()}


def _check_no_content(response: httpx.Response) -> None:
    """Raise unless the response is a 204, which is the only published confirmation. A 200 with a gateway's error page must not
    count as a cancellation, because a cancellation releases the reservation."""
    http_client.raise_for_read(response)
    if response.status_code != httpx.codes.NO_CONTENT:
        raise ProviderUnavailable(f"the provider answered {response.status_code} and not 204, so nothing is confirmed")


def _path(operation: str, process_id: str) -> str:
    """Return the path of one process. Raises ProcessUnknown for an empty id or one with dots or slashes, because such a path
    could address the whole list."""
    if not topaz_words.is_process_id(process_id):
        raise ProcessUnknown("the process id does not have the form of this provider's ids")
    return f"{operation}/{process_id}"
