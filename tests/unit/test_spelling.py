"""Tests which words count as misspelt settings and which do not."""

from __future__ import annotations

from tests.rows import each_row

from darkroom.setting_layers import canonical, known_keys
from darkroom.spelling import COMMON_TAG_KEYS, closest, distance, is_near_miss


@each_row(
    ("left", "right", "apart"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("scale", "scale", 0),
        ("sclae", "scale", 1),
        ("modle", "model", 1),
        ("scal", "scale", 1),
        ("scaale", "scale", 1),
        ("scole", "scale", 1),
        ("ca", "abc", 2),
        ("a cat", "an abct", 3),
        ("output_wdxith", "output_width", 2),
        ("kitten", "sitting", 3),
        ("project", "prompt", 3),
        ("stage", "scale", 2),
    ],
)
def test_the_distance_counts_edits_and_swaps_of_neighbours(left: str, right: str, apart: int) -> None:
    assert distance(left, right) == distance(right, left) == apart


TYPOS = [
    "sclae", "scal", "modle", "mdoel", "modell", "denoize", "denoies", "out_put_width", "output_widht",
    "ouput_height", "outputwidth", "out-put-width", "Face-Enhancment", "faceEnhancementCreativity", "max_credit",
    "maxcredits", "provder", "lable", "skpi", "crop_to_fil", "sharpen_", "subject_detecton", "promt", "outputFormat",
]  # fmt: skip
STRANGERS = [
    "Name", "Project", "Stage", "State", "Style", "Owner", "Environment", "Team", "Type", "cost-center",
    "CostCenter", "cost_centre", "Department", "Application", "aws:cloudformation:stack-name", "Version",
    "photographer", "camera", "customer-id", "retention", "Status", "Role", "Title", "Table", "Module", "Level",
    "workload", "created", "x", "ship", "skin", "ski", "skips", "shop", "mood", "feed",
]  # fmt: skip


@each_row("key", [*TYPOS, " model", "output width"])
def test_a_mistyped_key_is_a_near_miss(key: str) -> None:
    assert is_near_miss(canonical(key), known_keys())


@each_row("key", [*STRANGERS, ""])
def test_a_strangers_key_is_not_a_near_miss(key: str) -> None:
    assert not is_near_miss(canonical(key), known_keys())


@each_row("key", sorted(known_keys()))
def test_a_known_key_is_not_a_near_miss_of_another(key: str) -> None:
    assert not is_near_miss(key, known_keys())


def test_no_common_tag_key_is_one_of_ours() -> None:
    assert not COMMON_TAG_KEYS & known_keys()


def test_letters_put_between_two_that_were_swapped_are_forgiven_in_long_keys() -> None:
    assert is_near_miss("output_wdxith", {"output_width"})


def test_two_edits_are_forgiven_only_in_long_keys() -> None:
    assert not is_near_miss("scxxe", {"scale"})
    assert is_near_miss("output_wxxth", {"output_width"})
    assert not is_near_miss("output_xxxth", {"output_width"})


def test_the_closest_names_come_nearest_first_then_by_name() -> None:
    assert closest("standard v3", ["Standard MAX", "Standard V2", "Standard", "CGI"]) == (
        "Standard V2",
        "Standard",
        "Standard MAX",
    )
    assert closest("denois", ["sharpen", "denoise"], n=1) == ("denoise",)


def test_names_that_share_too_little_are_not_offered() -> None:
    assert closest("zzzz", ["model", "scale"]) == ()
