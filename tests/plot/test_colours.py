"""Colours stay apart for everybody: the differences that are seen, computed."""

import itertools
import math
import re
from pathlib import Path

import pytest

import micrograd_like
from micrograd_like.draw import network
from micrograd_like.plot.common import BLUE, COLOURS, ORANGE, class_colour, pale
from micrograd_like.plot.outputs import _SHADES, _SHADES_OF_MANY

# What the eye without one kind of cone sees of linear red, green and blue: Machado, Oliveira and
# Fernandes (2009), "A physiologically-based model for simulation of color vision deficiency",
# table of matrices for severity 1.0.
EYES = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
# Linear sRGB to CIE XYZ, and its white (IEC 61966-2-1).
XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
WHITE = (0.95047, 1.0, 1.08883)


def times(matrix, vector):
    return [sum(a * x for a, x in zip(row, vector)) for row in matrix]


def lab(colour, eye="usual"):
    """CIE L*a*b* of what an eye sees of a colour as #rrggbb."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    seen = [min(max(c, 0.0), 1.0) for c in times(EYES[eye], linear)]
    share = [x / white for x, white in zip(times(XYZ, seen), WHITE)]
    x, y, z = (t ** (1 / 3) if t > (6 / 29) ** 3 else t * (29 / 6) ** 2 / 3 + 4 / 29 for t in share)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def difference(one, other):
    """CIEDE2000, by Sharma, Wu and Dalal (2005), equations 2 to 22; 1 is just seen."""
    (l1, a1, b1), (l2, a2, b2) = one, other

    def seventh(chroma):
        return math.sqrt(chroma**7 / (chroma**7 + 25**7))

    grow = 1.5 - 0.5 * seventh((math.hypot(a1, b1) + math.hypot(a2, b2)) / 2)
    c1, c2 = math.hypot(grow * a1, b1), math.hypot(grow * a2, b2)
    h1, h2 = (math.degrees(math.atan2(b, grow * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2))
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    middle = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2

    def wave(times, shift):
        return math.cos(math.radians(times * middle + shift))

    t = 1 - 0.17 * wave(1, -30) + 0.24 * wave(2, 0) + 0.32 * wave(3, 6) - 0.2 * wave(4, -63)
    by_light = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / math.sqrt(20 + (light - 50) ** 2))
    by_chroma, by_hue = (c2 - c1) / (1 + 0.045 * chroma), hue / (1 + 0.015 * chroma * t)
    angle = math.radians(60 * math.exp(-(((middle - 275) / 25) ** 2)))
    both = -2 * seventh(chroma) * math.sin(angle) * by_chroma * by_hue
    return math.sqrt(by_light**2 + by_chroma**2 + by_hue**2 + both)


def closest(colours):
    """The smallest difference of two of these in any eye, and which two in which."""
    return min(
        (difference(lab(one, eye), lab(other, eye)), eye, one, other)
        for one, other in itertools.combinations(colours, 2)
        for eye in EYES
    )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [  # pairs 1, 7, 14, 17 and 25 of the table of Sharma, Wu and Dalal
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
        ((50.0, -0.001, 2.49), (50.0, 0.0011, -2.49), 4.7461),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ],
)
def test_the_difference_is_that_of_the_published_table(one, other, expected):
    assert difference(one, other) == pytest.approx(expected, abs=1e-4)
    assert difference(other, one) == pytest.approx(expected, abs=1e-4)


def test_the_colours_of_lines_and_classes_stay_apart_in_every_eye():
    assert len(set(COLOURS)) == 10
    assert closest(COLOURS)[0] > 15.0, closest(COLOURS)


def test_lines_and_points_are_seen_on_white():
    assert all(closest([colour, "#ffffff"])[0] > 15.0 for colour in COLOURS)


@pytest.mark.parametrize(
    ("n", "palest", "surest"), [(2, 15.0, 15.0), (3, 7.5, 10.0), (10, 3.0, 8.0)]
)
def test_the_regions_of_all_classes_stay_apart_in_every_eye(n, palest, surest):
    shares = _SHADES if n == 2 else _SHADES_OF_MANY
    for share, least in ((shares[0], palest), (shares[-1], surest)):
        regions = [pale(class_colour(k), share) for k in range(n)]
        assert closest(regions)[0] > least, closest(regions)


@pytest.mark.parametrize("shares", [_SHADES, _SHADES_OF_MANY])
def test_what_is_sure_and_what_is_not_is_told_apart_in_every_eye(shares):
    for k in range(len(COLOURS)):
        ends = [pale(class_colour(k), share) for share in (shares[0], shares[-1])]
        assert closest(ends)[0] > 5.0, closest(ends)


def test_what_is_positive_and_what_negative_has_the_same_colours_on_every_page():
    assert (network._POSITIVE, network._NEGATIVE) == (BLUE, ORANGE)
    pages = Path(micrograd_like.__file__).parent.rglob("*.css")
    texts = [text for page in pages if "--pos:#" in (text := page.read_text("utf-8"))]
    assert texts
    for meaning, ours, other in (("pos", BLUE, ORANGE), ("neg", ORANGE, BLUE)):
        for colour in re.findall(rf"--{meaning}:(#[0-9a-f]{{6}})", "".join(texts)):
            for eye in EYES:
                seen = lab(colour, eye)
                assert difference(seen, lab(ours, eye)) < difference(seen, lab(other, eye))
