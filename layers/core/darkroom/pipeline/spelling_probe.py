"""Sends one small picture to learn whether a vendor reads setting names in snake_case or camelCase. It costs one credit.

The picture is a job like any other: claimed, reserved under the limits, sent, and finished by its execution. Only its request
differs. One setting is in it twice, with one value under its name in snake_case and another value under its name in camelCase.
The vendor reports back the value that it used, and so shows which name it read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from darkroom.errors import Inapplicable
from darkroom.model import LEASE_MARGIN, ImageFacts, Job, Plan, SourceObject, Spelling, Upload
from darkroom.pipeline.dispatch import Dispatch
from darkroom.pipeline.message_outcomes import Done, Outcome
from darkroom.pipeline.quote import Quote
from darkroom.ports import Clock, InputBucket, Ledger
from darkroom.setting_layers import Settings

NAMES = {Spelling.SNAKE: "fix_compression", Spelling.CAMEL: "fixCompression"}
VALUES = {Spelling.SNAKE: "0.31", Spelling.CAMEL: "0.62"}
TAGS = {"provider": "topaz", "model": "Standard V2", "max_credits": "1", "label": "darkroom-probe"}


class Echoes(Protocol):
    """A provider that reports back which settings it used."""

    def echoed_settings(self, process_id: str) -> Mapping[str, Any]:
        """Return the settings that the provider used for a process. Repeat safe."""


class NoFolderFiles:
    """Fulfils `ports.FolderFiles` for the probe's picture, which no `darkroom.toml` of the users may change."""

    def read(self, bucket: str, key: str, as_of: datetime) -> None:
        """Return no file."""


@dataclass(frozen=True)
class TellingQuote(Quote):
    """Makes plans that contain the setting of the probe under both names."""

    def plan(self, job: Job, asked: Settings, source: SourceObject) -> tuple[Plan, ImageFacts]:
        """Return the plan with the two values. Raises SourceGone, and a Refusal if the job must be rejected."""
        plan, facts = super().plan(job, asked, source)
        told = {NAMES[spelling]: VALUES[spelling] for spelling in NAMES}
        return replace(plan, parameters={**plan.parameters, **told}), facts


@dataclass(frozen=True)
class Probe:
    """Sends the picture of the probe. Every call makes a new job, which is paid once."""

    sources: InputBucket
    ledger: Ledger
    dispatch: Dispatch  # its quote is a TellingQuote
    clock: Clock
    deadline: timedelta

    def __call__(self, upload: Upload, invocation_ends: datetime) -> Job:
        """Claim the job of the picture and send it. Raises SourceGone, LostClaim, LedgerBusy, and Inapplicable if it was not
        sent."""
        source, now = self.sources.find(upload), self.clock()
        claim = self.ledger.claim(source, now, invocation_ends + LEASE_MARGIN, now + self.deadline)
        outcome: Outcome = self.dispatch(claim.job, source)
        if isinstance(outcome, Done) and outcome.job.process:
            return outcome.job
        why = outcome.job.error if isinstance(outcome, Done) else None
        raise Inapplicable(f"the picture was not sent: {why or 'look at the job'} (job {claim.job.job_id})")


def spelling_in(echoed: Mapping[str, Any]) -> Spelling | None:
    """Return the spelling whose value the vendor used; `both` if it used both values, None if it used neither."""
    used = [_number(value) for value in echoed.values()]
    read = [spelling for spelling, value in VALUES.items() if Decimal(value) in used]
    return Spelling.BOTH if len(read) > 1 else next(iter(read), None)


def _number(value: object) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
