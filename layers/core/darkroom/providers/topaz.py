"""Topaz Labs: the Image API, version 1 (OpenAPI 1.0.0; what 1.2.0 adds is accepted where it answers differently).

Vendor words in, our words out. What this adapter relies on, from the vendor's reference: submits are multipart POSTs
answered with `process_id` and `eta` (Unix seconds, may be wrong both ways); the multipart filename is echoed by the
status list and is our handle; `GET /status/{id}` gives no reason of a failure; links of `/download` live one hour, and
409 there means not yet. It must never call `DELETE /status`, which clears the list of every user of the account.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
    ImageFormat,
    Plan,
    ProcessState,
    Progress,
    SendMode,
    Submission,
)
from darkroom.ports import ImageStream, ResultLink, StageResult
from darkroom.providers import http_client, parsing, synchronous
from darkroom.providers.authenticated_client import bearer
from darkroom.providers.base import Adapter

NAME = "topaz"
LEGACY_KEY_PREFIX = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJtYWNoaW5lX2lkIjoi"  # goes as a Bearer token
ACCOUNT_PATH = "account/v1/credits/balance"
PAGE_LIMIT = 100
MAX_PAGES = 200  # 20,000 entries: more than a week of any account we know; beyond it the list proves nothing

PROCESS_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")  # published: a UUID. Nothing else may stand in a path, see `_path`

STATES: Mapping[str, ProcessState] = {
    "Pending": ProcessState.RUNNING,
    "Processing": ProcessState.RUNNING,
    "Completed": ProcessState.COMPLETED,
    "Cancelled": ProcessState.CANCELLED,
    "Failed": ProcessState.FAILED,
}
GONE = frozenset({httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.GONE})
FORMATS = {
    "jpeg": ImageFormat.JPEG, "jpg": ImageFormat.JPEG, "png": ImageFormat.PNG, "tiff": ImageFormat.TIFF,
    "tif": ImageFormat.TIFF,
}  # fmt: skip


class Topaz(Adapter):
    """Fulfils `ports.Provider`. One per container."""

    name = NAME
    deletes_entries = True  # DELETE /status/{id} and DELETE /status, 1.0.0: by anybody with a key of the account

    @staticmethod
    def key_header(key: str) -> dict[str, str]:
        """X-API-Key; legacy keys go as Bearer tokens."""
        return bearer(key) if key.startswith(LEGACY_KEY_PREFIX) else {"X-API-Key": key}

    def submit(self, plan: Plan, image: ImageStream, handle: Handle, keep: StageResult) -> Submission:
        """POST `<endpoint>`: the image streamed under an exact Content-Length, or a link to it. Spends money; see
        `ports.Provider`. The synchronous endpoint answers with the picture, which is kept as it comes. Where it is gone
        (1.2.0 has none) nothing was accepted: the same is sent to the queue."""
        if plan.send_mode.is_synchronous:
            answer = self._post(plan, image, handle, synchronous.start, http_client.HELD_TIMEOUT)
            if answer.status_code not in GONE or plan.queue_endpoint is None:
                return self._held(answer, keep)
            plan = replace(plan, endpoint=plan.queue_endpoint)
        response = self._post(plan, image, handle, http_client.exchange, http_client.SUBMIT_TIMEOUT)
        http_client.raise_for_submit(response)
        return self._submission(response)

    def _post(
        self,
        plan: Plan,
        image: ImageStream,
        handle: Handle,
        send: Callable[..., httpx.Response],
        timeout: httpx.Timeout,
    ) -> httpx.Response:
        def post(key: str) -> httpx.Response:
            # Multipart throughout: without a file each field is a part without filename.
            fields: list[tuple[str, Any]] = [(name, (None, value)) for name, value in plan.parameters.items()]
            # Either raises before a connection is made: SourceGone, NothingSent.
            link, body = (image.link(), None) if plan.send_mode.by_link else (None, image.open())
            try:
                if body is None:
                    fields.append(("source_url", (None, link)))
                else:
                    exact = http_client.ExactBody(body, image.size_bytes).as_file()
                    fields.append(("image", (f"{handle}{image.filename_suffix}", exact, image.content_type)))
                request = self._calls.client.build_request(
                    "POST",
                    f"{self._calls.base_url}/{plan.endpoint}",
                    headers=self.key_header(key),
                    files=fields,
                    timeout=timeout,
                )
                return send(self._calls.client, request, key)
            except Exception as error:  # whatever it was: only a connection never made proves that nothing was sent
                raise http_client.submit_error(error) from None
            finally:
                if body is not None:
                    body.close()

        return self._calls.authorised(post)

    def _held(self, answer: httpx.Response, keep: StageResult) -> Submission:
        """POST /enhance. A picture that breaks off, or anything that is none (`image/…` is published), is not kept and can
        still be fetched as any other's: its process id came first."""
        with synchronous.opened(answer) as response:
            http_client.raise_for_submit(response)
            process_id = response.headers.get("x-process-id")
            if not _is_process_id(process_id):
                raise SubmitInDoubt("the provider accepted without naming a process id")
            is_picture = response.headers.get("content-type", "").lower().startswith("image/")
            kept = is_picture and synchronous.kept(keep, process_id, synchronous.body(response))
        return Submission(process_id, datetime.now(UTC), staged=kept)

    def _submission(self, response: httpx.Response) -> Submission:
        try:
            answer = http_client.read_json(response)
        except ProviderUnavailable:
            answer = {}
        fields = answer if isinstance(answer, dict) else {}
        process_id = fields.get("process_id") or response.headers.get("x-process-id")
        if not _is_process_id(process_id):
            raise SubmitInDoubt("the provider accepted without naming a process id")
        eta = parsing.read_moment(fields.get("eta") or response.headers.get("x-eta"))
        return Submission(str(process_id), eta or datetime.now(UTC))

    def progress(self, process_id: str) -> Progress:
        """GET /status/{id}. An unpublished status word counts as running."""
        return _progress(parsing.read_object(self._calls.read("GET", _path("status", process_id))))

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """GET /download/{id} for a fresh link, opened. 409 = not yet."""
        url = self._minted(process_id)
        with self._downloads.open(url, lambda: self._minted(process_id)) as link:
            yield link

    def _minted(self, process_id: str) -> str:
        response = self._calls.ask("GET", _path("download", process_id))
        if response.status_code == httpx.codes.CONFLICT:
            raise ResultNotReady("the provider does not offer the download yet")
        http_client.raise_for_read(response)
        url = parsing.read_object(response).get("download_url")
        if not isinstance(url, str):
            raise ResultNotReady("the provider offered no download link")
        return url

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...] | None:
        """Entries of GET /status whose filename begins with the run's handle, oldest first, each process once.

        What it names a source_url by is not published: absence proves nothing then.
        """
        ours = [entry for entry in self._listed() if str(entry.get("filename", "")).startswith(handle.prefix)]
        found = {process.process_id: process for process in map(_found, ours)}  # pages may shift while they are read
        if send_mode.by_link and not found:
            return None
        return parsing.oldest_first(found.values(), handle)

    def cancel(self, process_id: str) -> bool:
        """DELETE /cancel/{id}: 204 confirms, 409 = it can no longer be cancelled."""
        response = self._calls.ask("DELETE", _path("cancel", process_id))
        if response.status_code == httpx.codes.CONFLICT:
            return False
        _check_done(response)
        return True

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """POST /estimate or /estimate-gen, by the plan's endpoint. Sharpen has no estimate of its own published."""
        path = "estimate-gen" if plan.endpoint.startswith("enhance-gen") else "estimate"
        fields = {**plan.parameters, "input_width": str(width), "input_height": str(height)}
        # Multipart without a file: each field as a part without filename.
        answer = parsing.read_object(
            self._calls.read_of_all("POST", path, files={name: (None, value) for name, value in fields.items()})
        )
        seconds = parsing.read_number(answer.get("duration"))
        if seconds is None:
            raise ProviderUnavailable("the provider's estimate names no duration")
        return Estimate(int(seconds), parsing.read_number(answer.get("credits")))

    def forget(self, process_id: str) -> None:
        """DELETE /status/{id}; an unknown id is as good as forgotten."""
        try:
            _check_done(self._calls.ask("DELETE", _path("status", process_id)))
        except ProcessUnknown:
            return

    def balance(self) -> Balance:
        """GET /account/v1/credits/balance on the base URL's origin."""
        http_client.check_base_url(NAME, self._calls.base_url)
        answer = parsing.read_object(
            self._calls.read_of_all("GET", ACCOUNT_PATH, base=http_client.origin(self._calls.base_url))
        )
        numbers = [parsing.read_number(answer.get(f"{name}_credits")) for name in ("available", "reserved", "total")]
        if None in numbers:
            raise ProviderUnavailable("the provider's account names no credits")
        return Balance(*(number for number in numbers if number is not None))

    def _listed(self) -> Iterator[Mapping[str, Any]]:
        """Every entry, or ProviderUnavailable: an incomplete list would prove a paid submit away."""
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            page = {"paginated": "true", "limit": str(PAGE_LIMIT)} | ({"cursor": cursor} if cursor else {})
            entries, cursor = _page(http_client.read_json(self._calls.read_of_all("GET", "status", params=page)))
            if not all(isinstance(entry, dict) for entry in entries):
                raise ProviderUnavailable("the provider's status list has entries of an unknown shape")
            yield from entries
            if cursor is None:
                return
            if cursor in seen:
                break
            seen.add(cursor)
        raise ProviderUnavailable("the provider's status list does not end")


def _check_done(response: httpx.Response) -> None:
    """Only 204 is published as done; a page of some gateway's must not count as a cancellation, which frees money."""
    http_client.raise_for_read(response)
    if response.status_code != httpx.codes.NO_CONTENT:
        raise ProviderUnavailable(f"the provider answered {response.status_code} where only 204 confirms")


def _is_process_id(value: object) -> bool:
    return isinstance(value, str) and PROCESS_ID.fullmatch(value) is not None


def _path(operation: str, process_id: str) -> str:
    """The path of one process. An empty id, or one with dots or slashes, would address the whole list: refused."""
    if not _is_process_id(process_id):
        raise ProcessUnknown("that is no process id of this provider")
    return f"{operation}/{process_id}"


def _page(body: object) -> tuple[list[Any], str | None]:
    """The entries and the next cursor, from a bare array (1.0.0) or `{data, pagination}` (1.2.0)."""
    match body:
        case list():
            return body, None
        case {"data": list(entries), **rest}:
            pagination = rest.get("pagination")
            pages = pagination if isinstance(pagination, dict) else {}
            cursor = pages.get("next_cursor")
            if pages.get("has_next_page") and not cursor:
                raise ProviderUnavailable("the provider's status list goes on but does not say where")
            return entries, str(cursor) if cursor else None
        case _:
            raise ProviderUnavailable("the provider's status list has an unknown shape")


def _progress(entry: Mapping[str, Any]) -> Progress:
    word = str(entry.get("status", ""))
    return Progress(
        state=STATES.get(word, ProcessState.RUNNING),
        eta=parsing.read_moment(entry.get("eta")),
        credits=parsing.read_number(entry.get("credits")),
        output_width=parsing.read_side(entry.get("output_width")),
        output_height=parsing.read_side(entry.get("output_height")),
        output_format=FORMATS.get(str(entry.get("output_format", "")).lower()),
        vendor_word=word[:40],
    )


def _found(entry: Mapping[str, Any]) -> FoundProcess:
    process_id = entry.get("process_id")
    if not _is_process_id(process_id):
        raise ProviderUnavailable("the provider's status list shows our process without its id")
    return FoundProcess(
        process_id=str(process_id),
        handle=str(entry.get("filename", "")),
        state=_progress(entry).state,
        eta=parsing.read_moment(entry.get("eta")),
        created_at=parsing.read_moment(entry.get("creation_time")),
    )
