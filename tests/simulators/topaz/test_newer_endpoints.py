"""Tests the newer endpoints of the Topaz simulator: how each changes a picture, what it costs, and what it refuses."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image, ImageStat
from tests.rows import each_row
from tests.simulators.picture_server import opened
from tests.simulators.topaz.support import balance, finished, picture, result_of, submit, submitted

from darkroom_local.simulators.topaz import TopazSimulator
from darkroom_local.simulators.topaz.published_facts import ENDPOINTS
from darkroom_local.simulators.topaz.request_checks import check_fields, price_request

RATES = {
    "sharpen-gen": 20, "denoise": 24, "denoise-gen": 20, "restore-gen": 24, "lighting": 24, "matting": 24, "tool": 24,
}  # fmt: skip
MODELS = {
    "sharpen-gen": ["Super Focus", "Super Focus V2", "Super Focus V3"],
    "denoise": ["Normal", "Strong", "Extreme"],
    "denoise-gen": ["Denoise Max"],
    "restore-gen": ["Dust-Scratch", "Dust-Scratch V2"],
    "lighting": ["Adjust", "Adjust V2", "White Balance", "Colorize"],
    "matting": ["Object", "RemoveBG"],
    "tool": ["Transparency Upscale"],
}
PNG_ONLY = ("matting", "tool")


def square() -> bytes:
    """Return a picture of a dark square on bright ground. A white pixel on the square stands for dust on an object."""
    image = Image.new("RGB", (60, 40), (230, 220, 210))
    image.paste((40, 60, 90), (20, 10, 40, 30))
    image.putpixel((30, 20), (255, 255, 255))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def made(http: httpx.Client, endpoint: str, data: bytes | None = None, **fields: Any) -> Image.Image:
    """Send the picture of the square, or `data`, to an endpoint. Return the result, which is a PNG."""
    wishes = {"data": data or square(), "output_format": "png", **fields}
    return opened(result_of(http, submitted(http, path=f"/{endpoint}/async", **wishes)))


def means(image: Image.Image) -> list[float]:
    return ImageStat.Stat(image).mean


@pytest.mark.parametrize(("endpoint", "model"), [(name, model) for name, models in MODELS.items() for model in models])
def test_every_model_goes_from_submit_to_a_picture(
    sim: TopazSimulator, http: httpx.Client, endpoint: str, model: str
) -> None:
    process_id = submitted(http, data=square(), path=f"/{endpoint}/async", model=model)
    status = finished(http, process_id)
    format = "png" if endpoint in PNG_ONLY else "jpeg"
    assert (status["model"], status["output_format"], status["credits"]) == (model, format, 1)
    assert (status["output_width"], status["output_height"]) == (60, 40)
    image = opened(result_of(http, process_id))
    assert (str(image.format).lower(), image.size) == (format, (60, 40))
    assert balance(sim)["available_credits"] == 9_999


@pytest.mark.parametrize("endpoint", RATES)
def test_the_first_model_is_taken_when_none_is_named(http: httpx.Client, endpoint: str) -> None:
    process_id = submitted(http, path=f"/{endpoint}/async")
    assert http.get(f"/status/{process_id}").json()["model"] == MODELS[endpoint][0]


@each_row(("endpoint", "rate"), RATES.items())
def test_a_credit_buys_the_endpoints_megapixels_and_not_a_pixel_more(endpoint: str, rate: int) -> None:
    wishes = check_fields(ENDPOINTS[endpoint], {})
    credits = [price_request(wishes, 1000, rate * 1000 + rows, 512).credits for rows in (0, 1)]
    assert credits == [1, 2]


@pytest.mark.parametrize("endpoint", [name for name in RATES if name not in PNG_ONLY])
@pytest.mark.parametrize(("asked", "format"), [("jpg", "JPEG"), ("png", "PNG"), ("tif", "TIFF")])
def test_the_format_asked_for_is_given(http: httpx.Client, endpoint: str, asked: str, format: str) -> None:
    assert made(http, endpoint, output_format=asked).format == format


@pytest.mark.parametrize("endpoint", [name for name in RATES if name != "tool"])
def test_a_size_is_ignored_where_the_endpoint_takes_none(http: httpx.Client, endpoint: str) -> None:
    wishes = {"output_width": 120, "output_height": "x", "crop_to_fill": "maybe", "creativity": 99}
    assert made(http, endpoint, **wishes).size == (60, 40)


def test_sharpening_changes_the_pixels_by_its_strength(http: httpx.Client) -> None:
    seen = [
        made(http, "sharpen-gen", **wishes).tobytes()
        for wishes in ({"strength": 0}, {"strength": 0.2}, {"strength": 0.2, "focus_boost": 1}, {})
    ]
    assert seen[0] == opened(square()).tobytes()
    assert len(set(seen)) == 4


def test_a_seed_makes_a_result_repeatable(http: httpx.Client) -> None:
    process_ids = [submitted(http, data=square(), path="/sharpen-gen/async", seed=-7) for _ in range(2)]
    first, second = (result_of(http, process_id) for process_id in process_ids)
    assert first == second
    assert json.loads(http.get(f"/status/{process_ids[0]}").json()["options_json"]) == {"seed": -7}


def test_denoising_takes_dust_away_the_stronger_the_model(http: httpx.Client) -> None:
    dust = [made(http, "denoise", model=model).getpixel((30, 20)) for model in MODELS["denoise"]]
    assert dust == sorted(dust, reverse=True)
    assert dust[-1] == (40, 60, 90)
    kept = made(http, "denoise", model="Extreme", original_detail=1)
    assert kept.getpixel((30, 20)) == (255, 255, 255)


def test_restoring_takes_dust_away(http: httpx.Client) -> None:
    assert made(http, "restore-gen").getpixel((30, 20)) == (40, 60, 90)


def test_exposure_highlight_and_shadow_are_factors(http: httpx.Client) -> None:
    plain, black = (made(http, "lighting", exposure=factor) for factor in (1, 0))
    assert plain.tobytes() == opened(square()).tobytes()
    assert means(black) == [0, 0, 0]
    spots = (0, 0), (25, 15)
    darker, lighter = made(http, "lighting", highlight=0.5), made(http, "lighting", shadow=2)
    lost = [plain.getpixel(spot)[0] / darker.getpixel(spot)[0] for spot in spots]
    won = [lighter.getpixel(spot)[0] / plain.getpixel(spot)[0] for spot in spots]
    assert lost[0] > lost[1] > 1
    assert won[1] > won[0] > 1
    assert made(http, "lighting", color_correction="true").tobytes() != plain.tobytes()


def test_white_balance_moves_red_against_blue(http: httpx.Client) -> None:
    warm, cold = (made(http, "lighting", model="White Balance", temperature=value) for value in (0.9, 0.1))
    faint = made(http, "lighting", model="White Balance", temperature=0.9, opacity=0.1)
    red, blue = 0, 2
    assert means(warm)[red] > means(faint)[red] > means(cold)[red]
    assert means(warm)[blue] < means(faint)[blue] < means(cold)[blue]


def test_colorizing_gives_a_grey_picture_colours(http: httpx.Client) -> None:
    image = made(http, "lighting", data=picture(mode="L"), model="Colorize")
    assert image.mode == "RGB"
    assert len({round(mean) for mean in means(image)}) == 3


def test_other_light_keeps_transparency(http: httpx.Client) -> None:
    source = Image.new("RGBA", (20, 10), (90, 90, 90, 77))
    buffer = io.BytesIO()
    source.save(buffer, "PNG")
    assert made(http, "lighting", data=buffer.getvalue(), exposure=1.5).getpixel((3, 3)) == (135, 135, 135, 77)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_matting_leaves_the_object_and_clears_its_ground(http: httpx.Client, mode: str) -> None:
    source = opened(square()).convert(mode)
    if mode == "RGBA":
        source.putpixel((22, 12), (0, 0, 0, 0))
    buffer = io.BytesIO()
    source.save(buffer, "PNG")
    image = made(http, "matting", data=buffer.getvalue())
    assert (image.mode, image.getpixel((25, 15))) == ("RGBA", (40, 60, 90, 255))
    alpha = image.getchannel("A")
    assert (alpha.getpixel((0, 0)), alpha.getpixel((59, 39))) == (0, 0)
    assert alpha.getpixel((22, 12)) == (0 if mode == "RGBA" else 255)


def test_the_tool_enlarges_up_to_four_times_and_keeps_transparency(http: httpx.Client) -> None:
    source = Image.new("RGBA", (20, 10), (200, 100, 50, 255))
    source.paste((200, 100, 50, 0), (0, 0, 10, 10))
    buffer = io.BytesIO()
    source.save(buffer, "PNG")
    image = made(http, "tool", data=buffer.getvalue(), output_width=80)
    assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (80, 40))
    assert (image.getpixel((5, 20))[3], image.getpixel((75, 20))[3]) == (0, 255)


@pytest.mark.parametrize(
    ("endpoint", "fields"),
    [
        *((endpoint, {"model": "Standard V9"}) for endpoint in RATES),
        *((endpoint, {"output_format": "jpeg"}) for endpoint in PNG_ONLY),
        ("sharpen-gen", {"model": "Standard"}),
        ("sharpen-gen", {"strength": -0.1}),
        ("sharpen-gen", {"focus_boost": 0.2}),
        ("sharpen-gen", {"seed": 1.5}),
        ("denoise", {"model": "Denoise Normal"}),
        ("denoise", {"strength": 0}),
        ("denoise", {"minor_deblur": 1.1}),
        ("denoise", {"original_detail": "much"}),
        ("restore-gen", {"face_enhancement_strength": 2}),
        ("lighting", {"exposure": 2.1}),
        ("lighting", {"model": "Adjust V2", "highlight": -1}),
        ("lighting", {"shadow": "nan"}),
        ("lighting", {"color_correction": "yes"}),
        ("lighting", {"model": "White Balance", "temperature": 0}),
        ("lighting", {"model": "White Balance", "opacity": 1.01}),
        ("matting", {"subject_detection": "Sky"}),
        ("tool", {"output_width": 0}),
        ("tool", {"output_width": 241}),
        ("tool", {"output_width": 60, "output_height": 161}),
    ],
)
def test_a_bad_value_is_refused_with_400_and_costs_nothing(
    sim: TopazSimulator, http: httpx.Client, endpoint: str, fields: dict[str, Any]
) -> None:
    answer = submit(http, path=f"/{endpoint}/async", **fields)
    assert (answer.status_code, answer.json()["code"]) == (400, 400)
    assert sim.submits == []
    assert balance(sim)["available_credits"] == 10_000
