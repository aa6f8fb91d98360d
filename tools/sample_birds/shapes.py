"""Four species of birds as smooth shapes, recognisable by what tells the living ones apart.

A bird looks to the right; x points right, y down; its body is about 100 long, its feet are at
`FEET`.
"""

import numpy as np

from tools.sample_birds.sketch import (
    BLACK,
    CREAM,
    GREY,
    LEG,
    ORANGE,
    PALE,
    PINK,
    RUST,
    SLATE,
    WHITE,
    YELLOW,
    palette,
    pick,
    tint,
)

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
