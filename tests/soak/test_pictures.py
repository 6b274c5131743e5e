"""Tests the picture reader with many more mutations, cuts and trailers than the unit tests do."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.picture_corpus import LAYOUTS
from tests.unit.test_images_hostile import SAMPLES, metered
from tests.unit.test_images_trailers import PICTURES, is_accepted, scan_at, video
from tests.unit.test_images_webp_gif import SAMPLES as WEBP_AND_GIF

from darkroom.errors import UnsupportedFormat

MUTATIONS = 100_000
MAX_SECONDS = 0.2
MAX_FILE_BYTES = 300_000
MAX_TRAILER_BYTES = 6_000_000
MAX_ACCEPTED_SHARE = 0.02  # the share of cut pictures with a video behind them that may be accepted
MIN_ACCEPTED_SHARE = 0.97  # the share of whole pictures with a video behind them that must be accepted


def originals() -> list[bytes]:
    corpus = (data for layout in LAYOUTS for data in layout.files())
    small = [data for data in corpus if len(data) <= MAX_FILE_BYTES]
    return [*SAMPLES.values(), *WEBP_AND_GIF.values(), *small]


def mutated(whole: bytes, chance: random.Random) -> bytes:
    data = bytearray(whole)
    for _ in range(chance.choice((1, 2, 8, 40))):
        # Headers and directories are at the two ends of a file, so most changes are made there.
        at = chance.choice(
            (chance.randrange(min(900, len(data))), chance.randrange(len(data)), -1 - chance.randrange(60))
        )
        data[at % len(data)] = chance.choice((0, 1, 0x7F, 0x80, 0xD9, 0xFF, chance.randrange(256)))
    if chance.random() < 0.3:
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(9)] = chance.randbytes(chance.randrange(9))
    if chance.random() < 0.1:
        data += data[chance.randrange(len(data)) :]
    return bytes(data)


@pytest.mark.slow
def test_a_hundred_thousand_mutations_raise_nothing_but_a_refusal_and_take_no_time() -> None:
    chance, wholes, longest = random.Random(15), originals(), 0.0
    for _ in range(MUTATIONS):
        data = mutated(chance.choice(wholes), chance)
        begin = time.process_time()
        with contextlib.suppress(UnsupportedFormat):
            metered(data)
        longest = max(longest, time.process_time() - begin)
    assert longest < MAX_SECONDS


@pytest.mark.slow
def test_no_cut_picture_that_stands_alone_is_accepted() -> None:
    chance = random.Random(16)
    for whole in PICTURES.values():
        assert not any(is_accepted(whole[: chance.randrange(4, len(whole) - 1)]) for _ in range(3000))


@pytest.mark.slow
def test_pictures_with_a_video_behind_them_are_accepted_by_whether_they_are_whole() -> None:
    chance = random.Random(17)

    def trailers() -> Iterator[bytes]:
        for seed in range(300):
            yield video(chance.randrange(1000, MAX_TRAILER_BYTES), seed)

    whole = [is_accepted(chance.choice(list(PICTURES.values())) + trailer) for trailer in trailers()]
    assert sum(whole) >= MIN_ACCEPTED_SHARE * len(whole)
    cut = []
    for trailer in trailers():
        data = chance.choice(list(PICTURES.values()))
        cut.append(is_accepted(data[: chance.randrange(scan_at(data) + 1, len(data) - 1)] + trailer))
    assert sum(cut) <= MAX_ACCEPTED_SHARE * len(cut)


@pytest.mark.slow
@given(st.sampled_from(sorted(PICTURES)), st.floats(0, 1), st.binary(max_size=200), st.floats(0, 1))
@settings(max_examples=3000)
def test_a_whole_picture_stays_whole_with_segments_of_any_kind_before_its_frame(
    name: str, share: float, metadata: bytes, cut: float
) -> None:
    whole = PICTURES[name]
    segment = b"\xff" + bytes([0xE0 + int(share * 14)]) + (len(metadata) + 2).to_bytes(2, "big") + metadata
    data = whole[:2] + segment * (1 + int(share * 300)) + whole[2:]
    assert is_accepted(data)
    assert not is_accepted(data[: int(cut * (len(data) - 2))] or b"\x00")
