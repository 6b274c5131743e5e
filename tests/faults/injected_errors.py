"""Injects errors into the calls of ports: errors instead of an effect, errors after it, and long delays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from random import Random

from darkroom.errors import (
    ErrorCode,
    NothingSent,
    OperatorFault,
    ProviderRejected,
    ProviderUnavailable,
    ResultNotReady,
    SubmitInDoubt,
    Throttled,
    UnsafeLink,
)
from tests.fakes.memory_dynamodb import cancelled, refusal
from tests.faults.port_proxies import Maker
from tests.faults.scheduler import Scheduler
from tests.faults.workers import Outage

LONGEST_SECONDS = 400.0


def _busy(code: str, operation: str) -> Maker:
    return lambda: refusal(code, operation)


REFUSED: Mapping[str, Sequence[Maker]] = {
    "dynamo.transact*": [
        lambda: cancelled([{"Code": "TransactionConflict"}, {"Code": "None"}]),
        _busy("TransactionInProgressException", "TransactWriteItems"), _busy("ThrottlingException", "TransactWriteItems"),
    ],
    "dynamo.update*": [_busy("TransactionConflictException", "UpdateItem"), _busy("ThrottlingException", "UpdateItem")],
    "dynamo.*": [_busy("ThrottlingException", "GetItem"), Outage],
    "provider.progress": [
        lambda: Throttled("429"), lambda: ProviderUnavailable("503"),
        lambda: OperatorFault(ErrorCode.AUTH_FAILED, "401"),
    ],
    "provider.find": [lambda: Throttled("429"), lambda: ProviderUnavailable("503")],
    "provider.result": [lambda: ProviderUnavailable("503"), lambda: Throttled("429")],
    "provider.result.enter": [lambda: ResultNotReady("409"), lambda: UnsafeLink("http")],
    "provider.result*": [lambda: ResultNotReady("cut")],
    "provider.submit": [], "provider.key_fingerprint": [], "provider.refresh_key": [Outage],
    "provider.*": [lambda: ProviderUnavailable("time-out"), lambda: Throttled("429")],
    "alerts.*": [],
    "*": [Outage],
}  # fmt: skip

LOST: Mapping[str, Sequence[Maker]] = {
    "dynamo.*_item*": [_busy("InternalServerError", "UpdateItem"), Outage],
    "provider.cancel": [lambda: ProviderUnavailable("time-out")],
    "provider.result*": [lambda: ResultNotReady("cut")],
    "provider.*": [],
    "alerts.*": [],
    "*": [Outage],
}

REFUSALS: Sequence[Maker] = (
    lambda: Throttled("429", 20), lambda: Throttled("429", 2000), lambda: NothingSent("no connection"),
    lambda: OperatorFault(ErrorCode.AUTH_FAILED, "401"), lambda: OperatorFault(ErrorCode.OUT_OF_CREDITS, "402"),
    lambda: ProviderRejected("HTTP 400: these bytes"),
)  # fmt: skip
LOSSES: Sequence[Maker] = (
    lambda: SubmitInDoubt("time-out"),
    lambda: SubmitInDoubt("500"),
    lambda: ProviderUnavailable("x"),
)


class InjectedErrors:
    """Fulfils `port_proxies.Faults` with random errors and delays. After a call of `over`, there are no more of them."""

    def __init__(self, scheduler: Scheduler, chance: float, slow: float, most: int = 12) -> None:
        self.scheduler, self.chance, self.slow, self.most = scheduler, chance, slow, most

    def before(self, label: str, rng: Random) -> BaseException | None:
        """Delay the call, with probability `slow`. Return an error that replaces its effect, with probability `chance`."""
        if self.slow:
            person = (self.scheduler.running or "").startswith("operator")
            if rng.random() < self.slow * (8 if person else 1):
                self.scheduler.sleep(LONGEST_SECONDS * rng.random() ** (1 if person else 3))
        return self._one(REFUSED, label, rng)

    def after(self, label: str, rng: Random) -> BaseException | None:
        """Return an error although the call had its effect, with probability `chance`.

        For transactions the probability is higher, because Darkroom repeats them safely with their token.
        """
        return self._one(LOST, label, rng, 4 if label == "dynamo.transact_write_items" else 1)

    def over(self) -> None:
        """Stop injecting errors and delays."""
        self.chance = self.slow = 0.0

    def _one(
        self, makers: Mapping[str, Sequence[Maker]], label: str, rng: Random, times: int = 1
    ) -> BaseException | None:
        if not self.chance or rng.random() >= self.chance * times or self.most <= 0:
            return None
        fitting = next(found for pattern, found in makers.items() if fnmatchcase(label, pattern))
        if not fitting:
            return None
        self.most -= 1
        return fitting[int(rng.random() * len(fitting))]()
