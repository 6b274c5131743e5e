"""Return the JSON forms of a generation: a row of the queue, a row of the history, and an event.

Nothing here changes a generation. Each answer contains a new link to the result.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from yarl import URL

from darkroom_local.simulators.framework.presigned_links import PresignedUrls
from darkroom_local.simulators.oxen.generations import Job
from darkroom_local.simulators.oxen.published_facts import (
    INPUT,
    MEDIA_TYPE,
    NAMESPACE,
    SUCCEEDED,
    UNITS_PER_USD,
    UNKNOWN_STATUS,
)

FILE_PATH = "/api/repos/{namespace}/generations/file/main/{name}"


class ResultUrls:
    """Makes the URLs of results. They are presigned links, or URLs under the API's host that need the key."""

    def __init__(self, links: PresignedUrls, *, wants_key: bool, host: str | None) -> None:
        """Keep the settings. `host` replaces the host in presigned links, but not the port. None changes nothing."""
        self._links = links
        self._wants_key = wants_key
        self._host = host

    def result(self, origin: URL, job: Job) -> str | None:
        """Return the result's URL as the vendor gives it, or None as long as there is no result."""
        if job.file is None or job.status != SUCCEEDED:
            return None
        name = job.file.path.name
        if self._wants_key:
            return str(origin) + FILE_PATH.format(namespace=job.request.targets["target_namespace"], name=name)
        return self.presigned(origin, name)

    def presigned(self, origin: URL, name: str) -> str:
        """Return a link to the result file `name` that works without a key for a limited time."""
        store = origin.with_host(self._host) if self._host else origin
        return self._links.create(str(store), "GET", name, self._links.expiry())


def queue_row(
    job: Job, result_url: str | None, *, echo: bool, unknown_status: bool = False, null_input: bool = False
) -> dict[str, Any]:
    """Return a row of the queue.

    With `echo`, the row also contains the parameters that were submitted. With `null_input`, the input among them is null.
    """
    unknown_status = unknown_status or (job.misbehaviour.unknown_status and job.is_active)
    published = {
        "generation_id": job.generation_id,
        "model_name": job.request.model,
        "media_type": MEDIA_TYPE,
        "status": UNKNOWN_STATUS if unknown_status else job.status,
        "result_url": result_url,
        "error_message": job.error_message,
        "enqueued_at": int(job.enqueued),
        "started_at": _second(job.started),
        "completed_at": _second(job.completed),
        **job.request.targets,
    }
    given = {**job.request.params, INPUT: None} if null_input else job.request.params
    return {"prompt": None, **given, **published} if echo else published


def history_row(
    job: Job, result_url: str | None, *, echo: bool, null_input: bool = False, priced: bool = True
) -> dict[str, Any]:
    """Return a row of the history. It is a row of the queue that also has the cost, as decimal text, and the user."""
    cost = dollars(job.units) if job.status == SUCCEEDED and priced else None
    whose = {"user_id": None, "username": NAMESPACE, "user_image": None}
    return {**queue_row(job, result_url, echo=echo, null_input=null_input), "cost": cost, **whose}


def event_body(job: Job, result_url: str | None) -> dict[str, Any]:
    """Return the event for a generation that has ended."""
    news = {"generation_id": job.generation_id, "status": job.status, "media_type": MEDIA_TYPE}
    if job.status == SUCCEEDED:
        return {**news, "model": job.request.model, "url": result_url}
    return {**news, "error": job.error_message}


def dollars(units: int) -> str:
    """Return the value of the units in US dollars, as decimal text."""
    return str(Decimal(units) / UNITS_PER_USD)


def _second(moment: float | None) -> int | None:
    return None if moment is None else int(moment)
