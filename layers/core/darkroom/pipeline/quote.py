"""Reads an upload's settings and image, and makes the plan with its price. It reserves and writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from darkroom import images, planning
from darkroom.model import ImageFacts, Job, Limits, Plan, SourceObject, Spelling
from darkroom.ports import Clock, InputBucket
from darkroom.setting_layers import Settings, metadata_layer, parse_defaults, resolve, tag_layer

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Quote:
    """Makes the settings and the plan of an upload, by the stack's parameters. Repeat safe."""

    sources: InputBucket
    default_provider: str
    allowed_providers: Sequence[str]
    stack_defaults: str  # the stack parameter DefaultSettings, `key=value,key=value`
    tag_prefix: str
    metadata_prefix: str | None  # None = metadata holds no settings
    limits: Limits
    spellings: Mapping[str, Spelling]  # provider → spelling of its settings, from the stack parameter SettingSpelling
    clock: Clock

    def settings(self, source: SourceObject) -> Settings:
        """Return the settings, resolved from tags, metadata and stack defaults. Raises SourceGone, InvalidSetting."""
        layers = [tag_layer(self.sources.tags(source), self.tag_prefix)]
        if self.metadata_prefix is not None:
            layers.append(metadata_layer(source.metadata, self.metadata_prefix))
        layers.append(parse_defaults(self.stack_defaults))
        return resolve(layers, default_provider=self.default_provider, allowed_providers=self.allowed_providers)

    def plan(self, job: Job, settings: Settings, source: SourceObject) -> tuple[Plan, ImageFacts]:
        """Return the plan and the image's facts. Raises SourceGone, and a Refusal if the job must be rejected."""
        facts = images.inspect(self.sources.reader(source), source.size_bytes)
        today = self.clock().date()
        plan = planning.plan(settings, facts, source.size_bytes, self.limits, today, self.spellings)
        _log_plan(job, plan)
        return plan, facts

    def with_price(self, plan: Plan, credits: Decimal) -> Plan:
        """Return the plan with the price `credits`, which the vendor estimated. Raises PriceAboveLimit."""
        return planning.with_price(plan, credits, self.limits)


def _log_plan(job: Job, plan: Plan) -> None:
    """Log which layer each setting comes from, and which settings were dropped. The ledger does not keep this, because a job's
    row has nearly 1 KB, and each write of a larger row costs twice as much."""
    details = {"provider": plan.provider, "model": plan.model, "layers": dict(plan.layers), "notes": list(plan.notes)}
    log.info("planned", extra={"job_id": job.job_id, "run": job.run, **details})
