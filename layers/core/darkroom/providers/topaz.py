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
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from darkroom.errors import ErrorCode, OperatorFault, ProcessUnknown, ProviderUnavailable, ResultNotReady, SubmitInDoubt
from darkroom.model import (
    Balance,
    Estimate,
    FoundProcess,
    Handle,
    ImageFormat,
    Plan,
    ProcessState,
    Progress,
    Submission,
)
from darkroom.ports import ImageStream, ResultLink
from darkroom.providers import answers, http
from darkroom.providers.results import Downloads

NAME = "topaz"
LEGACY_KEY_PREFIX = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJtYWNoaW5lX2lkIjoi"  # goes as a Bearer token
ACCOUNT_PATH = "account/v1/credits/balance"
PAGE_LIMIT = 100
MAX_PAGES = 200  # 20,000 entries: more than a week of any account we know; beyond it the list proves nothing

PROCESS_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")  # published: a UUID. Nothing else may stand in a path, see `_path`
ATTEMPT = re.compile(r"[0-9]{1,9}")

STATES: Mapping[str, ProcessState] = {
    "Pending": ProcessState.RUNNING,
    "Processing": ProcessState.RUNNING,
    "Completed": ProcessState.COMPLETED,
    "Cancelled": ProcessState.CANCELLED,
    "Failed": ProcessState.FAILED,
}
FORMATS = {
    "jpeg": ImageFormat.JPEG, "jpg": ImageFormat.JPEG, "png": ImageFormat.PNG, "tiff": ImageFormat.TIFF,
    "tif": ImageFormat.TIFF,
}  # fmt: skip


@dataclass
class Topaz:
    """Fulfils `ports.Provider`. One per container."""

    base_url: str
    keys: http.Keys
    client: httpx.Client
    downloads: Downloads
    name: str = NAME

    def submit(self, plan: Plan, image: ImageStream, handle: Handle) -> Submission:
        """POST `<endpoint>`, the image streamed under an exact Content-Length. Spends money; see `ports.Provider`."""

        def post(key: str) -> httpx.Response:
            body = image.open()  # raises SourceGone before a connection is made
            try:
                exact = http.ExactBody(body, image.size_bytes).as_file()
                request = self.client.build_request(
                    "POST", f"{self.base_url}/{plan.endpoint}", headers=_key_header(key), data=dict(plan.parameters),
                    files={"image": (f"{handle}{image.filename_suffix}", exact, image.content_type)},
                    timeout=http.SUBMIT_TIMEOUT,
                )  # fmt: skip
                return http.exchange(self.client, request, key)
            except Exception as error:  # whatever it was: only a connection never made proves that nothing was sent
                raise http.submit_error(error) from None
            finally:
                body.close()

        response = self._authorised(post)
        http.raise_for_submit(response)
        return self._submission(response)

    def _submission(self, response: httpx.Response) -> Submission:
        try:
            answer = http.read_json(response)
        except ProviderUnavailable:
            answer = {}
        fields = answer if isinstance(answer, dict) else {}
        process_id = fields.get("process_id") or response.headers.get("x-process-id")
        if not _is_process_id(process_id):
            raise SubmitInDoubt("the provider accepted without naming a process id")
        eta = answers.read_moment(fields.get("eta") or response.headers.get("x-eta"))
        return Submission(str(process_id), eta or datetime.now(UTC))

    def progress(self, process_id: str) -> Progress:
        """GET /status/{id}. An unpublished status word counts as running."""
        return _progress(answers.read_object(self._read("GET", _path("status", process_id))))

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """GET /download/{id} for a fresh link, opened. 409 = not yet."""
        response = self._call("GET", _path("download", process_id))
        if response.status_code == httpx.codes.CONFLICT:
            raise ResultNotReady("the provider does not offer the download yet")
        http.raise_for_read(response)
        url = answers.read_object(response).get("download_url")
        if not isinstance(url, str):
            raise ResultNotReady("the provider offered no download link")
        with self.downloads.open(url) as link:
            yield link

    def find(self, handle: Handle) -> tuple[FoundProcess, ...]:
        """Entries of GET /status whose filename begins with the run's handle, oldest first, each process once."""
        ours = [entry for entry in self._listed() if str(entry.get("filename", "")).startswith(handle.prefix)]
        found = {process.process_id: process for process in map(_found, ours)}  # pages may shift while they are read
        return tuple(sorted(found.values(), key=lambda process: _age(process, handle)))

    def cancel(self, process_id: str) -> bool:
        """DELETE /cancel/{id}: 204 confirms, 409 = it can no longer be cancelled."""
        response = self._call("DELETE", _path("cancel", process_id))
        if response.status_code == httpx.codes.CONFLICT:
            return False
        _check_done(response)
        return True

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """POST /estimate or /estimate-gen, by the plan's endpoint. Sharpen has no estimate of its own published."""
        path = "estimate-gen" if plan.endpoint.startswith("enhance-gen") else "estimate"
        fields = {**plan.parameters, "input_width": str(width), "input_height": str(height)}
        # Multipart without a file: each field as a part without filename.
        answer = answers.read_object(
            self._read_of_all("POST", path, files={name: (None, value) for name, value in fields.items()})
        )
        seconds = answers.read_number(answer.get("duration"))
        if seconds is None:
            raise ProviderUnavailable("the provider's estimate names no duration")
        return Estimate(int(seconds), answers.read_number(answer.get("credits")))

    def forget(self, process_id: str) -> None:
        """DELETE /status/{id}; an unknown id is as good as forgotten."""
        try:
            _check_done(self._call("DELETE", _path("status", process_id)))
        except ProcessUnknown:
            return

    def key_fingerprint(self) -> str:
        """Tells keys apart in the ledger."""
        return http.fingerprint(self.keys.get(self.name))

    def refresh_key(self) -> None:
        """Reads the secret again."""
        self.keys.refresh()

    def balance(self) -> Balance:
        """GET /account/v1/credits/balance on the base URL's origin."""
        http.check_base_url(self.name, self.base_url)
        answer = answers.read_object(self._read_of_all("GET", ACCOUNT_PATH, base=http.origin(self.base_url)))
        numbers = [answers.read_number(answer.get(f"{name}_credits")) for name in ("available", "reserved", "total")]
        if None in numbers:
            raise ProviderUnavailable("the provider's account names no credits")
        return Balance(*(number for number in numbers if number is not None))

    def _listed(self) -> Iterator[Mapping[str, Any]]:
        """Every entry, or ProviderUnavailable: an incomplete list would prove a paid submit away."""
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            page = {"paginated": "true", "limit": str(PAGE_LIMIT)} | ({"cursor": cursor} if cursor else {})
            entries, cursor = _page(http.read_json(self._read_of_all("GET", "status", params=page)))
            if not all(isinstance(entry, dict) for entry in entries):
                raise ProviderUnavailable("the provider's status list has entries of an unknown shape")
            yield from entries
            if cursor is None:
                return
            if cursor in seen:
                break
            seen.add(cursor)
        raise ProviderUnavailable("the provider's status list does not end")

    def _read(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = self._call(method, path, **options)
        http.raise_for_read(response)
        return response

    def _read_of_all(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A read that names no process: a 404 there means a wrong base URL, not an unknown process."""
        try:
            return self._read(method, path, **options)
        except ProcessUnknown as wrong:
            raise ProviderUnavailable(f"{wrong}: check the base URL of {self.name}") from None

    def _call(self, method: str, path: str, *, base: str | None = None, **options: Any) -> httpx.Response:
        def call(key: str) -> httpx.Response:
            try:
                url = f"{base or self.base_url}/{path}"
                request = self.client.build_request(method, url, headers=_key_header(key), **options)
                return http.exchange(self.client, request, key)
            except http.CALL_ERRORS as error:
                raise ProviderUnavailable(f"the provider did not answer ({type(error).__name__})") from None

        return self._authorised(call)

    def _authorised(self, call: Callable[[str], httpx.Response]) -> httpx.Response:
        """Makes the call with the key; a 401 re-reads the key once and repeats only if it changed."""
        http.check_base_url(self.name, self.base_url)
        key = self.keys.get(self.name)
        response = call(key) if http.is_sendable(key) else None
        if response is not None and response.status_code != httpx.codes.UNAUTHORIZED:
            return response
        self.keys.refresh()
        fresh = self.keys.get(self.name)
        if not http.is_sendable(fresh):
            what = "a key that no header can carry" if fresh else "no key"
            raise OperatorFault(
                ErrorCode.AUTH_FAILED,
                f"the secret holds {what} for {self.name}: put one in (stack output ApiKeysSecretArn)",
            )
        return call(fresh) if response is None or fresh != key else response


def _key_header(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key.startswith(LEGACY_KEY_PREFIX) else {"X-API-Key": key}


def _check_done(response: httpx.Response) -> None:
    """Only 204 is published as done; a page of some gateway's must not count as a cancellation, which frees money."""
    http.raise_for_read(response)
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
        eta=answers.read_moment(entry.get("eta")),
        credits=answers.read_number(entry.get("credits")),
        output_width=answers.read_side(entry.get("output_width")),
        output_height=answers.read_side(entry.get("output_height")),
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
        eta=answers.read_moment(entry.get("eta")),
        created_at=answers.read_moment(entry.get("creation_time")),
    )


def _age(process: FoundProcess, handle: Handle) -> tuple[datetime, int]:
    """Orders processes of one run: by the vendor's second, then by our attempt."""
    attempt = ATTEMPT.match(process.handle.removeprefix(handle.prefix))
    return process.created_at or datetime.max.replace(tzinfo=UTC), int(attempt[0]) if attempt else 0
