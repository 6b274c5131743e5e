"""The record of what arrived: one entry for each request, one for each accepted paid submit.

An entry is opened when the request arrives and completed as it is answered, so a request that was
cut off shows as well. It must never hold a key: only which header carried one, and whether it was
the right one.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

Entry = dict[str, Any]
# Which header carried a key, and whether that is the right header with the right key.
KeyCheck = Callable[[web.Request], tuple[str | None, bool]]


def bearer_state(request: web.Request, api_key: str) -> tuple[str | None, bool]:
    """Whether an Authorization header came, and whether it bears the right key."""
    header = request.headers.get("Authorization")
    if header is None:
        return None, False
    scheme, _, key = header.partition(" ")
    return "authorization", scheme.lower() == "bearer" and key == api_key


class Journal:
    """Requests and paid submits, oldest first, readable from any thread."""

    def __init__(self, key_check: KeyCheck, subject: str, notes: Sequence[str]) -> None:
        """`subject` names the field that says what a call is about; `notes` are further fields, for the vendor's ids."""
        self._lock = threading.Lock()
        self._key_check = key_check
        self._notes = notes
        self._requests: list[Entry] = []
        self._submits: list[Entry] = []
        self.subject = subject

    def open(self, request: web.Request, operation: str) -> Entry:
        """Start the entry of a request that has just arrived."""
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
            self.subject: None,
            "fields": {},
            **dict.fromkeys(self._notes),
            "faults": [],
            "status": None,
            "aborted": False,
        }
        with self._lock:
            self._requests.append(entry)
        return entry

    def accepted(self, submit: Entry) -> None:
        """Note a submit that will be charged."""
        with self._lock:
            self._submits.append({"time": time.time(), **submit})

    def requests(self) -> list[Entry]:
        """A copy of every entry so far."""
        with self._lock:
            return copy.deepcopy(self._requests)

    def submits(self) -> list[Entry]:
        """A copy of every accepted submit so far."""
        with self._lock:
            return copy.deepcopy(self._submits)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._requests.clear()
            self._submits.clear()
