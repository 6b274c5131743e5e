"""How a generation looks from outside: as a row of the queue, as a row of the history, as an event.

Nothing here changes a generation. A result's link is minted anew each time it is asked for.
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
    STRANGE_STATUS,
    SUCCEEDED,
    UNITS_PER_USD,
)

FILE_PATH = "/api/repos/{namespace}/generations/file/main/{name}"


class Addresses:
    """Where results are found: behind presigned links, or first at an address that wants the key."""

    def __init__(self, links: PresignedUrls, *, wants_key: bool, host: str | None) -> None:
        """`host` takes the place of the called one in presigned links; the port stays."""
        self._links = links
        self._wants_key = wants_key
        self._host = host

    def result(self, origin: URL, job: Job) -> str | None:
        """What the vendor names as the result; None until there is one."""
        if job.file is None or job.status != SUCCEEDED:
            return None
        name = job.file.path.name
        if self._wants_key:
            return str(origin) + FILE_PATH.format(namespace=job.request.targets["target_namespace"], name=name)
        return self.presigned(origin, name)

    def presigned(self, origin: URL, name: str) -> str:
        """A link that works for a while for whoever has it."""
        store = origin.with_host(self._host) if self._host else origin
        return self._links.mint(str(store), "GET", name, self._links.expiry())


def row(
    job: Job, result_url: str | None, *, echo: bool, strange: bool = False, nameless: bool = False
) -> dict[str, Any]:
    """A row of the queue; with `echo` what the model was given stands beside the published fields, `nameless` without
    its input."""
    strange = strange or (job.traits.unknown_status and job.is_active)
    facts = {
        "generation_id": job.generation_id,
        "model_name": job.request.model,
        "media_type": MEDIA_TYPE,
        "status": STRANGE_STATUS if strange else job.status,
        "result_url": result_url,
        "error_message": job.error_message,
        "enqueued_at": int(job.enqueued),
        "started_at": _second(job.started),
        "completed_at": _second(job.completed),
        **job.request.targets,
    }
    given = {**job.request.params, INPUT: None} if nameless else job.request.params
    return {"prompt": None, **given, **facts} if echo else facts


def history_row(
    job: Job, result_url: str | None, *, echo: bool, nameless: bool = False, priced: bool = True
) -> dict[str, Any]:
    """A row of the history: with what was charged, a decimal number as text, and whose it is."""
    cost = dollars(job.units) if job.status == SUCCEEDED and priced else None
    whose = {"user_id": None, "username": NAMESPACE, "user_image": None}
    return {**row(job, result_url, echo=echo, nameless=nameless), "cost": cost, **whose}


def event(job: Job, result_url: str | None) -> dict[str, Any]:
    """The news that a generation ended."""
    news = {"generation_id": job.generation_id, "status": job.status, "media_type": MEDIA_TYPE}
    if job.status == SUCCEEDED:
        return {**news, "model": job.request.model, "url": result_url}
    return {**news, "error": job.error_message}


def dollars(units: int) -> str:
    """Units as a decimal number of US dollars, written out."""
    return str(Decimal(units) / UNITS_PER_USD)


def _second(moment: float | None) -> int | None:
    return None if moment is None else int(moment)
