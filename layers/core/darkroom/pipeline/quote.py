"""preparing: what an upload asks for, and whether it may be had. Reads the source; nothing is reserved or written yet."""

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


@dataclass(frozen=True)
class Quote:
    """Settings and plans of uploads, by the stack's parameters. Repeat safe."""

    sources: InputBucket
    default_provider: str
    allowed_providers: Sequence[str]
    stack_defaults: str  # the stack parameter, `key=value,key=value`
    tag_prefix: str
    limits: Limits
    spellings: Mapping[str, Spelling]  # provider → how it spells settings, where the stack's parameter says so
    clock: Clock

    def settings(self, source: SourceObject) -> Settings:
        """What all layers say, the strongest first. Raises SourceGone, InvalidSetting."""
        layers = [
            tag_layer(self.sources.tags(source), self.tag_prefix),
            metadata_layer(source.metadata),
            parse_defaults(self.stack_defaults),
        ]
        return resolve(layers, default_provider=self.default_provider, allowed_providers=self.allowed_providers)

    def plan(self, job: Job, asked: Settings, source: SourceObject) -> tuple[Plan, ImageFacts]:
        """The plan, and what the image is. Raises SourceGone, and a Refusal when it cannot be had."""
        facts = images.inspect(self.sources.reader(source), source.size_bytes)
        today = self.clock().date()
        plan = planning.plan(asked, facts, source.size_bytes, self.limits, today, self.spellings)
        _tell(job, plan)
        return plan, facts

    def priced(self, plan: Plan, credits: Decimal) -> Plan:
        """The plan at the price that the vendor names. Raises PriceAboveLimit."""
        return planning.priced(plan, credits, self.limits)


def _tell(job: Job, plan: Plan) -> None:
    """Which layer gave what, and what was dropped. In the log only: a job's row is near 1 KB, beyond which each of its writes
    would cost twice as much."""
    told = {"provider": plan.provider, "model": plan.model, "layers": dict(plan.layers), "notes": list(plan.notes)}
    log.info("planned", extra={"job_id": job.job_id, "run": job.run, **told})
