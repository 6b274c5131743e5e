"""Own settings: checks the values of Darkroom's own settings, which mean the same for all models. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from darkroom import catalog
from darkroom.errors import InvalidSetting
from darkroom.model import IccRule, KeepMetadata, ResolvedSetting
from darkroom.setting_words import did_you_mean, quoted
from darkroom.spelling import closest

REFUSE, REPLACE = "refuse", "replace"  # the values of `retired`, for an upload whose model the provider has retired
# Settings whose value is one word of a list, and that are checked alike
CHOICES: Mapping[str, tuple[str, ...]] = {"keep_metadata": tuple(KeepMetadata), "icc": tuple(IccRule)}
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
    return _one_of("retired", setting, (REFUSE, REPLACE))


def check_choice(name: str, setting: ResolvedSetting) -> ResolvedSetting:
    """Return the setting `name` with its value in lower case. Raises InvalidSetting unless CHOICES has the value."""
    return ResolvedSetting(_one_of(name, setting, CHOICES[name]), setting.layer)


def _one_of(name: str, setting: ResolvedSetting, words: Sequence[str]) -> str:
    word = setting.value.lower()
    if word not in words:
        invalid = f"{name}={quoted(setting.value)} from {setting.layer} is not valid"
        near = did_you_mean(closest(word, words, n=1)) or ";"
        raise InvalidSetting(f"{invalid}{near} allowed: {', '.join(words)}")
    return word
