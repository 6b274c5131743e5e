"""Tests how names of settings are written in a request (snake_case or camelCase), and which values are added because
the vendor wants them.
"""

from __future__ import annotations

from tests.rows import each_row
from tests.unit.planning_support import planned

from darkroom.model import Spelling

TAGS = {"model": "Standard V2", "fix_compression": "0.3", "denoise": "0.1", "crop_to_fill": "true"}
BOTH = {"topaz": Spelling.BOTH}


@each_row(
    ("spelling", "names"),
    [
        (Spelling.SNAKE, {"fix_compression"}),
        (Spelling.CAMEL, {"fixCompression"}),
        (Spelling.BOTH, {"fix_compression", "fixCompression"}),
    ],
)
def test_a_setting_of_several_words_has_the_names_of_the_spelling(spelling: Spelling, names: set[str]) -> None:
    sent = planned(TAGS, spellings={"topaz": spelling}).parameters
    assert {name: sent[name] for name in names} == dict.fromkeys(names, "0.3")
    # All of the vendor's pages write these names in the same way.
    others = {"model", "denoise", "crop_to_fill", "output_format", "output_width"}
    assert set(sent) == names | others


def test_topaz_gets_both_unless_the_stack_says_otherwise() -> None:
    assert planned(TAGS, spellings={}) == planned(TAGS, spellings=BOTH)


def test_the_ledger_keeps_one_name_of_a_setting_whatever_is_sent() -> None:
    assert planned(TAGS, spellings=BOTH).settings == planned(TAGS).settings


def test_a_face_enhancement_brings_strength_and_creativity() -> None:
    result = planned({"face_enhancement": "yes"})
    filled = ("face_enhancement_strength", "face_enhancement_creativity")
    assert [result.parameters[name] for name in filled] == ["0.8", "0"]
    assert [result.layers[name] for name in filled] == ["default", "default"]
    assert len(result.notes) == 2


def test_what_is_set_is_not_filled_in() -> None:
    result = planned({"face_enhancement": "true", "face_enhancement_strength": "0.2"}, "face_enhancement_creativity=1")
    assert result.parameters["face_enhancement_strength"] == "0.2"
    assert result.parameters["face_enhancement_creativity"] == "1"
    assert result.notes == ()


def test_without_a_face_enhancement_nothing_is_filled_in() -> None:
    assert "face_enhancement_strength" not in planned({"face_enhancement": "false"}).parameters


@each_row(("model", "word"), [("Redefine", "foreground"), ("Lens Blur V2", "Foreground")])
def test_a_subject_has_the_letters_of_the_models_page(model: str, word: str) -> None:
    assert planned({"model": model, "subject_detection": "FOREGROUND"}).parameters["subject_detection"] == word
