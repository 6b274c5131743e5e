"""Own settings: checks the values of `provider`, `label` and `retired`, which mean the same for all models. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from darkroom import catalog
from darkroom.errors import InvalidSetting
from darkroom.model import ResolvedSetting
from darkroom.setting_words import did_you_mean, quoted
from darkroom.spelling import closest

REFUSE, REPLACE = "refuse", "replace"  # the values of `retired`, for an upload whose model the provider has retired
LABEL_MAX_CHARACTERS = 256  # S3's limit for a tag value


def check_provider(setting: ResolvedSetting, allowed_providers: Sequence[str]) -> str:
    """Return the provider's name. Raises InvalidSetting if it is unknown or not among `allowed_providers`."""
    allowed = {name.strip().lower() for name in allowed_providers}
    usable = [name for name in catalog.providers() if name in allowed]
    name = setting.value.strip().lower()
    if name in usable:
        return name
    reason = "is not allowed in this stack" if name in catalog.providers() else "is not known"
    near = did_you_mean(closest(name, usable))
    raise InvalidSetting(
        f"provider={quoted(setting.value)} from {setting.layer} {reason}{near or ';'} allowed: {', '.join(usable) or 'none'}"
    )


def check_label(setting: ResolvedSetting | None) -> str | None:
    """Return the label, None if there is none. Raises InvalidSetting if it is too long or has control characters."""
    if setting is None:
        return None
    if len(setting.value) > LABEL_MAX_CHARACTERS or not setting.value.isprintable():
        invalid = f"label={quoted(setting.value)} from {setting.layer} is not valid"
        raise InvalidSetting(f"{invalid}; allowed: up to {LABEL_MAX_CHARACTERS} printable characters")
    return setting.value


def check_retired(setting: ResolvedSetting | None) -> str:
    """Return REFUSE, the default, or REPLACE. Raises InvalidSetting for any other word."""
    if setting is None:
        return REFUSE
    word = setting.value.lower()
    if word not in (REFUSE, REPLACE):
        invalid = f"retired={quoted(setting.value)} from {setting.layer} is not valid"
        near = did_you_mean(closest(word, (REFUSE, REPLACE), n=1)) or ";"
        raise InvalidSetting(f"{invalid}{near} allowed: {REFUSE}, {REPLACE}")
    return word
