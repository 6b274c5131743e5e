"""The adapter for AI/ML API, which offers Topaz Labs' sharpening models through one synchronous call.

It relies on these facts from docs.aimlapi.com (Sharpen Generative, request tracing and usage logs pages, 2026-11):

- POST /v1/images/generations answers with the result, as a presigned URL or as base64.
- The header X-Client-Request-Id (1–128 of `A-Za-z0-9._:-`) is for correlation only; the request log shows it.
- The request log has one row for each request that has ended. The row has the cost but not the result. Failed requests cost
  nothing. assumed: the log lists refused requests as failed.
- 403 means that the account has no credits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from darkroom.errors import ProcessUnknown, ProviderUnavailable, ResultNotReady
from darkroom.model import Balance, FoundProcess, Handle, Plan, ProcessState, Progress, SendMode, Submission
from darkroom.ports import ImageStream, ResultLink, StageResult
from darkroom.providers import http_client, parsing, synchronous
from darkroom.providers.adapter_base import Adapter
from darkroom.providers.json_fields import json_fields
from darkroom.providers.newest_first import SLACK

NAME = "aimlapi"
CREDITS_PER_USD = 2_000_000
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
CREDITS_HEADER = "x-aimlapi-credits-used"
USD_HEADER = "x-aimlapi-usd-spent"
PAGE_LIMIT = 100
MAX_PAGES = 100  # half of the 200 requests a minute that the log allows
LOG_WINDOW = timedelta(days=7)  # longer than any job's deadline

STATES: Mapping[str, ProcessState] = {
    "succeeded": ProcessState.EXPIRED,  # the result came only in the response to the call
    "failed": ProcessState.FAILED,
}


class Aimlapi(Adapter):
    """Calls AI/ML API; implements `ports.Provider`. A process id is the X-Client-Request-Id, which is our handle."""

    name = NAME
    usual_seconds = 60  # assumed, because the vendor publishes no time
    out_of_funds = http_client.OUT_OF_FUNDS_STATUSES | {httpx.codes.FORBIDDEN}

    def submit(
        self,
        plan: Plan,
        image: ImageStream,
        handle: Handle,
        stage_result: StageResult,
        callback_url: str | None = None,
    ) -> Submission:
        """POST with a link to the image, wait for the result and stage it. Spends money; see `ports.Provider`."""
        started_at = self._downloads.clock()
        request = {**json_fields(plan), "image_url": image.link()}
        headers = {"X-Client-Request-Id": str(handle)}
        answer = self._api.post_paid(
            plan.endpoint,
            request,
            headers=headers,
            timeout=http_client.SYNCHRONOUS_TIMEOUT,
            send=synchronous.send_unread,
        )
        with closing(answer) as response:
            self._api.check_submit(response)
            body = synchronous.stage_from_json(response, self._downloads, stage_result, str(handle), "data", started_at)
        return Submission(str(handle), datetime.now(UTC), _credits_in(body, response), staged=True)

    def progress(self, process_id: str) -> Progress:
        """Return the state of a request from the log, which lists only requests that have ended. If several rows have that id,
        one that did not fail counts. Raises ProcessUnknown."""
        _check_process_id(process_id)
        failed: Progress | None = None
        for row in self._log_rows(datetime.now(UTC) - LOG_WINDOW):
            if row.get("client_request_id") == process_id:
                word = str(row.get("status", ""))
                state = STATES.get(word, ProcessState.RUNNING)
                progress = Progress(state, credits=_charged_credits(row), vendor_word=word[:40])
                if state is not ProcessState.FAILED:
                    return progress
                failed = progress
        if failed is None:
            raise ProcessUnknown("the provider's request log does not show the request")
        return failed

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """Raise ResultNotReady, because only the response to the call contained the result. Raises ProcessUnknown if the log
        does not show the request."""
        self.progress(process_id)
        raise ResultNotReady("the provider gives a result only in its answer to the submit")
        yield

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...]:
        """Return the run's requests from the log, oldest first. Refused requests are included as failed."""
        found: dict[str, FoundProcess] = {}
        for row in self._log_rows(since - SLACK):
            if _belongs_to(row, handle):
                process = _to_found_process(row)
                # One id may appear twice, because pages shift while they are read, and because a call that got a 401 is repeated
                # with a new key. The row that did not fail counts.
                known = found.get(process.process_id, process)
                found[process.process_id] = process if known.state is ProcessState.FAILED else known
        return tuple(reversed(found.values()))

    def offered(self) -> frozenset[str]:
        """GET /models and return the names of all models. The response is an array, or an object with the array in `data`.
        Raises ProviderUnavailable."""
        answer = http_client.read_json(self._api.read("GET", "models"))
        entries = answer.get("data") if isinstance(answer, dict) else answer
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ProviderUnavailable("the provider's list of models has an unknown shape")
        return frozenset(str(entry.get("id")) for entry in entries)

    def cancel(self, process_id: str) -> bool:
        """Return False, because every request in the log has ended. Raises ProcessUnknown for any other request."""
        self.progress(process_id)
        return False

    def check_key(self) -> None:
        """GET /v2/logs with a page of one row. The list of models is public and shows nothing about a key."""
        now = datetime.now(UTC)
        page = {"start": _format_time(now - SLACK), "end": _format_time(now), "limit": "1", "offset": "0"}
        parsing.read_object(self._api.read("GET", "v2/logs", params=page))

    def balance(self) -> Balance:
        """GET /v2/billing and return its dollars as credits. assumed: the cost of running calls is already deducted."""
        dollars = parsing.read_number(parsing.read_object(self._api.read("GET", "v2/billing")).get("current_balance"))
        if dollars is None:
            raise ProviderUnavailable("the provider's account names no balance")
        credits = dollars * CREDITS_PER_USD
        return Balance(available=credits, reserved=Decimal(0), total=credits)

    def _log_rows(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        """Yield every row of the log since `since`, newest first.

        The last page is the one whose `has_more` is false, or an empty page if pages have no `has_more`. Raises
        ProviderUnavailable instead of ending early, because a request that is missing from the log counts as never made.
        """
        window = {"start": _format_time(since), "end": _format_time(datetime.now(UTC) + SLACK)}
        offset = 0
        for _ in range(MAX_PAGES):
            page = {**window, "limit": str(PAGE_LIMIT), "offset": str(offset)}
            answer = parsing.read_object(self._api.read("GET", "v2/logs", params=page))
            rows, pages = answer.get("data"), answer.get("pagination")
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise ProviderUnavailable("the provider's request log has an unknown shape")
            yield from rows
            more = pages.get("has_more") if isinstance(pages, dict) else None
            if not (rows if more is None else more):
                return
            offset += len(rows) or PAGE_LIMIT  # a page may have fewer rows than requested
        raise ProviderUnavailable("the provider's request log does not end")


def _credits_in(body: Mapping[str, Any], response: httpx.Response) -> Decimal | None:
    """Return the cost in credits that the response names. It is in `credits_used`, in `tokens_used` (the older name), in a
    header, or in dollars."""
    meta = body.get("meta")
    usage = meta.get("usage") if isinstance(meta, dict) else None
    fields: Mapping[str, Any] = usage if isinstance(usage, dict) else {}
    credits = _first_amount(fields.get("credits_used"), fields.get("tokens_used"), response.headers.get(CREDITS_HEADER))
    return (
        credits
        if credits is not None
        else _dollars_to_credits(response.headers.get(USD_HEADER), fields.get("usd_spent"))
    )


def _first_amount(*values: object) -> Decimal | None:
    return next((amount for amount in map(parsing.read_amount, values) if amount is not None), None)


def _dollars_to_credits(*dollars: object) -> Decimal | None:
    amount = _first_amount(*dollars)
    return None if amount is None else parsing.read_amount(str(amount * CREDITS_PER_USD))


def _belongs_to(row: Mapping[str, Any], handle: Handle) -> bool:
    return str(row.get("client_request_id") or "").startswith(handle.prefix)


def _to_found_process(row: Mapping[str, Any]) -> FoundProcess:
    name = str(row.get("client_request_id"))
    state = STATES.get(str(row.get("status", "")), ProcessState.RUNNING)
    return FoundProcess(name, name, state, None, parsing.read_iso_time(row.get("created")), _charged_credits(row))


def _charged_credits(row: Mapping[str, Any]) -> Decimal | None:
    cost = row.get("cost")
    if not isinstance(cost, dict):
        return None
    credits = _first_amount(cost.get("credits"))
    return credits if credits is not None else _dollars_to_credits(cost.get("usd"))


def _check_process_id(process_id: str) -> None:
    if not REQUEST_ID.fullmatch(process_id):
        raise ProcessUnknown("the process id is not a client request id")


def _format_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
