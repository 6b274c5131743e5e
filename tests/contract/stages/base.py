"""A stage: what a test may know of one implementation.

By data, what its vendor can; by methods, how to send, to provoke a fault, to end a process, to count what was paid for.
"""

from __future__ import annotations

import io
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from tests.contract.input_pictures import noise

from darkroom import images, planning, setting_layers
from darkroom.errors import ErrorCode
from darkroom.model import FoundProcess, Handle, ImageFacts, ImageFormat, Limits, Plan, Submission
from darkroom.ports import ImageStream, Provider

KEY = "contract-key-0123456789"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
FREE = Limits({}, Decimal(0), {}, {})
NO_ANSWER = ("reset_before", "error_before", "error_after", "lost_answer", "garbage")
ACCEPTED = frozenset({"error_after", "lost_answer", "garbage"})  # of these: carried out all the same

# The calls of the port that read, by our names.
CALLS: Mapping[str, Callable[[Stage, str], Any]] = {
    "status": lambda stage, process_id: stage.provider.progress(process_id),
    "list": lambda stage, process_id: stage.find(),
    "cancel": lambda stage, process_id: stage.provider.cancel(process_id),
    "delete": lambda stage, process_id: stage.provider.forget(process_id),
    "download": lambda stage, process_id: stage.provider.result(process_id).__enter__(),
    "estimate": lambda stage, process_id: stage.provider.estimate(stage.plan(), stage.side, stage.side),
    "account": lambda stage, process_id: stage.provider.balance(),
}


class Stage(ABC):
    """One implementation on its stage. What a class says of its vendor is data; tests ask for it by `needs`, `per_stage`."""

    name: ClassVar[str]
    vendor: ClassVar[str]  # whose catalog its plans are of
    can: ClassVar[frozenset[str]]
    # Which calls reach the vendor: a name → the call of CALLS, and the vendor's operation that faults strike.
    asks: ClassVar[Mapping[str, tuple[str, str]]]
    unread: ClassVar[frozenset[str]] = frozenset()  # those of `asks` whose answer is only looked at for its status
    operator_faults: ClassVar[Mapping[str, ErrorCode]]
    refusals: ClassVar[tuple[str, ...]]  # what `refused` can make
    broken: ClassVar[tuple[str, ...]] = ("cut", "expired", "reset_before", "error_before")  # on a result's way
    endings: ClassVar[Mapping[str, str]] = {}  # fault → the state that it makes of a process
    delays: ClassVar[tuple[str, ...]] = ()  # what makes a process end later
    malformed: ClassVar[
        Mapping[str, Callable[[Any], Any]]
    ] = {}  # what may be wrong with the list → its answer, so changed
    mute_on: ClassVar[tuple[str, ...]] = ()  # operations that usually name the inputs of processes
    mutes: ClassVar[tuple[str, ...]] = ()  # what makes them say nothing
    strange_ids: ClassVar[tuple[str, ...]] = (UNKNOWN, "", "..", "../status", "a/b")
    strange_word: ClassVar[str] = ""  # what `unknown_status` says
    side: ClassVar[int] = 256  # of the usual picture, in pixels
    factor: ClassVar[int] = 1  # by which its result is larger
    price: ClassVar[Decimal] = Decimal(1)  # of its result
    held_tags: ClassVar[Mapping[str, str]] = {}  # what an upload says to be answered with its result
    link_tags: ClassVar[Mapping[str, str]] = {}  # what an upload says to be sent by link

    provider: Provider
    secrets: tuple[str, ...]  # what no error may carry; the key first

    def __init__(self) -> None:
        self.job_id = uuid.uuid4().hex
        self.since = datetime.now(UTC)
        self.kept: dict[str, bytes] = {}
        self.pieces: list[int] = []  # how long each was that came to `keep`
        self.minted: list[str] = []

    @abstractmethod
    def fault(self, kind: str, *, on: str = "submit", times: int | None = 1, **options: float) -> None:
        """Puts a fault in force on an operation, or on a call of `asks`."""

    @abstractmethod
    def hold(self) -> None:
        """The next process does not end by itself."""

    @abstractmethod
    def finish(self, process_id: str) -> None:
        """Waits until it has ended."""

    @abstractmethod
    def paid(self) -> int:
        """How many submits were accepted."""

    @abstractmethod
    def rotate_key(self, key: str = "another-key") -> None:
        """Stores another key."""

    @abstractmethod
    def unreachable(self) -> Provider:
        """The provider where no connection is made."""

    @abstractmethod
    def strict(self) -> Provider:
        """The provider that takes links to results as it does in the cloud: https and public alone."""

    @abstractmethod
    def refused(self, what: str) -> tuple[Plan, ImageStream]:
        """What the vendor refuses at once."""

    @abstractmethod
    def link(self, content: bytes, handle: Handle) -> str:
        """An address at which the content stands, as S3 presigns one."""

    @property
    def result_side(self) -> int:
        """Of the usual picture's result, in pixels."""
        return self.side * self.factor

    def handle(self, attempt: int = 1, run: int = 1, job_id: str | None = None) -> Handle:
        """A handle of the test's job."""
        return Handle(job_id or self.job_id, run, attempt)

    def plan(self, **tags: str) -> Plan:
        """What an upload of the usual picture with these tags is to become."""
        return self.plan_for(ImageFacts(ImageFormat.PNG, self.side, self.side), **tags)

    def plan_for(self, facts: ImageFacts, **tags: str) -> Plan:
        """What an upload of a picture with these tags is to become."""
        layer = setting_layers.tag_layer(tags)
        resolved = setting_layers.resolve([layer], default_provider=self.vendor, allowed_providers=[self.vendor])
        return planning.plan(resolved, facts, 200_000, FREE)

    def image(self, content: bytes | None = None, attempt: int = 1, run: int = 1) -> ImageStream:
        """What an adapter is given to send."""
        sent = noise(self.side) if content is None else content
        handle = self.handle(attempt, run)
        return ImageStream(lambda: io.BytesIO(sent), lambda: self.link(sent, handle), len(sent), "image/png", ".png")

    def keep(self, process_id: str, pieces: Iterator[bytes]) -> None:
        """Stages a result, as `ports.Staging` does: whole or not at all."""
        content = b""
        for piece in pieces:
            self.pieces.append(len(piece))
            content += piece
        self.kept[process_id] = content

    def submit(self, attempt: int = 1, run: int = 1, **tags: str) -> Submission:
        """One accepted submit of the usual picture."""
        plan = self.plan(**tags)
        return self.provider.submit(plan, self.image(None, attempt, run), self.handle(attempt, run), self.keep)

    def submit_held(self, provider: Provider | None = None, content: bytes | None = None) -> Submission:
        """One accepted submit that is answered with its result."""
        plan = self.plan(**self.held_tags)
        if content is not None:
            facts = images.inspect(lambda offset, length: content[offset : offset + length], len(content))
            plan = self.plan_for(facts, **self.held_tags)
        assert plan.send_mode.is_synchronous
        return (provider or self.provider).submit(plan, self.image(content), self.handle(), self.keep)

    def running(self, **tags: str) -> str:
        """The process id of a job that does not end by itself."""
        self.hold()
        return self.submit(**tags).process_id

    def finished(self, attempt: int = 1, **tags: str) -> str:
        """The process id of a job that has ended."""
        process_id = self.submit(attempt, **tags).process_id
        self.finish(process_id)
        return process_id

    def find(
        self, attempt: int = 1, run: int = 1, job_id: str | None = None, provider: Provider | None = None, **tags: str
    ) -> tuple[FoundProcess, ...] | None:
        """What the vendor's own list shows of a run."""
        send_mode = self.plan(**tags).send_mode
        return (provider or self.provider).find(self.handle(attempt, run, job_id), send_mode, self.since)

    def ask(self, read: str, process_id: str) -> Any:
        """One of `asks`."""
        return CALLS[self.asks[read][0]](self, process_id)
