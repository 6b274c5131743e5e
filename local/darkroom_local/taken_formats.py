"""Which files of a folder a run takes for pictures: those with the endings of a format that its provider takes.

It knows names only. Whether a file is what its name says, submit checks.
"""

from __future__ import annotations

from collections.abc import Mapping

from darkroom import catalog
from darkroom.model import RESULT_FORMATS, ImageFormat
from darkroom.output_keys import SUFFIXES
from darkroom.setting_layers import canonical, parse_defaults

DEFAULT_PROVIDER = "topaz"  # the template's default of Provider


def provider_of(settings: Mapping[str, str], parameters: Mapping[str, str]) -> str:
    """The provider of a run: the one that its settings name, or else the stack's default settings, or the stack."""
    defaults = parse_defaults(parameters.get("DefaultSettings", "")).values
    said = {canonical(key): value.lower() for key, value in {**defaults, **settings}.items()}
    return said.get("provider") or parameters.get("Provider", DEFAULT_PROVIDER)


def formats(provider: str) -> frozenset[ImageFormat]:
    """The formats that some model of the provider takes. TIFF is always among them, since submit says what to do about it."""
    if provider not in catalog.providers():
        return frozenset(RESULT_FORMATS)
    models = catalog.load(provider).models.values()
    return frozenset(RESULT_FORMATS).union(*(model.input_formats for model in models))


def suffixes(provider: str) -> frozenset[str]:
    """The endings of the names of those pictures, in lower case."""
    return frozenset(suffix for form in formats(provider) for suffix in SUFFIXES[form])


def takers(form: ImageFormat) -> list[str]:
    """The providers that take a format."""
    return [name for name in catalog.providers() if form in formats(name)]
