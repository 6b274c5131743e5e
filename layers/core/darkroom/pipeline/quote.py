"""Reads an upload's settings and image, and makes the plan with its price. It reserves and writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

from darkroom import folder_files, images, planning, setting_checks, setting_layers
from darkroom.errors import InvalidSetting, Refusal, WrongDefaults
from darkroom.model import ImageFacts, Job, Limits, Plan, SourceObject, Spelling
from darkroom.pipeline.folder_settings import FolderSettings
from darkroom.planning import RetiredModel
from darkroom.ports import Clock, InputBucket
from darkroom.setting_layers import STACK, Layer, Settings, UnknownPreset, metadata_layer, tag_layer

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Quote:
    """Makes the settings and the plan of an upload, by the stack's parameters. Repeat safe."""

    sources: InputBucket
    folders: FolderSettings
    default_provider: str
    allowed_providers: Sequence[str]
    stack_defaults: str  # the stack parameter DefaultSettings, `key=value,key=value`
    tag_prefix: str
    metadata_prefix: str | None  # None = metadata holds no settings
    limits: Limits
    spellings: Mapping[str, Spelling]  # provider → spelling of its settings, from the stack parameter SettingSpelling
    clock: Clock

    def settings(self, source: SourceObject, above: Sequence[Layer] = ()) -> Settings:
        """Return the settings, resolved from tags, metadata, `darkroom.toml` files and stack defaults. `above` are stronger than
        all of them. Raises WrongDefaults, SourceGone, SourceDenied, InvalidSetting."""
        layers = [*above, tag_layer(self.sources.tags(source), self.tag_prefix)]
        if self.metadata_prefix is not None:
            layers.append(metadata_layer(source.metadata, self.metadata_prefix))
        if (skipped := setting_layers.skipped(layers, self.default_provider)) is not None:
            return skipped  # whatever the files and the defaults say
        defaults = self.defaults
        files = self.folders.of(source.bucket, source.key, source.last_modified)
        try:
            found = setting_layers.resolve(
                [*layers, *(layer for file in files for layer in file.layers(source.key)), defaults],
                default_provider=self.default_provider,
                allowed_providers=self.allowed_providers,
                presets=folder_files.presets_of(files),
            )
        except UnknownPreset as unknown:
            raise (_wrong_defaults(unknown) if unknown.layer == STACK else unknown) from None
        return replace(found, output=folder_files.output_of(files))

    @cached_property
    def defaults(self) -> Layer:
        """The layer of the stack's defaults. Raises WrongDefaults if no upload could use them."""
        try:
            return setting_checks.check_defaults(self.stack_defaults, self.default_provider, self.allowed_providers)
        except InvalidSetting as fault:
            raise _wrong_defaults(fault) from None

    def plan(self, job: Job, settings: Settings, source: SourceObject) -> tuple[Plan, ImageFacts]:
        """Return the plan and the image's facts. Raises SourceGone, WrongDefaults, and a Refusal if the job must be rejected."""
        plan, facts = self.look(settings, source)
        _log_plan(job, plan)
        return plan, facts

    def look(self, settings: Settings, source: SourceObject) -> tuple[Plan, ImageFacts]:
        """Return the same as `plan` for an upload that has no job."""
        facts = images.inspect(self.sources.reader(source), source.size_bytes)
        return self.plan_of(settings, facts, source.size_bytes), facts

    def plan_of(self, settings: Settings, facts: ImageFacts, size_bytes: int) -> Plan:
        """Return the plan for an image whose facts are known. Raises a Refusal if the job must be rejected, and WrongDefaults if
        the stack's defaults name a model that the provider has retired."""
        try:
            return planning.plan(settings, facts, size_bytes, self.limits, self.clock().date(), self.spellings)
        except RetiredModel as gone:
            raise (_wrong_defaults(gone) if gone.is_wrong_default else gone) from None

    def with_price(self, plan: Plan, credits: Decimal) -> Plan:
        """Return the plan with the price `credits`, which the vendor estimated. Raises PriceAboveLimit."""
        return planning.with_price(plan, credits, self.limits)


def _wrong_defaults(fault: Refusal) -> WrongDefaults:
    return WrongDefaults(
        f"the stack parameter DefaultSettings is wrong: {fault}; correct it and deploy again, uploads wait meanwhile"
    )


def _log_plan(job: Job, plan: Plan) -> None:
    """Log which layer each setting comes from, and which settings were dropped. The ledger does not keep this, because a job's
    row has nearly 1 KB, and each write of a larger row costs twice as much."""
    details = {"provider": plan.provider, "model": plan.model, "layers": dict(plan.layers), "notes": list(plan.notes)}
    log.info("planned", extra={"job_id": job.job_id, "run": job.run, **details})
