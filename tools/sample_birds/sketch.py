"""A small drawing kit: smooth shapes, collected in a list and then rendered as one picture."""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

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
