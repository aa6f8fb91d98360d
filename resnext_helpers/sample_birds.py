"""Draws the course's sample: four species of birds, in the folder layout of real photographs.

A bird is a list of smooth shapes (`Sketch`). It is tilted, flipped, fitted into the frame, set
before one of seven backgrounds, partly hidden by leaves, and lit. Every species meets every
background and every light, so that none of them, nor a colour by itself, tells the species.
"""

import json
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from resnext_helpers.settings import CourseError, display_path

# --- A small drawing kit, and colours

ZOOM = 2  # shapes are drawn twice as large, then reduced: that smooths their edges

# Catmull-Rom: weights of four neighbouring points, for eight places between the inner two.
_POWERS = np.linspace(0, 1, 8, endpoint=False)[:, None] ** np.arange(4)
_SPLINE = _POWERS @ [[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]] / 2


def _points(text):
    """``"x y, x y"`` as an (n, 2) array."""
    return np.array([pair.split() for pair in text.split(",")], float)


def _curve(points, closed):
    """A smooth curve, (m, 2), through points: an (n, 2) array, or text for `_points`."""
    p = _points(points) if isinstance(points, str) else np.asarray(points, float)
    p = np.vstack([p[-1], p, p[:2]] if closed else [p[0], p, p[-1]])
    return np.vstack([_SPLINE @ p[i : i + 4] for i in range(len(p) - 3)])


_CIRCLE = [(np.cos(turn), np.sin(turn)) for turn in np.arange(8) * np.pi / 4]
_FEATHER = _points(".1 -.5, .55 -1, .88 -.75, 1 0, .88 .75, .55 1, .1 .5")


class Sketch:
    """A list of shapes, back to front; ``matrix`` takes this sketch's coordinates to the list's."""

    def __init__(self, shapes=None, matrix=None):
        self.shapes = [] if shapes is None else shapes
        self.matrix = np.eye(3) if matrix is None else matrix
        self.scale = float(np.sqrt(abs(np.linalg.det(self.matrix))))

    def turned(self, x=0, y=0, angle=0, stretch=(1, 1)):
        """The same list in new coordinates: stretched, turned clockwise by degrees, moved."""
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        (sx, sy) = stretch
        return Sketch(
            self.shapes, self.matrix @ [[c * sx, -s * sy, x], [s * sx, c * sy, y], [0, 0, 1]]
        )

    def place(self, points):
        return np.asarray(points, float) @ self.matrix[:2, :2].T + self.matrix[:2, 2]

    def blob(self, points, color, *, soft=0, on=None):
        """A filled smooth shape; ``soft`` blurs its edge, ``on`` keeps it inside another shape."""
        points, soft = self.place(_curve(points, closed=True)), soft * self.scale
        self.shapes.append({"points": points, "color": color, "soft": soft, "on": on})
        return self.shapes[-1]

    def oval(self, x, y, rx, ry, color, *, angle=0, soft=0, on=None):
        """An ellipse with these radii; ``soft`` is a share of the radius."""
        return self.turned(x, y, angle, (rx, ry)).blob(_CIRCLE, color, soft=soft, on=on)

    def line(self, points, color, width):
        points, width = self.place(_curve(points, closed=False)), width * self.scale
        self.shapes.append({"points": points, "color": color, "width": width})

    def feather(self, x, y, angle, length, width, color, curl=0):
        """A feather that starts at (x, y); its tip bends sideways by ``curl`` times its width."""
        points = _FEATHER + [0, curl] * _FEATHER[:, :1] ** 2
        self.turned(x, y, angle, (length, width)).blob(points, color)

    def move(self, scale, shift):
        """Scale every shape (x and y apart), then shift it."""
        for shape in self.shapes:
            shape["points"] = shape["points"] * scale + shift
            for key in shape.keys() & {"soft", "width"}:
                shape[key] *= float(abs(scale[1]))

    def render(self, size):
        """The shapes as an RGBA picture of size × size pixels; the unit square fills it."""
        pixels = size * ZOOM
        image = Image.new("RGBA", (pixels, pixels))
        draw = ImageDraw.Draw(image)
        for shape in self.shapes:
            if "width" in shape:
                width = max(1, round(shape["width"] * pixels))
                draw.line(_corners(shape, pixels), shape["color"], width, joint="curve")
            elif shape["soft"] or shape["on"]:
                _paste_masked(image, shape, pixels)
            else:
                draw.polygon(_corners(shape, pixels), shape["color"])
        return image.reduce(ZOOM)


def _corners(shape, pixels, origin=(0, 0)):
    return list(map(tuple, shape["points"] * pixels - origin))


def _paste_masked(image, shape, pixels):
    """Paint a shape with a soft edge or inside another: only its own box, which is faster."""
    blur = shape["soft"] * pixels
    low = np.clip(shape["points"].min(0) * pixels - blur - 1, 0, pixels).astype(int)
    high = np.clip(shape["points"].max(0) * pixels + blur + 2, 0, pixels).astype(int)
    if (high <= low).any():
        return
    mask = _filled(shape, pixels, low, high).filter(ImageFilter.BoxBlur(blur))
    if shape["on"]:
        mask = ImageChops.multiply(mask, _filled(shape["on"], pixels, low, high))
    image.paste(shape["color"], (*low.tolist(), *high.tolist()), mask)


def _filled(shape, pixels, low, high):
    mask = Image.new("L", tuple((high - low).tolist()))
    ImageDraw.Draw(mask).polygon(_corners(shape, pixels, low), 255)
    return mask


def palette(text):
    """``"fad01e 343438"`` as (red, green, blue) triples."""
    return [tuple(bytes.fromhex(color)) for color in text.split()]


def tint(color, factor):
    return tuple(int(min(255, c * factor)) for c in color)


def pick(rng, options):
    return options[rng.integers(len(options))]


BLACK, WHITE, YELLOW, ORANGE, RUST, PINK = palette("1a181c faf9f5 fad01e f0481c ce5c24 ec8296")
SLATE, GREY, PALE, CREAM, LEG = palette("36363c 686c78 a0a0a2 f4f0dc d8703e")
LEAVES = palette("3e7828 609634 285c2c 94a03c ce7824 bea032")
AUTUMN = palette("fad01e e0a018 ce5c24 a04828 7a3020 faf0c0")
STONES = palette("1a181c 78746c faf9f5 96603c ce5c24")
# The species' own colours are offered to every picture, as flowers and berries.
DECOYS = [YELLOW, WHITE, BLACK, ORANGE, RUST, PINK]


# --- The four species. A bird looks to the right; x points right, y down; a body is about 100 long

POSES = ("perched", "standing", "hanging", "flying")
FEET = (12, 70)


def _eye(s, x, y, r, iris):
    s.oval(x, y, r, r, iris)
    s.oval(x, y, 0.65 * r, 0.65 * r, BLACK)
    s.oval(x + 0.3 * r, y - 0.35 * r, 0.3 * r, 0.3 * r, WHITE)


def _legs(s, y, color, width=3):
    for x in (2, 22):
        s.line([(x - 2, y), (x - 5, (y + FEET[1]) / 2), (x, FEET[1])], color, width)
        for toe in (-6, 5, 9):
            s.line([(x, FEET[1]), (x + toe, FEET[1] + 2)], color, width)


def _tail(s, x, y, angles, length, width, colors):
    for angle, color in zip(angles, colors, strict=True):
        s.feather(x, y, angle, length, width, color)


def _folded_wing(s, x, y, angle, length, depth, color):
    """A closed wing from the shoulder at (x, y): a long drop with feather edges."""
    w = s.turned(x, y, angle, (length, depth))
    edge = tint(color, 1.4 if sum(color) < 450 else 0.86)
    wing = w.blob("0 0, .2 -.4, .6 -.36, 1 0, .6 .4, .2 .5", color)
    for i in range(6):
        start = (0.36 + 0.04 * i, 0.36 - 0.13 * i)
        w.line([start, (0.97 - 0.05 * abs(i - 2), 0.12 - 0.05 * i)], edge, 0.018)
    for i in range(4):
        w.oval(0.14 + 0.08 * i, 0.32 - 0.18 * i, 0.13, 0.17, tint(color, 1 + 0.06 * i), on=wing)


def _open_wing(s, x, y, lean, length, chord, color, edge, *, up=True):
    """A spread wing that points up or down, leaning forward by ``lean`` degrees."""
    w = s.turned(x, y, 90 + lean if up else 90 - lean, (-1 if up else 1, 1))
    wrist = np.array([0.42 * length, -0.2 * chord])
    for i in range(8, -1, -1):  # the hand: long feathers that fan out from the wrist
        t = i / 8
        reach = chord + (0.62 * length - chord) * t**1.5
        shade = tint(color, 0.72 + 0.2 * (i % 2))
        w.feather(*(wrist * (0.94 + 0.06 * t)), 82 - 80 * t**0.8, reach, 0.13 * chord, shade)
    for i in range(6, -1, -1):  # the arm
        t, shade = i / 6, tint(color, 0.82 + 0.14 * (i % 2))
        w.feather(*(wrist * t), 100 - 14 * t, chord, 0.16 * chord, edge)
        w.feather(*(wrist * t), 100 - 14 * t, 0.86 * chord, 0.15 * chord, shade)
    cover = w.turned(stretch=(length, chord))
    cover.blob("-.04 0, .2 -.22, .42 -.26, .72 0, .42 .2, .2 .42, 0 .5", color)
    row = tint(color, 1.25 if sum(color) < 450 else 0.88)
    cover.line(".02 .3, .22 .22, .42 .04, .62 0", row, 0.02)


def _bananaquit(s, rng, pose):
    """Black cap, bold white brow, grey throat, yellow belly, curved bill, white wing spot."""
    lean = rng.uniform(-50, 10)
    _tail(s, -42, 24, (150, 164, 157), 62, 7, [WHITE] * 3)
    _tail(s, -42, 24, (150, 164, 157), 54, 7.5, [BLACK, BLACK, SLATE])
    if pose == "flying":
        _open_wing(s, 10, -14, lean + 25, 95, 40, tint(SLATE, 0.8), PALE)
    else:
        _legs(s, 42, GREY)
    body = s.blob("50 -60, 66 -30, 66 8, 42 44, 0 52, -45 40, -60 22, -35 -12, 10 -50", YELLOW)
    s.oval(-40, 44, 34, 18, CREAM, soft=0.25, on=body)
    s.oval(35, 50, 42, 12, tint(YELLOW, 0.8), soft=0.3, on=body)
    s.blob("45 -70, 44 -25, 8 -2, -55 32, -80 10, 0 -70", SLATE, soft=1.5, on=body)
    if pose == "flying":
        _open_wing(s, 8, -8, lean, 105, 44, SLATE, PALE, up=rng.random() < 0.7)
    else:
        _folded_wing(s, 24, -18, 150, 102, 46, SLATE)
        s.oval(-18, 13, 8, 5, WHITE, angle=-25)
    h = s.turned(50, -46, rng.uniform(-20, 22), (pick(rng, (1, 1, 1, -1)), 1))
    head = h.oval(0, 0, 29, 26, SLATE)
    h.blob("32 5, 10 5, -12 18, -10 40, 30 40", PALE, soft=2, on=head)
    h.blob("20 -10, 31 -3, 44 2, 57 18, 40 11, 22 9", BLACK)
    h.oval(25, 6, 6, 2.5, PINK, angle=15)
    h.blob("25 -8, 10 -16, -10 -16, -29 -2, -12 -6, 10 -6", WHITE)
    _eye(h, 11, -1, 4.5, iris=BLACK)


def _black_skimmer(s, rng, pose):
    """Black above, white below, long wings; red and black bill, its lower half the longer."""
    flying = pose == "flying"
    lean = rng.uniform(-45, 10)
    _tail(s, -60, 4, (172, 184, 178), 52, 6, [WHITE, WHITE, BLACK])
    if flying:
        _open_wing(s, 18, -2, lean + 32, 130, 42, PALE, WHITE)
        x, y, nod, turn = 76, -4, rng.uniform(5, 50), 1
    else:
        _legs(s, 25, ORANGE)
        x, y, nod, turn = 56, -50, rng.uniform(-12, 30), pick(rng, (1, 1, 1, -1))
    throat = f"{x} {y - 16}, {x + 12} {y + 2}"
    body = s.blob(f"{throat}, 55 12, 30 30, -20 28, -75 10, -70 -2, -10 -14, 30 -22", WHITE)
    cloak = f"{x - 2} {y - 30}, {x - 3} {y - 2}, 30 -2, -20 10, -80 6, -80 -20, 20 -50"
    s.blob(cloak, BLACK, on=body)
    if flying:
        _open_wing(s, 20, -4, lean, 142, 48, BLACK, WHITE, up=rng.random() < 0.7)
    else:
        _folded_wing(s, 38, -6, 177, 150, 34, BLACK)
        s.line("30 10, -10 14, -60 8", WHITE, 3)
    h, gape = s.turned(x + 2, y - 4, nod, (turn, 1)), rng.uniform(0, 8)
    lower = h.turned(0, gape / 2, gape / 2)
    lower.blob("14 0, 40 6, 88 16, 40 16, 12 11", ORANGE)
    lower.blob("48 8, 88 15, 88 17, 48 16", BLACK)
    h.blob("12 -9, 40 -3, 68 7, 40 7, 13 5", ORANGE)
    h.blob("42 -3, 68 6, 68 8, 42 7", BLACK)
    head = h.oval(0, 0, 21, 17, BLACK)
    h.blob("25 -10, 14 1, -2 5, -10 25, 25 25", WHITE, on=head)
    _eye(h, 8, -4, 3, iris=RUST)


def _bushtit(s, rng, pose):
    """Round: rusty cap, black mask, black throat on a white bib, rusty flanks, long tail."""
    if pose == "perched" and rng.random() < 0.45:
        return _bushtit_from_the_front(s, rng)
    lean = rng.uniform(-60, -5)
    _tail(s, -40, 8, (176, 184, 180), 74, 6, [WHITE, SLATE, SLATE])
    if pose == "flying":
        _open_wing(s, -6, -8, lean + 25, 80, 40, tint(GREY, 0.75), PALE)
    else:
        _legs(s, 48, LEG)
    body = s.oval(5, 5, 56, 50, WHITE)
    s.blob("75 -5, 30 8, -50 0, -60 45, -20 42, 10 26, 40 30, 70 25", RUST, soft=4, on=body)
    s.blob("20 -60, 10 -12, -20 10, -60 20, -70 -40", GREY, soft=3, on=body)
    if pose == "flying":
        _open_wing(s, -8, -2, lean, 88, 44, GREY, PALE, up=rng.random() < 0.7)
    else:
        _folded_wing(s, 4, -12, 156, 84, 40, tint(GREY, 0.87))
    h = s.turned(28, -36, rng.uniform(-18, 18), (pick(rng, (1, 1, 1, -1)), 1))
    head = h.oval(0, 0, 38, 34, WHITE)
    h.blob("45 -6, -50 -4, -50 -50, 40 -50", RUST, on=head)
    h.blob("40 -2, 22 -12, -5 -14, -50 -16, -50 20, -30 16, -10 10, 20 7", BLACK, on=head)
    h.oval(20, 24, 15, 10, BLACK, angle=-20, on=head)
    h.blob("33 -4, 50 3, 34 9", SLATE)
    _eye(h, 13, -2, 5.5, iris=CREAM)
    return None


def _bushtit_from_the_front(s, rng):
    _tail(s, -10, 20, rng.uniform(130, 165) + np.array([-3, 3]), 96, 7, [WHITE, SLATE])
    _legs(s, 46, LEG)
    s.oval(12, 0, 57, 44, GREY)
    body = s.oval(12, 8, 53, 50, WHITE)
    band = "-50 -14, -20 10, 12 18, 44 10, 74 -14, 70 34, 40 30, 12 32, -16 30, -46 34"
    s.blob(band, RUST, soft=4, on=body)
    h = s.turned(12 + rng.uniform(-6, 6), -32, rng.uniform(-15, 15))
    head = h.oval(0, 0, 43, 35, WHITE)
    h.blob("-50 -9, -20 -11, 0 -2, 20 -11, 50 -9, 40 -50, -40 -50", RUST, on=head)
    for side in (-1, 1):
        half = h.turned(stretch=(side, 1))
        half.blob("3 3, 12 -11, 30 -14, 50 -12, 50 18, 26 13, 10 10", BLACK, on=head)
        _eye(half, 19, -2, 5.5, iris=CREAM)
    h.blob("-19 20, 0 16, 19 20, 14 31, 0 35, -14 31", BLACK, on=head)
    h.blob("-6 4, 0 0, 6 4, 0 14", SLATE)


def _cockatoo(s, rng, pose):
    """Large and white: a crest of curled plumes, raised or folded; a strong dark hooked bill."""
    white = pick(rng, palette("faf9f5 faf9f5 fcf0e2 fae8e4"))
    crest = pick(rng, [YELLOW, YELLOW, *palette("fce878 f6b08c"), white])
    beak = pick(rng, palette("323034 464448"))
    lean = rng.uniform(-45, 10)
    shades = [tint(white, shade) for shade in (0.92, 0.92, 0.86, 0.9)]
    _tail(s, -22, 46, (112, 130, 118, 124), 66, 10, shades)
    if pose == "flying":
        _open_wing(s, 6, -16, lean + 25, 110, 58, shades[0], CREAM)
    else:
        _legs(s, 58, GREY, width=6)
    body = s.blob("40 -60, 50 -20, 50 20, 28 60, -5 68, -40 50, -42 10, -18 -35, 0 -65", white)
    for y in range(-26, 56, 12):
        for x in range(-14 + y % 8, 40, 13):
            s.line([(x - 5, y), (x, y + 4), (x + 5, y)], shades[0], 1.2)
    s.oval(46, 30, 20, 60, shades[3], soft=0.25, on=body)
    if pose == "flying":
        _open_wing(s, 4, -12, lean, 120, 62, white, CREAM, up=rng.random() < 0.7)
    else:
        _folded_wing(s, -2, -28, 118, 122, 52, shades[0])
    h = s.turned(25, -62, rng.uniform(-18, 18), (pick(rng, (1, 1, 1, -1)), 1))
    raised = rng.uniform(0, 1)
    for i in range(6):
        angle = -160 - 10 * raised + (4 + 15 * raised) * (5 - i)
        shade = tint(crest, 0.88 + 0.06 * (i % 3))
        h.feather(14 - 6 * i, -20, angle, 66 - 5 * abs(i - 2), 5, shade, curl=3)
    h.oval(0, 0, 31, 29, white)
    h.oval(-2, 12, 10, 8, CREAM, soft=0.4)
    h.blob("22 10, 34 16, 30 27, 20 20", tint(beak, 0.75))
    h.blob("20 -14, 38 -12, 48 6, 40 27, 34 14, 22 12", beak)
    h.line("28 -9, 38 -4, 43 7", tint(beak, 2.2), 2)
    h.oval(8, -4, 6.5, 6.5, tint(white, 0.84))
    _eye(h, 8, -4, 4.5, iris=BLACK)


# Who draws each species, and how likely it takes each of POSES.
BIRDS = {
    "Bananaquit": (_bananaquit, (0.57, 0.15, 0.13, 0.15)),
    "Black Skimmer": (_black_skimmer, (0.15, 0.45, 0.0, 0.4)),
    "Black Throated Bushtiti": (_bushtit, (0.6, 0.15, 0.1, 0.15)),
    "Cockatoo": (_cockatoo, (0.6, 0.2, 0.05, 0.15)),
}


# --- What is around a bird: backgrounds, perches, leaves in front, and the light


def _noise(rng, rows, columns, size):
    """Smooth noise in 0..1, (size, size, 1): a small random grid, enlarged."""
    grid = Image.fromarray(rng.random((rows, columns), dtype=np.float32))
    return np.clip(np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC)), 0, 1)[..., None]


def _mix(a, b, share):
    return a + (np.asarray(b, np.float32) - a) * share


def _fade(top, bottom, size):
    """From one colour to another, downwards; (size, 1, 3)."""
    return _mix(np.array(top, np.float32), bottom, np.linspace(0, 1, size)[:, None, None])


def _picture(pixels):
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def paint(back, sketch, blur=0):
    """Put a sketch on a background; ``blur`` in pixels puts it out of focus."""
    layer = sketch.render(back.width).filter(ImageFilter.BoxBlur(blur))
    back.paste(layer, mask=layer)
    return back


def _leaf(s, rng, x, y, length, colors):
    color = tint(pick(rng, colors), rng.uniform(0.6, 1.1))
    leaf = s.turned(x, y, rng.uniform(0, 360), (length, length))
    leaf.blob("0 0, .4 -.2, 1 0, .4 .2", color)
    leaf.line("0 0, .5 .02, .95 0", tint(color, 0.75), 0.04)


def _decoy(s, rng, x, y, r, color):
    """A flower, or a dark berry, in a colour that some bird has too."""
    color = tint(color, rng.uniform(0.85, 1.0))
    if color[0] > 100:
        for turn in range(0, 360, 72):
            s.turned(x, y, turn).oval(r, 0, 0.8 * r, 0.6 * r, color)
    s.oval(x, y, 0.6 * r, 0.6 * r, tint(color, 0.8))


def _sky(rng, size):
    colors = pick(rng, ("4682d2 b4d7f5", "96a0af d7dce1", "5a6eaa fabe8c"))
    clouds = _mix(_noise(rng, 4, 3, size), _noise(rng, 11, 8, size), 0.4)
    return _picture(_mix(_fade(*palette(colors), size), WHITE, np.clip(4 * clouds - 2, 0, 0.9)))


def _water(rng, size):
    colors = pick(rng, ("78a5be 285a78", "8c9696 46545a", "466e5a 1e3c3c", "e6b496 5a5a78"))
    ripples = _mix(_noise(rng, 40, 4, size), _noise(rng, 90, 12, size), 0.4)
    glint = np.clip((ripples - 0.55) * 2.2, 0, 0.8)
    return _picture(_mix(_fade(*palette(colors), size), WHITE, glint))


def _leaves(rng, size):
    back = _mix(_fade(*palette("284622 142818"), size), LEAVES[3], _noise(rng, 6, 6, size) * 0.6)
    s, colors = Sketch(), pick(rng, (LEAVES, LEAVES, AUTUMN))
    for _ in range(45):
        _leaf(s, rng, *rng.uniform(-0.1, 1.1, 2), rng.uniform(0.15, 0.32), colors)
    return paint(_picture(back), s)


def _twigs(rng, size):
    colors = pick(rng, ("b4b0a8 786e64", "5a544c 1a181c", "aabec8 f4f4f0", "c87840 784628"))
    back = _mix(_fade(*palette(colors), size), CREAM, _noise(rng, 5, 5, size) * 0.4)
    s = Sketch()
    for _ in range(9):
        x, y, dx, dy = *rng.uniform(0, 1, 2), *rng.uniform(-0.8, 0.8, 2)
        color = tint((96, 78, 60), rng.uniform(0.5, 1.4))
        s.line([(x - dx, y - dy), (x, y + 0.05), (x + dx, y + dy)], color, rng.uniform(0.01, 0.06))
    return paint(_picture(back), s)


def _sand(rng, size):
    base = pick(rng, palette("e2cea8 dcaa50 4c484a f0ece4 b4683c"))
    back = _mix(_fade(base, tint(base, 0.75), size), WHITE, _noise(rng, 30, 4, size) * 0.3)
    back = back + 30 * (_noise(rng, 150, 112, size) - 0.5)
    s = Sketch()
    for y in np.sort(rng.uniform(0, 1, rng.integers(8, 30))):
        x, r = rng.uniform(0, 1), rng.uniform(0.01, 0.04) * (1 + 2 * y)
        s.oval(x + 0.2 * r, y + 0.3 * r, 1.1 * r, 0.55 * r, tint(base, 0.7))
        s.oval(x, y, r, 0.55 * r, tint(pick(rng, STONES), rng.uniform(0.7, 1)))
    beach, shore = paint(_picture(back), s), int(rng.uniform(0, 0.4) * size)
    beach.paste(_water(rng, size).crop((0, 0, size, shore)))
    return beach


def _meadow(rng, size):
    back = _mix(_fade(*palette("6e9646 325a28"), size), CREAM, _noise(rng, 9, 7, size) * 0.4)
    s, color = Sketch(), pick(rng, DECOYS)
    for _ in range(rng.integers(10, 32)):
        _decoy(s, rng, *rng.uniform(0, 1, 2), rng.uniform(0.025, 0.06), color)
    return paint(_picture(back), s)


def _bokeh(rng, size):
    back = _fade(tint(pick(rng, LEAVES), 0.8), tint(pick(rng, LEAVES), 0.5), size)
    s = Sketch()
    for _ in range(18):
        r = rng.uniform(0.04, 0.14)
        s.oval(*rng.uniform(0, 1, 2), r, r, tint(pick(rng, LEAVES + DECOYS), rng.uniform(0.6, 1)))
    back = _picture(np.broadcast_to(back, (size, size, 3)))
    return Image.blend(back, paint(back.copy(), s, 7), 0.6)


def out_of_focus(back, rng):
    """What lies far behind the bird: blurred and a little hazy, as a lens shows it."""
    haze = Image.new("RGB", back.size, back.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)))
    blur = ImageFilter.BoxBlur(rng.uniform(0.5, 4) * back.width / 224)
    return Image.blend(back, haze, rng.uniform(0.1, 0.4)).filter(blur)


BACKGROUNDS = (_sky, _water, _leaves, _twigs, _sand, _meadow, _bokeh)


def ground(rng, x, y):
    """Ground for a bird that stands at (x, y), with its shadow and some pebbles."""
    s, color = Sketch(), pick(rng, palette("ceba96 78746c 262428 606e3c b4683c f0ece4 dcaa50"))
    earth = s.blob(f"-.5 {y + 0.05}, {x} {y - 0.01}, 1.5 {y + 0.05}, 1.6 1.9, -.6 1.9", color)
    s.oval(x, y + 0.02, 0.22, 0.025, tint(color, 0.6), soft=0.2, on=earth)
    for _ in range(8):
        pebble = tint(color, rng.uniform(0.7, 1.2))
        s.oval(rng.uniform(0, 1), y + rng.uniform(0.04, 0.3), 0.03, 0.012, pebble, on=earth)
    return s


def branch(rng, x, y, angle):
    """A branch, with some leaves, under the feet of a bird that sits (or hangs) at (x, y)."""
    color, width = pick(rng, palette("6e523a 544a42 82786a 5c6838")), rng.uniform(0.025, 0.06)
    s = Sketch()
    bough = s.turned(x, y, angle)
    for _ in range(rng.integers(0, 5)):
        start, end = rng.uniform(-0.6, 0.6), rng.uniform(-0.2, 0.2)
        bough.line([(start, 0), (start + 0.1, end)], tint(color, 0.8), 0.3 * width)
        _leaf(bough, rng, start + 0.1, end, rng.uniform(0.1, 0.2), LEAVES)
    for depth, thick, shade in ((0.5, 1, 0.72), (0.35, 0.6, 1.0), (0.25, 0.2, 1.15)):
        course = bough.turned(0, depth * width)
        course.line("-1.3 .05, -.4 .02, 0 0, .5 .02, 1.3 -.05", tint(color, shade), thick * width)
    return s


def foreground(rng):
    """Reeds, flowers and leafy twigs in front of the bird, towards the sides of the frame."""
    s = Sketch()
    for kind in rng.random(rng.integers(0, 3)):
        side = pick(rng, (s, s.turned(1, 0, 0, (-1, 1))))  # from the left, or from the right
        x, y = rng.uniform(0.02, 0.26), rng.uniform(0.1, 0.9)
        green = tint(pick(rng, LEAVES), 0.85)
        if kind < 0.3:
            side.line([(x - 0.1, 1.1), (x, 0.5), (x + 0.15, -0.1)], green, rng.uniform(0.01, 0.03))
        elif kind < 0.65:
            side.line([(x - 0.1, 1.1), (x - 0.02, y + 0.2), (x, y)], green, 0.012)
            _decoy(side, rng, x, y, rng.uniform(0.03, 0.06), pick(rng, DECOYS))
        else:
            side.line([(-0.1, y - 0.15), (x / 2, y), (x + 0.1, y)], tint(green, 0.6), 0.012)
            for _ in range(4):
                _leaf(side, rng, rng.uniform(0, x + 0.1), y, rng.uniform(0.12, 0.22), LEAVES)
    return s


def add_volume(layer, rng):
    """Model a flat drawing: bright towards the light, dark on the far side, feathery."""
    size, blur = layer.width, ImageFilter.BoxBlur(layer.width / 22)
    inside = np.asarray(layer.getchannel("A").filter(blur).filter(blur), np.float32) / 255
    dx, dy = rng.integers(-7, 8) * size // 224, 9 * size // 224
    lit = np.roll(inside, (-dy, -dx), (0, 1)) - np.roll(inside, (dy, dx), (0, 1))
    factor = 1 + 0.5 * lit[..., None] + 0.16 * (_noise(rng, 90, 60, size) - 0.5)
    shaded = _picture(np.asarray(layer.convert("RGB")) * factor)
    shaded.putalpha(layer.getchannel("A"))
    return shaded


_CASTS = {
    "noon": (1, 1, 1),
    "dawn": (1.12, 0.96, 0.82),
    "dusk": (0.8, 0.84, 1),
    "overcast": (0.86, 0.9, 0.93),
}


def light(picture, rng):
    """Colour cast, brightness and contrast of the hour, a shade across the picture, grain."""
    pixels = np.asarray(picture, np.float32)
    cast = pick(rng, list(_CASTS.values())) * rng.uniform(0.92, 1.08, 3) * rng.uniform(0.75, 1.12)
    t = np.linspace(-1, 1, len(pixels), dtype=np.float32)[:, None, None]
    shade = 1 + rng.uniform(-0.22, 0.22) * t + rng.uniform(-0.22, 0.22) * t.transpose(1, 0, 2)
    pixels = 128 + (pixels * shade * cast.astype(np.float32) - 128) * rng.uniform(0.85, 1.15)
    grain = rng.standard_normal((*pixels.shape[:2], 1), np.float32) * rng.uniform(1, 6)
    return _picture(pixels + grain)


# --- One drawing, and the sample's folder

SPECIES = tuple(BIRDS)
VERSION = 1  # a sample drawn by another version of this module is drawn anew
MARKER = ".sample.json"  # inside the sample's folder: how it was drawn, and a checksum of each file


def _fit(sketch, rng):
    """Scale (x may be negative: flipped) and shift that bring a sketch into the frame."""
    points = np.vstack([shape["points"] for shape in sketch.shapes])
    low, high = points.min(0), points.max(0)
    width, height = high - low
    scale = min(rng.uniform(0.6, 0.88) / np.sqrt(width * height), 1.02 / max(width, height))
    scale = scale * np.array([pick(rng, (-1, 1)), 1])
    return scale, rng.uniform(0.43, 0.57, 2) - scale * (low + high) / 2


def draw_bird(species, rng, size=224):
    """One drawing of a bird, as an RGB picture of ``size`` × ``size`` pixels.

    Args:
        species: one of `SPECIES`.
        rng: a ``numpy.random.Generator``; the same state gives the same drawing.
        size: height and width in pixels.
    """
    draw_shapes, chances = BIRDS[species]
    pose = str(rng.choice(POSES, p=chances))
    tilt = rng.uniform(70, 150) if pose == "hanging" else rng.uniform(-15, 15)
    sketch = Sketch()
    bird = sketch.turned(angle=tilt)
    draw_shapes(bird, rng, pose)
    scale, shift = _fit(sketch, rng)
    sketch.move(scale, shift)
    feet = bird.place(FEET) * scale + shift

    picture = out_of_focus(pick(rng, BACKGROUNDS)(rng, size), rng)
    if pose == "standing":
        picture = paint(picture, ground(rng, *feet))
    elif pose != "flying":
        slope = np.sign(scale[0]) * tilt + rng.uniform(-12, 12)
        picture = paint(picture, branch(rng, *feet, slope))
    bird_layer = add_volume(sketch.render(size), rng)
    picture.paste(bird_layer, mask=bird_layer)
    picture = paint(picture, foreground(rng), rng.uniform(0, 2) * size / 224)
    picture = light(picture, rng)
    return picture.filter(ImageFilter.BoxBlur(pick(rng, (0, 0, 0.5, 1)) * size / 224))


def draw(folder, *, per_class=60, size=224, seed=2017):
    """Draw the sample into ``folder``, one folder a species, unless it is there already.

    It is drawn beside ``folder`` and then renamed, so ``folder`` is complete whenever it exists.

    Args:
        folder: where to draw.
        per_class: number of drawings of each species.
        size: height and width of a drawing, in pixels.
        seed: another seed gives other drawings.

    Returns:
        ``folder`` as a ``Path``.

    Raises:
        CourseError: ``folder`` holds files of the learner's own, or cannot be written.
    """
    folder = Path(folder)
    recipe = {"version": VERSION, "per_class": per_class, "size": size, "seed": seed}
    if _is_complete(folder, recipe):
        return folder
    try:
        _refuse_foreign_files(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            fresh = Path(scratch) / "fresh"
            _write(fresh, recipe)
            _put_in_place(fresh, folder, recipe)
    except OSError as error:
        raise CourseError(
            f"The sample cannot be drawn into {display_path(folder)} ({error.strerror}): make that "
            "folder writable, or set RESNEXT_DATA to a folder of photographs."
        ) from error
    return folder


def _write(folder, recipe):
    checksums = {}
    for label, species in enumerate(SPECIES):
        (folder / species).mkdir(parents=True)
        for number in range(1, recipe["per_class"] + 1):
            rng = np.random.default_rng([recipe["seed"], label, number])
            name = f"{species}/{number:03}.jpg"
            draw_bird(species, rng, recipe["size"]).save(folder / name, quality=88)
            checksums[name] = zlib.crc32((folder / name).read_bytes())
    marker = json.dumps({"recipe": recipe, "files": checksums})
    (folder / MARKER).write_text(marker, encoding="utf-8")


def _put_in_place(fresh, folder, recipe):
    """Move ``fresh`` to ``folder``, unless another process was faster with the same sample."""
    for tries_left in range(20, -1, -1):
        try:
            if folder.exists() and not _is_complete(folder, recipe):
                _refuse_foreign_files(folder)
                folder.replace(fresh.with_name("old"))
            return fresh.replace(folder)
        except OSError:  # another process is moving its own sample here at this very moment
            if _is_complete(folder, recipe):
                return None
            if not tries_left:
                raise
            time.sleep(0.05)


def _read_marker(folder):
    """How the sample in ``folder`` was drawn, and its files' checksums; None, {} if unknown."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        return marker["recipe"], dict(marker["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, {}


def _is_complete(folder, recipe):
    drawn_as, files = _read_marker(folder)
    return drawn_as == recipe and all((folder / name).is_file() for name in files)


def _refuse_foreign_files(folder):
    """Raise CourseError if the folder holds anything but our own drawings, unchanged."""
    drawn_as, ours = _read_marker(folder)
    foreign = _first_foreign_file(folder, ours)
    # A marker that changed meanwhile means that another process has just put its sample there.
    if foreign and _read_marker(folder) == (drawn_as, ours):
        raise CourseError(
            f"{display_path(foreign)} is not one of the sample's drawings, so nothing is drawn "
            f"over {display_path(folder)}: move your own files to data/bird_photos."
        )


def _first_foreign_file(folder, ours):
    """A file that is not in ``ours`` (name to checksum), or was changed; None if there is none."""
    for path in [folder] if folder.is_file() else folder.rglob("*"):
        if path.name in (MARKER, ".DS_Store", "Thumbs.db", "desktop.ini"):
            continue
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(folder).as_posix()
        if name not in ours or zlib.crc32(path.read_bytes()) != ours[name]:
            return path
    return None


def contact_sheet(columns=8, rows=1, size=112, seed=2017):
    """``rows`` × ``columns`` drawings of each species below its name, ``size`` pixels each."""
    label = 24
    sheet = Image.new("RGB", (columns * size, len(SPECIES) * (rows * size + label)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, species in enumerate(SPECIES):
        top = row * (rows * size + label)
        pen.text((6, top + 3), species, "black", font_size=16)
        for i in range(rows * columns):
            bird = draw_bird(species, np.random.default_rng([seed, row, i + 1]))
            bird = bird.resize((size, size), Image.Resampling.LANCZOS)
            sheet.paste(bird, (i % columns * size, top + label + i // columns * size))
    return sheet
