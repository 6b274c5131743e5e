"""Sets up the in-memory provider, whose clock the test sets, for the contract tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar

from tests.contract.providers_under_test.base import CALLS, KEY, ProviderUnderTest
from tests.contract.shared_servers import Site
from tests.fakes.provider import FakeProvider

from darkroom.errors import ErrorCode
from darkroom.model import Handle, Plan
from darkroom.ports import ImageStream, Provider


class FakeProviderUnderTest(ProviderUnderTest):
    """The in-memory provider. It stands for any vendor, and uses the plans of Topaz."""

    name, vendor = "fake", "topaz"
    capabilities = frozenset(
        {"upload", "queue", "cancel", "list", "forget", "account", "reserves", "sides", "credits", "result"}
    )
    reads: ClassVar = {call: (call, call) for call in CALLS}
    operator_faults: ClassVar = {
        "auth": ErrorCode.AUTH_FAILED, "forbidden": ErrorCode.AUTH_FAILED, "no_funds": ErrorCode.OUT_OF_CREDITS,
        "no_subscription": ErrorCode.OUT_OF_CREDITS, "topping_up": ErrorCode.OUT_OF_CREDITS,
    }  # fmt: skip
    refusals = ("rejected",)
    download_faults = ("cut", "expired", "reset_before", "error_before", "not_ready")
    ending_faults: ClassVar = {"failed_job": "failed", "cancelled_job": "cancelled"}
    unknown_status_word = "Queued2"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.now = self.since = datetime(2026, 1, 1, tzinfo=UTC)
        self.secrets = (KEY,)
        self.fake = self.provider = FakeProvider(clock=lambda: self.now, key=KEY)

    def add_fault(self, kind: str, *, on: str = "submit", times: int | None = 1, **options: float) -> None:
        self.site.faults_met[self.name].add(kind)
        self.fake.faults.add(kind, on=on, times=times, **options)

    def clear_faults(self) -> None:
        self.fake.faults.rules.clear()

    def keep_next_running(self) -> None:
        self.add_fault("hold")

    def await_end(self, process_id: str) -> None:
        self.now += timedelta(minutes=1)

    def paid(self) -> int:
        return len(self.fake.submits)

    def rotate_key(self, key: str = "another-key") -> None:
        self.fake.stored_key = key

    def moved(self, host: str) -> Provider:
        return FakeProvider(clock=lambda: self.now, key=KEY, base_url=f"https://{host.partition(':')[0]}")

    def unreachable(self) -> Provider:
        for on in ("submit", *CALLS):
            self.add_fault("refused", on=on, times=None)
        return self.provider

    def strict(self) -> Provider:
        self.add_fault("unsafe_link", on="download")
        return self.provider

    def refused(self, what: str) -> tuple[Plan, ImageStream]:
        self.add_fault(what)
        return self.plan(), self.image()

    def link(self, content: bytes, handle: Handle) -> str:
        raise AssertionError("a link was made for an upload that is sent as bytes")
