"""Sends callbacks to addresses at a steady rate, over connections that stay open: `python -m tests.fakes.callback_sender`.

It reads `{"targets": [[url, body], …], "rate": a second, "seconds": n, "connections": n}` from the standard input, and sends
the targets one after the other, again and again. It prints what came of it as JSON: how many answers had each status, how many
requests had no answer, and the seconds that all of it took. In a process of its own, it does not slow the receiver down.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_HEADERS = {"Content-Type": "application/json"}
_PATIENCE_SECONDS = 60.0
LOST = "lost"


@dataclass
class Flood:
    """What is sent, and how fast."""

    targets: list[tuple[str, str]]
    rate: float
    seconds: float
    connections: int = 8
    answers: Counter[str] = field(default_factory=Counter)

    def send(self) -> dict[str, Any]:
        """Send everything. Return the counted answers and the seconds."""
        began = time.monotonic()
        threads = [threading.Thread(target=self._send_from, args=(number, began)) for number in range(self.connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"answers": dict(self.answers), "seconds": time.monotonic() - began}

    def _send_from(self, first: int, began: float) -> None:
        """Send every `connections`-th request, each at its time or as soon as the one before it is answered."""
        own: Counter[str] = Counter()
        parts = urlsplit(self.targets[0][0])
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=_PATIENCE_SECONDS)
        for number in range(first, int(self.rate * self.seconds), self.connections):
            url, body = self.targets[number % len(self.targets)]
            time.sleep(max(0.0, began + number / self.rate - time.monotonic()))
            try:
                connection.request("POST", urlsplit(url).path, body.encode(), _HEADERS)
                answer = connection.getresponse()
                answer.read()
                own[str(answer.status)] += 1
            except (OSError, http.client.HTTPException):
                own[LOST] += 1
                connection.close()
        connection.close()
        self.answers.update(own)


if __name__ == "__main__":
    wish = json.load(sys.stdin)
    print(json.dumps(Flood(**wish).send()))
