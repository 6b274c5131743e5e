"""The journal of a simulator. It has one entry for each request, and one for each paid submit that was accepted.

The entry of a request is opened when the request arrives and completed when the answer is sent. So the journal also shows
requests that were cut off. An entry must never hold a key. It only says which header carried a key, and whether the key
was right.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

Entry = dict[str, Any]
# A function that returns the name of the header that carried a key, and whether header and key are both right.
KeyCheck = Callable[[web.Request], tuple[str | None, bool]]


def check_bearer_key(request: web.Request, api_key: str) -> tuple[str | None, bool]:
    """Return "authorization" if this header was sent, else None, and whether the header carries the right bearer key."""
    header = request.headers.get("Authorization")
    if header is None:
        return None, False
    scheme, _, key = header.partition(" ")
    return "authorization", scheme.lower() == "bearer" and key == api_key


class RequestJournal:
    """Holds the entries of requests and paid submits, oldest first. Any thread may read them."""

    def __init__(self, key_check: KeyCheck, subject_field: str, id_fields: Sequence[str]) -> None:
        """Start an empty journal.

        `subject_field` is the entry's field for the subject, the name or URL of the request's picture. `id_fields` are
        further fields for the ids that the vendor gives.
        """
        self._lock = threading.Lock()
        self._key_check = key_check
        self._id_fields = id_fields
        self._requests: list[Entry] = []
        self._submits: list[Entry] = []
        self.subject_field = subject_field

    def open_entry(self, request: web.Request, operation: str) -> Entry:
        """Add an entry for a request that has just arrived, and return it. The caller completes it later."""
        header, matched = self._key_check(request)
        length = request.headers.get("Content-Length")
        entry: Entry = {
            "time": time.time(),
            "operation": operation,
            "method": request.method,
            "path": request.path,
            "query": dict(request.query) if operation != "result" else {},
            "header_names": [name.decode("latin-1") for name, _ in request.raw_headers],
            "auth_header": header,
            "key_matched": matched,
            "key_leaked": operation == "result" and header is not None,
            "has_content_length": length is not None,
            "content_length": int(length) if length is not None and length.isdigit() else None,
            "transfer_encoding": request.headers.get("Transfer-Encoding"),
            "range": request.headers.get("Range"),
            self.subject_field: None,
            "fields": {},
            **dict.fromkeys(self._id_fields),
            "faults": [],
            "status": None,
            "aborted": False,
        }
        with self._lock:
            self._requests.append(entry)
        return entry

    def record_submit(self, submit: Entry) -> None:
        """Record a submit that will be charged."""
        with self._lock:
            self._submits.append({"time": time.time(), **submit})

    def requests(self) -> list[Entry]:
        """Return a copy of every entry so far."""
        with self._lock:
            return copy.deepcopy(self._requests)

    def submits(self) -> list[Entry]:
        """Return a copy of every accepted submit so far."""
        with self._lock:
            return copy.deepcopy(self._submits)

    def clear(self) -> None:
        """Remove every entry."""
        with self._lock:
            self._requests.clear()
            self._submits.clear()
