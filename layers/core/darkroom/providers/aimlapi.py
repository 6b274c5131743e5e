"""AI/ML API: Topaz Labs' sharpening models behind one synchronous call.

Vendor words in, our words out. What this adapter relies on, from docs.aimlapi.com (Sharpen Generative, request tracing and
usage logs pages, 2026-11): POST /v1/images/generations answers with the result, as a presigned URL or base64; the header
X-Client-Request-Id (1–128 of `A-Za-z0-9._:-`) is correlation only and stands in the request log, which shows one row for
each ended request, failed ones at no cost, with what they cost but without their result; 403 means that the account has no
credits. assumed: requests that were refused are among the failed ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from darkroom.errors import ProcessUnknown, ProviderUnavailable, ResultNotReady
from darkroom.model import Balance, FoundProcess, Handle, Plan, ProcessState, Progress, SendMode, Submission
from darkroom.ports import ImageStream, ResultLink, StageResult
from darkroom.providers import http_client, parsing, payloads, synchronous
from darkroom.providers.base import Adapter

NAME = "aimlapi"
CREDITS_PER_USD = 2_000_000
CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
CREDITS_HEADER = "x-aimlapi-credits-used"
USD_HEADER = "x-aimlapi-usd-spent"
PAGE_LIMIT = 100
MAX_PAGES = 100  # half of the 200 requests a minute that the log allows
CLOCKS_DIFFER = timedelta(minutes=2)
LOOKED_BACK = timedelta(days=7)  # past any job's deadline

STATES: Mapping[str, ProcessState] = {
    "succeeded": ProcessState.EXPIRED,  # its answer had the result, and nothing else has
    "failed": ProcessState.FAILED,
}


class Aimlapi(Adapter):
    """Fulfils `ports.Provider`. One per container. A process id is the client request id, which is our handle."""

    name = NAME
    usual_seconds = 60  # assumed: not published
    of_funds = http_client.FUNDS_STATUS | {httpx.codes.FORBIDDEN}

    def submit(self, plan: Plan, image: ImageStream, handle: Handle, keep: StageResult) -> Submission:
        """POST, held until the result has come and is kept. Spends money; see `ports.Provider`."""
        began = self._downloads.clock()
        body = {**payloads.json_fields(plan), "image_url": image.link()}
        named = {"X-Client-Request-Id": str(handle)}
        answer = self._calls.pay(
            plan.endpoint, body, headers=named, timeout=http_client.HELD_TIMEOUT, send=synchronous.start
        )
        with synchronous.opened(answer) as response:
            http_client.raise_for_submit(response, self.of_funds)
            told = synchronous.take(response, self._downloads, keep, str(handle), "data", began)
        return Submission(str(handle), datetime.now(UTC), _credits(told, response), staged=True)

    def progress(self, process_id: str) -> Progress:
        """What the request log says of it: it lists what has ended. A refused request of that name counts only alone."""
        _check(process_id)
        failed: Progress | None = None
        for row in self._logged(datetime.now(UTC) - LOOKED_BACK):
            if row.get("client_request_id") == process_id:
                word = str(row.get("status", ""))
                state = STATES.get(word, ProcessState.RUNNING)
                progress = Progress(state, credits=_cost(row), vendor_word=word[:40])
                if state is not ProcessState.FAILED:
                    return progress
                failed = progress
        if failed is None:
            raise ProcessUnknown("the provider's request log does not show it")
        return failed

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """Never: the answer to the call had the only link. Raises ResultNotReady, ProcessUnknown."""
        self.progress(process_id)
        raise ResultNotReady("the provider gives a result once, in its answer")
        yield

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...]:
        """Requests of the run that the log shows, oldest first; refused attempts are among them, as failed."""
        found: dict[str, FoundProcess] = {}
        for row in self._logged(since - CLOCKS_DIFFER):
            if _is_of(row, handle):
                process = _found(row)
                # Once for each name: pages may shift while they are read, and one of two calls with a key that was read
                # anew was refused.
                known = found.get(process.process_id, process)
                found[process.process_id] = process if known.state is ProcessState.FAILED else known
        return tuple(reversed(found.values()))

    def cancel(self, process_id: str) -> bool:
        """Never: what the log shows has ended."""
        self.progress(process_id)
        return False

    def balance(self) -> Balance:
        """GET /v2/billing, which counts in dollars. What calls under way hold is taken to be gone from it (assumed)."""
        dollars = parsing.read_number(
            parsing.read_object(self._calls.read_of_all("GET", "v2/billing")).get("current_balance")
        )
        if dollars is None:
            raise ProviderUnavailable("the provider's account names no balance")
        credits = dollars * CREDITS_PER_USD
        return Balance(available=credits, reserved=Decimal(0), total=credits)

    def _logged(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        """Every row of the log since then, newest first, or ProviderUnavailable: half a log would prove a payment away. It
        ends where the vendor says so, or with an empty page where it says nothing."""
        window = {"start": _stamp(since), "end": _stamp(datetime.now(UTC) + CLOCKS_DIFFER)}
        offset = 0
        for _ in range(MAX_PAGES):
            page = {**window, "limit": str(PAGE_LIMIT), "offset": str(offset)}
            answer = parsing.read_object(self._calls.read_of_all("GET", "v2/logs", params=page))
            rows, pages = answer.get("data"), answer.get("pagination")
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise ProviderUnavailable("the provider's request log has an unknown shape")
            yield from rows
            more = pages.get("has_more") if isinstance(pages, dict) else None
            if not (rows if more is None else more):
                return
            offset += len(rows) or PAGE_LIMIT  # a page may hold fewer than were asked for
        raise ProviderUnavailable("the provider's request log does not end")


def _credits(told: Mapping[str, Any], response: httpx.Response) -> Decimal | None:
    """What the answer says was charged: `credits_used`, its older name `tokens_used`, the headers, or `usd_spent`."""
    meta = told.get("meta")
    usage = meta.get("usage") if isinstance(meta, dict) else None
    said: Mapping[str, Any] = usage if isinstance(usage, dict) else {}
    credits = _first(said.get("credits_used"), said.get("tokens_used"), response.headers.get(CREDITS_HEADER))
    return credits if credits is not None else _in_credits(response.headers.get(USD_HEADER), said.get("usd_spent"))


def _first(*said: object) -> Decimal | None:
    return next((amount for amount in map(parsing.read_amount, said) if amount is not None), None)


def _in_credits(*dollars: object) -> Decimal | None:
    amount = _first(*dollars)
    return None if amount is None else parsing.read_amount(str(amount * CREDITS_PER_USD))


def _is_of(row: Mapping[str, Any], handle: Handle) -> bool:
    return str(row.get("client_request_id") or "").startswith(handle.prefix)


def _found(row: Mapping[str, Any]) -> FoundProcess:
    name = str(row.get("client_request_id"))
    state = STATES.get(str(row.get("status", "")), ProcessState.RUNNING)
    return FoundProcess(name, name, state, None, parsing.read_iso(row.get("created")), _cost(row))


def _cost(row: Mapping[str, Any]) -> Decimal | None:
    cost = row.get("cost")
    if not isinstance(cost, dict):
        return None
    credits = _first(cost.get("credits"))
    return credits if credits is not None else _in_credits(cost.get("usd"))


def _check(process_id: str) -> None:
    if not CLIENT_ID.fullmatch(process_id):
        raise ProcessUnknown("that is no client request id")


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
