"""Defines what a contract test may know about a provider and do with it.

The attributes of `ProviderUnderTest` say what the vendor can do. Its methods send pictures, inject faults, wait for the end
of a process, and count the submits that were paid.
"""

from __future__ import annotations

import io
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Self

from tests.contract.input_pictures import noise
from tests.contract.shared_servers import Site
from tests.fakes.calendar import TODAY

from darkroom import images, planning, setting_layers
from darkroom.errors import ErrorCode
from darkroom.model import FoundProcess, Handle, ImageFacts, ImageFormat, Limits, Plan, Submission
from darkroom.ports import ImageStream, Provider

KEY = "contract-key-0123456789"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
FREE = Limits({}, Decimal(0), {}, {})
NO_ANSWER = ("reset_before", "error_before", "error_after", "lost_answer", "garbage")
ACCEPTED = frozenset({"error_after", "lost_answer", "garbage"})  # faults that happen after the vendor has done the work

# The names that tests use for the calls of the port, apart from submit. Each function makes its call for a process.
CALLS: Mapping[str, Callable[[ProviderUnderTest, str], Any]] = {
    "status": lambda under_test, process_id: under_test.provider.progress(process_id),
    "list": lambda under_test, process_id: under_test.find(),
    "cancel": lambda under_test, process_id: under_test.provider.cancel(process_id),
    "delete": lambda under_test, process_id: under_test.provider.forget(process_id),
    "download": lambda under_test, process_id: under_test.provider.result(process_id).__enter__(),
    "estimate": lambda under_test, process_id: under_test.provider.estimate(
        under_test.plan(), under_test.side, under_test.side
    ),
    "key": lambda under_test, process_id: under_test.provider.check_key(),
    "account": lambda under_test, process_id: under_test.provider.balance(),
}


class ProviderUnderTest(ABC):
    """One provider, set up for tests. The marks `needs` and `per_provider` use the attributes of its class."""

    name: ClassVar[str]
    vendor: ClassVar[str]  # the vendor whose catalog the plans use
    capabilities: ClassVar[frozenset[str]]
    # The calls that reach the vendor. Each name has the call of CALLS to make, and the vendor's operation that faults affect.
    reads: ClassVar[Mapping[str, tuple[str, str]]]
    # The reads for which the adapter looks only at the HTTP status.
    status_only_reads: ClassVar[frozenset[str]] = frozenset()
    operator_faults: ClassVar[Mapping[str, ErrorCode]]
    refusals: ClassVar[tuple[str, ...]]  # the arguments that `refused` takes
    download_faults: ClassVar[tuple[str, ...]] = (
        "cut",
        "expired",
        "reset_before",
        "error_before",
    )  # faults of the requests that fetch a result
    ending_faults: ClassVar[Mapping[str, str]] = {}  # fault → the state that it gives a process
    callback_faults: ClassVar[tuple[str, ...]] = ()  # faults of the vendor's callbacks
    delay_faults: ClassVar[tuple[str, ...]] = ()  # faults that make a process end later
    # what is wrong with the vendor's list → a function that changes the list's answer in this way
    malformed: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    # Operations whose answers usually name the inputs of processes.
    operations_naming_inputs: ClassVar[tuple[str, ...]] = ()
    # Faults that remove the names of the inputs from these answers.
    faults_hiding_inputs: ClassVar[tuple[str, ...]] = ()
    unknown_ids: ClassVar[tuple[str, ...]] = (UNKNOWN, "", "..", "../status", "a/b")
    unknown_status_word: ClassVar[str] = ""  # the word that the fault `unknown_status` sends
    side: int = 256  # the side of the usual picture, in pixels; its result is longer than the first read of a link
    factor: ClassVar[int] = 1  # the side of its result, divided by the side of the usual picture
    price: ClassVar[Decimal] = Decimal(1)  # the price of its result, in the vendor's credits
    synchronous_tags: ClassVar[Mapping[str, str]] = {}  # tags of an upload that is sent by a synchronous call
    link_tags: ClassVar[Mapping[str, str]] = {}  # tags of an upload that is sent by link

    provider: Provider
    secrets: tuple[str, ...]  # texts that no error may contain; the API key is the first

    def __init__(self, site: Site) -> None:
        self.site = site
        self.job_id = uuid.uuid4().hex
        self.since = datetime.now(UTC)
        self.kept: dict[str, bytes] = {}
        self.pieces: list[int] = []  # the lengths of the pieces that `keep` received
        self.links_created: list[str] = []
        self._finished = ""  # the process id that `finished_once` returns

    def anew(self) -> Self:
        """Return the same provider as another test gets it."""
        made = type(self)(self.site)
        made.side = self.side
        return made

    def close(self) -> None:  # noqa: B027 (the vendor in memory ends with the test)
        """Remove what the test has left in the vendor."""

    @abstractmethod
    def clear_faults(self) -> None:
        """Remove the faults that have not struck."""

    @abstractmethod
    def add_fault(self, kind: str, *, on: str = "submit", times: int | None = 1, **options: float) -> None:
        """Inject a fault into the next `times` requests of an operation, or of a call in `reads`. None means all requests."""

    @abstractmethod
    def keep_next_running(self) -> None:
        """Let the next process run on without an end."""

    @abstractmethod
    def await_end(self, process_id: str) -> None:
        """Wait until the process has ended."""

    @abstractmethod
    def paid(self) -> int:
        """Return the number of submits that the vendor accepted."""

    @abstractmethod
    def rotate_key(self, key: str = "another-key") -> None:
        """Store another API key. The adapter uses it once it reads the key again."""

    @abstractmethod
    def moved(self, host: str) -> Provider:
        """Return an adapter with the same key, whose base URL leads to another host. It is not called."""

    @abstractmethod
    def unreachable(self) -> Provider:
        """Return an adapter that cannot connect to its vendor."""

    @abstractmethod
    def strict(self) -> Provider:
        """Return an adapter as it runs in the cloud, where it accepts only public https links to results."""

    @abstractmethod
    def refused(self, what: str) -> tuple[Plan, ImageStream]:
        """Return a plan and an image that the vendor refuses at once."""

    @abstractmethod
    def link(self, content: bytes, handle: Handle) -> str:
        """Return a URL that serves the content, like a presigned URL of S3."""

    @property
    def result_side(self) -> int:
        """Return the side of the result of the usual picture, in pixels."""
        return self.side * self.factor

    def handle(self, attempt: int = 1, run: int = 1, job_id: str | None = None) -> Handle:
        """Return a handle for a submit of the test's job."""
        return Handle(job_id or self.job_id, run, attempt)

    def plan(self, **tags: str) -> Plan:
        """Return the plan for the usual picture, uploaded with these tags."""
        return self.plan_for(ImageFacts(ImageFormat.PNG, self.side, self.side), **tags)

    def plan_for(self, facts: ImageFacts, **tags: str) -> Plan:
        """Return the plan for a picture with these facts, uploaded with these tags."""
        layer = setting_layers.tag_layer(tags)
        resolved = setting_layers.resolve([layer], default_provider=self.vendor, allowed_providers=[self.vendor])
        return planning.plan(resolved, facts, 200_000, FREE, TODAY)

    def image(self, content: bytes | None = None, attempt: int = 1, run: int = 1) -> ImageStream:
        """Return the image to send, in the form in which an adapter receives it."""
        sent = noise(self.side) if content is None else content
        handle = self.handle(attempt, run)
        return ImageStream(lambda: io.BytesIO(sent), lambda: self.link(sent, handle), len(sent), "image/png", ".png")

    def keep(self, process_id: str, pieces: Iterator[bytes]) -> None:
        """Store a result completely or not at all, as `ports.StagedResults` does."""
        content = b""
        for piece in pieces:
            self.pieces.append(len(piece))
            content += piece
        self.kept[process_id] = content

    def submit(self, attempt: int = 1, run: int = 1, **tags: str) -> Submission:
        """Submit the usual picture."""
        plan = self.plan(**tags)
        return self.provider.submit(plan, self.image(None, attempt, run), self.handle(attempt, run), self.keep)

    def submit_synchronous(self, provider: Provider | None = None, content: bytes | None = None) -> Submission:
        """Submit a picture by a synchronous call. Its result is in `kept` afterwards."""
        plan = self.plan(**self.synchronous_tags)
        if content is not None:
            facts = images.inspect(lambda offset, length: content[offset : offset + length], len(content))
            plan = self.plan_for(facts, **self.synchronous_tags)
        assert plan.send_mode.is_synchronous
        return (provider or self.provider).submit(plan, self.image(content), self.handle(), self.keep)

    def running(self, **tags: str) -> str:
        """Submit a job that does not end by itself. Return its process id."""
        self.keep_next_running()
        return self.submit(**tags).process_id

    def finished(self, attempt: int = 1, **tags: str) -> str:
        """Submit a job and wait for its end. Return its process id."""
        process_id = self.submit(attempt, **tags).process_id
        self.await_end(process_id)
        return process_id

    def finished_once(self) -> str:
        """Return the process id of a job that has ended. It is the same for all rows that share the provider."""
        self._finished = self._finished or self.finished()
        return self._finished

    def find(
        self, attempt: int = 1, run: int = 1, job_id: str | None = None, provider: Provider | None = None, **tags: str
    ) -> tuple[FoundProcess, ...] | None:
        """Return the processes that the vendor's list shows for a run, or None if the list cannot tell."""
        send_mode = self.plan(**tags).send_mode
        return (provider or self.provider).find(self.handle(attempt, run, job_id), send_mode, self.since)

    def ask(self, read: str, process_id: str) -> Any:
        """Make one of the calls in `reads` for the process, and return its answer."""
        return CALLS[self.reads[read][0]](self, process_id)
