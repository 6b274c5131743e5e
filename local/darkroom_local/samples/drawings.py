"""Draws pictures by which an enlargement can be judged: text, edges, gradients and noise.

Every call draws the same pixels. This module must not read any picture.
"""

from __future__ import annotations

import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

Picture = Image.Image
_SEED = 1
_INK, _PAPER, _NIGHT = (24, 24, 28), (246, 243, 236), (8, 8, 22)
_RUST, _SKY, _MOSS = (226, 130, 84), (130, 184, 226), (160, 210, 150)
_PANGRAM = "Sphinx of black quartz, judge my vow. 0123456789"


def lettering() -> Picture:
    """Draw a page of text in smaller and smaller sizes, with hairlines."""
    page = Image.new("RGB", (480, 360), _PAPER)
    pen = ImageDraw.Draw(page)
    top = 14.0
    for size in (34, 26, 20, 16, 13, 11, 9, 8, 7):
        pen.text((16, top), _PANGRAM, fill=_INK, font=ImageFont.load_default(size))
        top += size * 1.45
    for step in range(12):
        pen.line([(16 + step * 38, top + 12), (46 + step * 38, 345)], fill=_INK, width=1 + step // 4)
    return page


def zone_plate() -> Picture:
    """Draw rings that become finer towards the rim, with edges in every direction, next to bars and a fan of lines."""
    side = 256
    rings = Image.new("L", (side, side))
    rings.putdata([_ring(x - side / 2, y - side / 2, side) for y in range(side) for x in range(side)])
    page = Image.new("RGB", (side * 2, side), _PAPER)
    page.paste(ImageOps.colorize(rings, _INK, _PAPER), (0, 0))
    pen = ImageDraw.Draw(page)
    for degrees in range(0, 91, 6):
        angle = math.radians(degrees)
        end = (side + 10 + math.cos(angle) * 230, 10 + math.sin(angle) * 230)
        pen.line([(side + 10, 10), end], fill=_INK, width=1 + degrees // 45)
    return page


def gradients() -> Picture:
    """Draw smooth colour ramps, in which a bad enlargement shows bands or rings."""
    across = Image.linear_gradient("L").rotate(90).resize((480, 320), Image.Resampling.BICUBIC)
    down = Image.linear_gradient("L").resize((480, 320), Image.Resampling.BICUBIC)
    round_one = Image.radial_gradient("L").resize((480, 320), Image.Resampling.BICUBIC)
    page = Image.merge("RGB", (across, down, round_one))
    pen = ImageDraw.Draw(page)
    pen.ellipse((150, 70, 330, 250), outline=_PAPER, width=3)
    pen.text((190, 146), "gradients", fill=_PAPER, font=ImageFont.load_default(22))
    return page


def blurred_street() -> Picture:
    """Draw house fronts with lettered signs, out of focus, as a picture to sharpen."""
    page = Image.new("RGB", (480, 320), (150, 180, 205))
    pen = ImageDraw.Draw(page)
    chance = random.Random(_SEED)  # noqa: S311 (a drawing)
    for number in range(6):
        left, height = number * 80, chance.randint(150, 260)
        wall = (chance.randint(120, 220), chance.randint(90, 160), chance.randint(80, 140))
        pen.rectangle((left, 320 - height, left + 76, 320), fill=wall)
        for row in range(height // 50):
            for column in range(3):
                x, y = left + 8 + column * 23, 330 - height + row * 44
                pen.rectangle((x, y, x + 14, y + 24), fill=(250, 236, 170), outline=_INK)
        pen.text((left + 6, 296), f"No. {number + 1}", fill=_PAPER, font=ImageFont.load_default(15))
    return page.filter(ImageFilter.GaussianBlur(2.2))


def tiny_face() -> Picture:
    """Draw a face of few pixels with grain, for a generative model."""
    big = Image.new("RGB", (480, 480), (92, 120, 150))
    pen = ImageDraw.Draw(big)
    pen.ellipse((90, 60, 390, 440), fill=(236, 200, 172), outline=(120, 84, 60), width=6)
    pen.chord((84, 30, 396, 260), 180, 360, fill=(70, 46, 30))
    for x in (170, 310):
        pen.ellipse((x - 34, 210, x + 34, 256), fill=_PAPER, outline=_INK, width=4)
        pen.ellipse((x - 14, 216, x + 14, 248), fill=(60, 90, 70))
        pen.arc((x - 44, 176, x + 44, 230), 200, 340, fill=(70, 46, 30), width=9)
    pen.line([(240, 240), (224, 316), (256, 316)], fill=(170, 120, 92), width=6, joint="curve")
    pen.chord((178, 330, 302, 396), 0, 180, fill=(176, 60, 62))
    return _grain(big.resize((160, 160), Image.Resampling.LANCZOS), strength=18)


def jumper() -> Picture:
    """Draw a jumper on a hanger, with rows of small stitches, ribs at the hem and a pattern across the chest."""
    page = Image.new("RGB", (320, 320), _PAPER)
    pen = ImageDraw.Draw(page)
    pen.arc((148, 8, 172, 36), 180, 450, fill=_INK, width=2)
    wool = Image.new("L", page.size)
    cut = ImageDraw.Draw(wool)
    cut.polygon([(110, 40), (210, 40), (238, 300), (82, 300)], fill=255)
    for sleeve in ([(110, 40), (20, 90), (44, 150), (100, 116)], [(210, 40), (300, 90), (276, 150), (220, 116)]):
        cut.polygon(sleeve, fill=255)
    knit = Image.new("RGB", page.size, (128, 40, 52))
    needle = ImageDraw.Draw(knit)
    for y in range(36, 304, 7):
        for x in range(16, 304, 8):
            is_pattern = 112 <= y < 168 and (x // 8 + y // 7) % 4 == 0
            yarn = _PAPER if is_pattern else (168, 62, 70) if y < 280 or x // 8 % 2 else (96, 26, 40)
            needle.line([(x, y), (x + 4, y + 6), (x + 8, y)], fill=yarn, width=2)
    page.paste(knit, (0, 0), wool)
    pen.arc((130, 20, 190, 64), 0, 180, fill=_INK, width=3)
    return page


def badge() -> Picture:
    """Draw a small emblem of flat colours, whose edges an enlargement should keep crisp."""
    page = Image.new("RGB", (120, 120), _PAPER)
    pen = ImageDraw.Draw(page)
    pen.ellipse((6, 6, 114, 114), fill=(20, 88, 120), outline=_INK, width=3)
    pen.regular_polygon((60, 52, 34), 5, rotation=36, fill=(240, 186, 60), outline=_INK)
    pen.ellipse((48, 40, 72, 64), fill=(176, 60, 62))
    pen.text((60, 98), "DARKROOM", fill=_PAPER, font=ImageFont.load_default(13), anchor="mm")
    return page


def planets() -> Picture:
    """Draw a sky as in digital art: shaded balls with hard rims in front of many stars."""
    page = Image.new("RGB", (360, 240), _NIGHT)
    pen = ImageDraw.Draw(page)
    chance = random.Random(_SEED)  # noqa: S311 (a drawing)
    for _ in range(160):
        light = chance.randint(90, 255)
        pen.point((chance.randrange(360), chance.randrange(240)), fill=(light, light, light))
    for left, top, size, hue in ((40, 50, 140, _RUST), (220, 30, 70, _SKY), (250, 130, 90, _MOSS)):
        lit = Image.radial_gradient("L").resize((size * 3, size * 3)).crop((size, size, size * 2, size * 2))
        rim = Image.new("L", (size, size))
        ImageDraw.Draw(rim).ellipse((0, 0, size - 1, size - 1), fill=255)
        page.paste(ImageOps.colorize(lit, hue, _NIGHT), (left, top), rim)
    pen.arc((10, 96, 210, 144), 340, 200, fill=(230, 210, 170), width=3)
    return page


def blurred_clock() -> Picture:
    """Draw a clock's face with numerals and ticks, out of focus."""
    page = Image.new("RGB", (320, 320), (74, 88, 96))
    pen = ImageDraw.Draw(page)
    pen.ellipse((14, 14, 306, 306), fill=_PAPER, outline=_INK, width=8)
    for minute in range(60):
        angle = math.radians(minute * 6 - 90)
        inner = 122 if minute % 5 == 0 else 130
        ends = [(160 + math.cos(angle) * r, 160 + math.sin(angle) * r) for r in (inner, 138)]
        pen.line(ends, fill=_INK, width=4 if minute % 5 == 0 else 1)
        if minute % 5 == 0:
            place = (160 + math.cos(angle) * 104, 160 + math.sin(angle) * 104)
            pen.text(place, str(minute // 5 or 12), fill=_INK, font=ImageFont.load_default(24), anchor="mm")
    pen.line([(160, 160), (104, 128)], fill=_INK, width=8)
    pen.line([(160, 160), (206, 70)], fill=_INK, width=5)
    return page.filter(ImageFilter.GaussianBlur(2.6))


def _ring(x: float, y: float, side: int) -> int:
    return round(127.5 + 127.5 * math.cos(math.pi * (x * x + y * y) / side))


def _grain(picture: Picture, strength: int) -> Picture:
    chance = random.Random(_SEED)  # noqa: S311 (a drawing)
    noise = Image.new("L", picture.size)
    noise.putdata([128 + chance.randint(-strength, strength) for _ in range(picture.width * picture.height)])
    return ImageChops.add(picture, Image.merge("RGB", (noise, noise, noise)), scale=1, offset=-128)
