"""Servers that tests share. A session has one client and one server of input pictures, and each module has its simulators."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from tests.simulators.picture_server import PictureServer, serve_pictures

from darkroom.model import Handle
from darkroom.providers import http_client
from darkroom_local.simulators.framework.server import Simulator

AnySimulator = Simulator[Any, Any]
SIGNATURE = "5f1d0c7a"  # the signature in every link to an input


class Site:
    """Holds the servers and the client of one test session."""

    def __init__(self, client: httpx.Client, picture_server: PictureServer) -> None:
        self.client, self.picture_server = client, picture_server
        # Provider → the kinds of faults that its tests have met.
        self.faults_met: defaultdict[str, set[str]] = defaultdict(set)
        self._stack = contextlib.ExitStack()
        self._running: dict[tuple[object, str], AnySimulator] = {}

    def running(self, make: Callable[..., AnySimulator], settings: dict[str, Any]) -> AnySimulator:
        """Return a running simulator with these settings. Start one if there is none."""
        place = (make, repr(sorted(settings.items())))
        if place not in self._running:
            self._running[place] = self._stack.enter_context(make(**settings))
        return self._running[place]

    def renew(self) -> None:
        """Stop the simulators. Otherwise their lists would grow with every test, because they never forget a job."""
        self._running.clear()
        self._stack.close()

    def publish_input(self, content: bytes, handle: Handle) -> str:
        """Serve an input from now on. Return its link, which has the query of a presigned S3 URL."""
        path = f"/{handle.job_id}/picture.png"
        self.picture_server.pictures[path] = content
        query = {"response-content-disposition": f'attachment; filename="{handle}.png"', "X-Amz-Signature": SIGNATURE}
        return f"{self.picture_server.url(path)}?{urlencode(query, quote_via=quote, safe='')}"

    def input_requests(self, job_id: str) -> list[tuple[str, dict[str, str]]]:
        """Return the path and the headers of each request for an input of the job."""
        seen = list(zip(self.picture_server.asked, self.picture_server.headers, strict=True))
        return [(path, headers) for path, headers in seen if path.startswith(f"/{job_id}/")]


@contextlib.contextmanager
def site_open() -> Iterator[Site]:
    """Open the servers and the client of a session. The client is made as the runtime makes it. All tests share it, because
    loading certificates is slow.
    """
    with serve_pictures() as picture_server, http_client.new_client() as client:
        site = Site(client, picture_server)
        try:
            yield site
        finally:
            site.renew()
