"""What outlives a test: one client, one gallery of inputs; and for a module, one simulator a vendor and way to set it up."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from tests.simulators.gallery import Gallery, gallery_open

from darkroom.model import Handle
from darkroom.providers import http_client
from darkroom_local.simulators.framework.server import Simulator

AnySimulator = Simulator[Any, Any]
SIGNATURE = "5f1d0c7a"  # of every link to an input


class Site:
    """One for all tests of a session."""

    def __init__(self, client: httpx.Client, gallery: Gallery) -> None:
        self.client, self.gallery = client, gallery
        self.struck: defaultdict[str, set[str]] = defaultdict(set)  # stage → kinds of faults that its tests met
        self._stack = contextlib.ExitStack()
        self._running: dict[tuple[object, str], AnySimulator] = {}

    def running(self, make: Callable[..., AnySimulator], settings: dict[str, Any]) -> AnySimulator:
        """A simulator so set up."""
        place = (make, repr(sorted(settings.items())))
        if place not in self._running:
            self._running[place] = self._stack.enter_context(make(**settings))
        return self._running[place]

    def renew(self) -> None:
        """Ends the simulators: they never forget a job, so their lists would grow with every test."""
        self._running.clear()
        self._stack.close()

    def hang(self, content: bytes, handle: Handle) -> str:
        """The link under which an input stands from now on: its query is as in S3's presigned GETs."""
        path = f"/{handle.job_id}/picture.png"
        self.gallery.pictures[path] = content
        query = {"response-content-disposition": f'attachment; filename="{handle}.png"', "X-Amz-Signature": SIGNATURE}
        return f"{self.gallery.url(path)}?{urlencode(query, quote_via=quote, safe='')}"

    def asked_of_gallery(self, job_id: str) -> list[tuple[str, dict[str, str]]]:
        """Which addresses of a job's inputs were fetched, and with which headers."""
        seen = list(zip(self.gallery.asked, self.gallery.headers, strict=True))
        return [(path, headers) for path, headers in seen if path.startswith(f"/{job_id}/")]


@contextlib.contextmanager
def site_open() -> Iterator[Site]:
    """A site for the length of a session. The client is the runtime's own; loading certificates takes longer than a test."""
    with gallery_open() as gallery, http_client.new_client() as client:
        site = Site(client, gallery)
        try:
            yield site
        finally:
            site.renew()
