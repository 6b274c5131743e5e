"""Topaz Labs: the Image API, version 1 (OpenAPI 1.0.0; what 1.2.0 adds is accepted where it answers differently).

Vendor words in, our words out. What this adapter relies on, from the vendor's reference: submits are multipart POSTs
answered with `process_id` and `eta` (Unix seconds, may be wrong both ways); the multipart filename is echoed by the status
list and is our handle; `GET /status/{id}` gives no reason of a failure; links of `/download` live one hour, and 409 there
means not yet. It must never call `DELETE /status`, which clears the list of every user of the account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO, Any

import httpx

from darkroom.errors import ErrorCode, OperatorFault, ProcessUnknown, ProviderUnavailable, ResultNotReady, SubmitInDoubt
from darkroom.model import Estimate, FoundProcess, Handle, ImageFormat, Plan, ProcessState, Progress, Submission
from darkroom.ports import ImageStream, ResultLink
from darkroom.providers import http
from darkroom.providers.results import Downloads

NAME = "topaz"
LEGACY_KEY_PREFIX = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJtYWNoaW5lX2lkIjoi"  # goes as a Bearer token
PAGE_LIMIT = 100
MAX_PAGES = 200  # 20,000 entries: more than a week of any account we know; beyond it the list proves nothing

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
    """Fulfils `ports.Provider`. One per container; `client` keeps connections for reads."""

    base_url: str
    keys: http.Keys
    client: httpx.Client
    downloads: Downloads
    name: str = NAME

    def submit(self, plan: Plan, image: ImageStream, handle: Handle) -> Submission:
        """POST `<endpoint>` with the image streamed under an exact Content-Length. Spends money; see `ports.Provider`."""

        def post(headers: dict[str, str]) -> httpx.Response:
            body: IO[bytes] = image.open()  # raises SourceGone before a connection is made
            try:
                files = {"image": (f"{handle}{image.filename_suffix}", body, image.content_type)}
                return self.client.post(
                    f"{self.base_url}/{plan.endpoint}", data=dict(plan.parameters), files=files,
                    # A kept-alive connection that the vendor has just closed would look like a lost answer.
                    headers={**headers, "Connection": "close"}, timeout=http.SUBMIT_TIMEOUT,
                )  # fmt: skip
            except (httpx.HTTPError, OSError) as error:
                raise http.submit_error(error) from None
            finally:
                body.close()

        response = self._authorised(post)
        http.raise_for_submit(response)
        return self._submission(response)

    def _submission(self, response: httpx.Response) -> Submission:
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        fields = answer if isinstance(answer, dict) else {}
        process_id = fields.get("process_id") or response.headers.get("x-process-id")
        if not isinstance(process_id, str) or not process_id:
            raise SubmitInDoubt("the provider accepted without naming a process id")
        eta = _moment(fields.get("eta") or response.headers.get("x-eta"))
        return Submission(process_id, eta or datetime.now(UTC))

    def progress(self, process_id: str) -> Progress:
        """GET /status/{id}. An unpublished status word counts as running."""
        return _progress(_object(self._read("GET", f"status/{process_id}")))

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """GET /download/{id} for a fresh link, opened. 409 = not yet."""
        response = self._call("GET", f"download/{process_id}")
        if response.status_code == httpx.codes.CONFLICT:
            raise ResultNotReady("the provider does not offer the download yet")
        http.raise_for_read(response)
        url = _object(response).get("download_url")
        if not isinstance(url, str):
            raise ResultNotReady("the provider offered no download link")
        with self.downloads.open(url) as link:
            yield link

    def find(self, handle: Handle) -> tuple[FoundProcess, ...]:
        """Entries of GET /status whose filename begins with the run's handle, oldest first."""
        found = [_found(entry) for entry in self._listed() if str(entry.get("filename", "")).startswith(handle.prefix)]
        return tuple(sorted(found, key=lambda f: f.created_at or datetime.max.replace(tzinfo=UTC)))

    def cancel(self, process_id: str) -> bool:
        """DELETE /cancel/{id}: 204 confirms, 409 = it can no longer be cancelled."""
        response = self._call("DELETE", f"cancel/{process_id}")
        if response.status_code == httpx.codes.CONFLICT:
            return False
        http.raise_for_read(response)
        return True

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """POST /estimate or /estimate-gen, by the plan's endpoint. Sharpen has no estimate of its own published."""
        path = "estimate-gen" if plan.endpoint.startswith("enhance-gen") else "estimate"
        fields = {**plan.parameters, "input_width": str(width), "input_height": str(height)}
        # Multipart without a file: each field as a part without filename.
        answer = _object(self._read("POST", path, files={name: (None, value) for name, value in fields.items()}))
        credits = answer.get("credits")
        return Estimate(int(answer["duration"]), None if credits is None else Decimal(str(credits)))

    def forget(self, process_id: str) -> None:
        """DELETE /status/{id}; an unknown id is as good as forgotten."""
        try:
            self._read("DELETE", f"status/{process_id}")
        except ProcessUnknown:
            return

    def key_fingerprint(self) -> str:
        """Tells keys apart in the ledger."""
        return http.fingerprint(self.keys.get(self.name))

    def _listed(self) -> Iterator[Mapping[str, Any]]:
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = {"paginated": "true", "limit": str(PAGE_LIMIT)} | ({"cursor": cursor} if cursor else {})
            body = http.read_json(self._read("GET", "status", params=page))
            entries, cursor = _page(body)
            yield from (entry for entry in entries if isinstance(entry, dict))
            if not cursor:
                return
        raise ProviderUnavailable("the provider's status list does not end")

    def _read(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = self._call(method, path, **options)
        http.raise_for_read(response)
        return response

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        def call(headers: dict[str, str]) -> httpx.Response:
            try:
                return self.client.request(method, f"{self.base_url}/{path}", headers=headers, **options)
            except httpx.HTTPError as error:
                raise ProviderUnavailable(f"the provider did not answer ({type(error).__name__})") from None

        return self._authorised(call)

    def _authorised(self, call: Callable[[dict[str, str]], httpx.Response]) -> httpx.Response:
        """Makes the call with the key; a 401 re-reads the key once and repeats only if it changed."""
        http.check_base_url(self.name, self.base_url)
        key = self.keys.get(self.name)
        response = call(self._key_header(key)) if key else None
        if response is not None and response.status_code != httpx.codes.UNAUTHORIZED:
            return response
        self.keys.refresh()
        fresh = self.keys.get(self.name)
        if not fresh:
            raise OperatorFault(
                ErrorCode.AUTH_FAILED, f"the secret holds no key for {self.name}: put one in (stack output ApiKeysSecretArn)"
            )
        return call(self._key_header(fresh)) if response is None or fresh != key else response

    def _key_header(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"} if key.startswith(LEGACY_KEY_PREFIX) else {"X-API-Key": key}


def _object(response: httpx.Response) -> dict[str, Any]:
    body = http.read_json(response)
    if not isinstance(body, dict):
        raise ProviderUnavailable("the provider answered JSON of an unknown shape")
    return body


def _page(body: object) -> tuple[list[Any], str | None]:
    """The entries and the next cursor, from a bare array (1.0.0) or `{data, pagination}` (1.2.0)."""
    match body:
        case list():
            return body, None
        case {"data": list(entries), **rest}:
            pagination = rest.get("pagination")
            pages = pagination if isinstance(pagination, dict) else {}
            more = pages.get("next_cursor") or pages.get("nextCursor") or pages.get("cursor")
            return entries, str(more) if more and entries else None
        case _:
            raise ProviderUnavailable("the provider's status list has an unknown shape")


def _progress(entry: Mapping[str, Any]) -> Progress:
    word = str(entry.get("status", ""))
    credits = entry.get("credits")
    return Progress(
        state=STATES.get(word, ProcessState.RUNNING),
        eta=_moment(entry.get("eta")),
        credits=Decimal(str(credits)) if isinstance(credits, int | float) and not isinstance(credits, bool) else None,
        output_width=_side(entry.get("output_width")),
        output_height=_side(entry.get("output_height")),
        output_format=FORMATS.get(str(entry.get("output_format", "")).lower()),
        vendor_word=word[:40],
    )


def _found(entry: Mapping[str, Any]) -> FoundProcess:
    return FoundProcess(
        process_id=str(entry.get("process_id", "")),
        handle=str(entry.get("filename", "")),
        state=_progress(entry).state,
        eta=_moment(entry.get("eta")),
        created_at=_moment(entry.get("creation_time")),
    )


def _side(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _moment(value: object) -> datetime | None:
    """Unix seconds as the vendor writes them; None for anything else."""
    try:
        return datetime.fromtimestamp(float(value), UTC)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return None
