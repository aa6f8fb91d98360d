"""Residual blocks with one fault each: notebook 04 gives them to learners to diagnose.

Each function has the signature of the notebook's ``block`` and would be right but for its fault.
The checker of a learner's own block compares with them, to say which fault it has.
"""

from collections.abc import Callable
from dataclasses import dataclass

from keras import layers

from resnext_helpers.layers import GroupedConv2D


@dataclass(frozen=True)
class Fault:
    """What can be wrong with a residual block.

    Attributes:
        block: ``(x, channels, width, groups, strides=1)``, as notebook 04's ``block``.
        message: what helps a learner whose own block has this fault.
        sign: how an experiment shows it; the end of a sentence about a mystery block.
    """

    block: Callable
    message: str
    sign: str = ""


def _conv(x, filters, strides=1):
    return layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)


def _norm(x):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def _relu(x):
    return layers.ReLU()(x)


def _grouped(x, groups, strides):
    x = layers.ZeroPadding2D(1)(x)
    return GroupedConv2D(x.shape[-1], 3, groups=groups, strides=strides)(x)


def _keeps_shape(x, channels, strides):
    return strides == 1 and x.shape[-1] == channels


def _shortcut(x, channels, strides):
    if _keeps_shape(x, channels, strides):
        return x
    return _norm(_conv(x, channels, strides))


def _add_then_relu(y, shortcut):
    return _relu(layers.Add()([y, shortcut]))


def _block(
    x,
    channels,
    width,
    groups,
    strides,
    transform=_grouped,
    shortcut=_shortcut,
    merge=_add_then_relu,
):
    """The right block; each of its parts can be replaced by a wrong one."""
    y = _relu(_norm(_conv(x, width)))
    y = _relu(_norm(transform(y, groups, strides)))
    y = _norm(_conv(y, channels))
    return merge(y, shortcut(x, channels, strides))


def groups_swapped(x, channels, width, groups, strides=1):
    """As many groups as a group should have channels; a well-known book has it so."""
    return _block(x, channels, width, width // groups, strides)


def no_projection(x, channels, width, groups, strides=1):
    """Where the shape changes, x isn't added at all."""
    keeps_shape = _keeps_shape(x, channels, strides)
    merge = _add_then_relu if keeps_shape else lambda y, shortcut: _relu(y)
    return _block(x, channels, width, groups, strides, merge=merge)


def early_relu(x, channels, width, groups, strides=1):
    """ReLU before the addition, and none after it."""

    def merge(y, shortcut):
        return layers.Add()([_relu(y), shortcut])

    return _block(x, channels, width, groups, strides, merge=merge)


def late_binding(x, channels, width, groups, strides=1):
    """The grouped 3×3 as a loop of Lambda layers that all read the last group."""

    def transform(y, groups, strides):
        y = layers.ZeroPadding2D(1)(y)
        d, parts = y.shape[-1] // groups, []
        for g in range(groups):
            # Each function looks up g when the model runs, and then g is the last one.
            part = layers.Lambda(lambda z: z[..., g * d : (g + 1) * d])(y)  # noqa: B023
            parts.append(layers.Conv2D(d, 3, strides=strides, use_bias=False)(part))
        return layers.Concatenate()(parts)

    return _block(x, channels, width, groups, strides, transform=transform)


def same_padding(x, channels, width, groups, strides=1):
    """At stride 2, "same" adds its zeros right and below alone."""

    def transform(y, groups, strides):
        return GroupedConv2D(y.shape[-1], 3, groups=groups, strides=strides, padding="same")(y)

    return _block(x, channels, width, groups, strides, transform=transform)


def norm_in_each_path(x, channels, width, groups, strides=1):
    """Figure 3(a) with the last batch norm in each path, not after the sum."""
    paths = []
    for _ in range(groups):
        y = _relu(_norm(_conv(x, width // groups)))
        y = _relu(_norm(_grouped(y, 1, strides)))
        paths.append(_norm(_conv(y, channels)))
    y = layers.Add()(paths) if groups > 1 else paths[0]
    return _add_then_relu(y, _shortcut(x, channels, strides))


def no_last_relu(x, channels, width, groups, strides=1):
    """Nothing comes after the addition."""
    return _block(x, channels, width, groups, strides, merge=lambda *both: layers.Add()(both))


def relu_twice(x, channels, width, groups, strides=1):
    """ReLU before the addition and after it."""

    def merge(y, shortcut):
        return _add_then_relu(_relu(y), shortcut)

    return _block(x, channels, width, groups, strides, merge=merge)


def no_shortcut(x, channels, width, groups, strides=1):
    """The input isn't added anywhere; the projection is left hanging."""
    return _block(x, channels, width, groups, strides, merge=lambda y, shortcut: _relu(y))


def projection_without_norm(x, channels, width, groups, strides=1):
    """Where the shape changes, the shortcut is the 1×1 convolution alone."""

    def shortcut(x, channels, strides):
        keeps_shape = _keeps_shape(x, channels, strides)
        return x if keeps_shape else _conv(x, channels, strides)

    return _block(x, channels, width, groups, strides, shortcut=shortcut)


def early_stride(x, channels, width, groups, strides=1):
    """The stride is in the first 1×1, as in the first ResNet."""
    y = _relu(_norm(_conv(x, width, strides)))
    y = _relu(_norm(_grouped(y, groups, 1)))
    return _add_then_relu(_norm(_conv(y, channels)), _shortcut(x, channels, strides))


FAULTS = {
    "groups swapped": Fault(
        groups_swapped,
        "You have swapped two numbers: `groups` is how many groups there are, not how many "
        "channels are in one.",
        "has more weights in its 3×3 than a right one",
    ),
    "no projection": Fault(
        no_projection,
        "Where the shape changes, x can't be added as it is: bring it to the new shape by a 1×1 "
        "convolution with the same strides, and a batch norm.",
        "lacks the weights of a projection where the shape changes",
    ),
    "early ReLU": Fault(
        early_relu,
        "The last ReLU comes too early: add first, then ReLU. Before the addition a ReLU would "
        "forbid the block to subtract.",
        "gives negative numbers, for no ReLU comes last",
    ),
    "late binding": Fault(
        late_binding,
        "All groups of your 3×3 read the channels of the last group. A function that is made in a "
        "loop looks its variable up later: bind it at once (lambda z, g=g: ...) or cut the "
        "channels without Lambda.",
        "has weights that never get a gradient, for no group reads what they compute",
    ),
    "same padding": Fault(
        same_padding,
        'At stride 2 padding="same" adds its zeros right and below alone, so your 3×3 stands one '
        "pixel off. Add one pixel of zeros on each side first: layers.ZeroPadding2D(1).",
        "lets four output pixels see one and the same input pixel at stride 2",
    ),
    "norm in each path": Fault(
        norm_in_each_path,
        "The last batch norm is inside each path. Add the paths up first, then one batch norm "
        "(the paper's footnote 6).",
        "has many more batch norm numbers than a right one",
    ),
    "no last ReLU": Fault(no_last_relu, "The ReLU after the addition is missing."),
    "ReLU twice": Fault(relu_twice, "There is a ReLU too many: none before the addition."),
    "no shortcut": Fault(
        no_shortcut, "The shortcut is missing: the input must be added to what the block computes."
    ),
    "projection without norm": Fault(
        projection_without_norm, "The projection's 1×1 convolution needs a batch norm behind it."
    ),
    "early stride": Fault(
        early_stride,
        "The stride is in the first 1×1 convolution, which then throws 3 of 4 pixels away unseen. "
        "Put it into the 3×3, as the paper does.",
    ),
}

# Which fault the block of each letter has: six, in an order that gives nothing away.
MYSTERIES = {
    "A": "late binding",
    "B": "groups swapped",
    "C": "norm in each path",
    "D": "same padding",
    "E": "early ReLU",
    "F": "no projection",
}


def mystery_blocks():
    """The six blocks to diagnose, by letter; no name of theirs tells the fault."""
    return {letter: _anonymous(FAULTS[name].block) for letter, name in MYSTERIES.items()}


def _anonymous(wrong):
    def mystery(x, channels, width, groups, strides=1):
        return wrong(x, channels, width, groups, strides)

    return mystery
