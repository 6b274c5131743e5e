"""The order of the layers: every pair of them, and that resolution always ends in a result or in one clear error."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from tests.rows import each_row

from darkroom import folder_files
from darkroom.errors import InvalidSetting
from darkroom.folder_files import FolderFile
from darkroom.setting_layers import (
    COMMAND,
    Layer,
    Settings,
    canonical,
    known_keys,
    metadata_layer,
    parse_defaults,
    resolve,
    skipped,
    tag_layer,
)

KEY = "shop/new/a.jpg"
NEAR, FAR = "shop/new/darkroom.toml", "darkroom.toml"
# The layers, strongest first. A preset comes right below the layer that names it.
ORDER = (
    "--set", "preset of --set", "tags", "preset of tags", "metadata", "preset of metadata", "last rule", "preset of last rule",
    "first rule", "preset of first rule", "nearest file", "preset of nearest file", "parent's rule", "parent's file",
    "preset of parent's file", "stack", "preset of stack",
)  # fmt: skip


def file(key: str, *, rules: Sequence[str] = (), top: str = "") -> FolderFile | None:
    """Return a darkroom.toml with those lines, None without any."""
    text = "\n".join([top, *(f'[[rules]]\nmatch = "*.jpg"\n{rule}' for rule in rules)])
    return folder_files.parse(key, text.encode(), ("topaz",)) if top or any(rules) else None


def resolved(*wanted: str) -> Settings:
    """Resolve the layers of those names. Each sets `label` to its own name, or names a preset that does."""
    presets = {f"of {name}": {"label": f"preset of {name}"} for name in ORDER}

    def lines(name: str) -> dict[str, str]:
        own = {"label": name} if name in wanted else {}
        return own | ({"preset": f"of {name}"} if f"preset of {name}" in wanted else {})

    def toml(name: str) -> str:
        return "\n".join(f'{key} = "{value}"' for key, value in lines(name).items())

    near = file(
        NEAR, rules=[rule for rule in (toml("first rule"), toml("last rule")) if rule], top=toml("nearest file")
    )
    far = file(FAR, rules=[toml("parent's rule")] if toml("parent's rule") else [], top=toml("parent's file"))
    files = [one for one in (near, far) if one]
    layers = [
        Layer(COMMAND, lines("--set"), carried_by_object=True, closed=True),
        tag_layer(lines("tags")),
        metadata_layer(lines("metadata")),
        *(layer for one in files for layer in one.layers(KEY)),
        parse_defaults(",".join(f"{key}={value}" for key, value in lines("stack").items())),
    ]
    return resolve(layers, default_provider="topaz", allowed_providers=["topaz"], presets=presets)


@each_row(("stronger", "weaker"), list(itertools.combinations(ORDER, 2)))
def test_the_stronger_of_each_pair_of_layers_wins(stronger: str, weaker: str) -> None:
    assert resolved(stronger, weaker).values["label"].value == stronger


@each_row("layer", ORDER)
def test_each_layer_counts_alone(layer: str) -> None:
    assert resolved(layer).values["label"].value == layer


def test_all_layers_together_are_listed_strongest_first_with_what_lost() -> None:
    plain = [name for name in ORDER if not name.startswith("preset")]
    settings = resolved(*plain)
    lost = [one.value for one in settings.overridden["label"]]
    assert [settings.values["label"].value, *lost] == plain


# --- totality

texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["true", "2", "0.5", "-1", "CGI", "Standard V2", "topaz", "oxen", "web", "NaN", "jpeg", "", " "]),
)
keys = st.one_of(
    st.sampled_from(sorted(known_keys())), st.text(max_size=10), st.sampled_from(["Project", "sclae", "ship"])
)
tables = st.dictionaries(keys, texts, max_size=5)
toml_values = st.recursive(
    st.one_of(st.text(max_size=8), st.integers(), st.booleans(), st.floats(allow_nan=True), st.dates()),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


def toml_text(table: dict[str, object]) -> str:
    """Write a table as TOML, with every key in quotes."""

    def value(one: object) -> str:
        if isinstance(one, list):
            return "[" + ", ".join(map(value, one)) + "]"
        if isinstance(one, bool):
            return str(one).lower()
        return json.dumps(one) if isinstance(one, str) else str(one)

    return "\n".join(f"{json.dumps(key)} = {value(one)}" for key, one in table.items())


@given(tags=tables, metadata=tables, top=st.dictionaries(keys, toml_values, max_size=3), raw=st.binary(max_size=60))
def test_resolution_ends_in_a_result_or_one_clear_error(
    tags: dict[str, str], metadata: dict[str, str], top: dict[str, object], raw: bytes
) -> None:
    files = []
    for key, body in ((FAR, toml_text(top).encode(errors="replace")), (NEAR, raw)):
        with suppress(InvalidSetting):
            files.append(folder_files.parse(key, body, ("topaz", "oxen")))
    layers = [tag_layer(tags), metadata_layer(metadata), *(layer for one in files for layer in one.layers(KEY))]
    with suppress(InvalidSetting):
        settings = skipped(layers, "topaz") or resolve(
            layers,
            default_provider="topaz",
            allowed_providers=["topaz", "oxen"],
            presets=folder_files.presets_of(files),
        )
        assert settings.skip or settings.provider in ("topaz", "oxen")


@given(strong=tables, weak=tables)
def test_a_weaker_layer_never_changes_what_a_stronger_one_set(strong: dict[str, str], weak: dict[str, str]) -> None:
    def values(*layers: Layer) -> dict[str, str] | None:
        try:
            settings = resolve(layers, default_provider="topaz", allowed_providers=["topaz", "oxen"])
        except InvalidSetting:
            return None
        return {key: setting.value for key, setting in settings.values.items() if setting.layer == "tags"}

    alone, together = values(tag_layer(strong)), values(tag_layer(strong), metadata_layer(weak))
    if alone is None or together is None or "skip" in {canonical(key) for key in (*strong, *weak)}:
        return
    # The lowest max_credits of all layers counts, whichever layer has it.
    assert together == {key: value for key, value in alone.items() if key in together}
    assert alone.keys() - together.keys() <= {"max_credits"}
