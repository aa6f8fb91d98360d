"""What is around a drawn bird: backgrounds, perches, leaves in front, and the light on it all.

None of it knows the species: every bird may meet every background, perch and light.
"""

import numpy as np
from PIL import Image, ImageFilter

from tools.sample_birds.sketch import (
    AUTUMN,
    CREAM,
    DECOYS,
    LEAVES,
    STONES,
    WHITE,
    Sketch,
    palette,
    pick,
    tint,
)


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
