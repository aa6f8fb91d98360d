"""Residual blocks with one fault each: notebook 04 gives them to learners to diagnose.

Each function has the signature of the notebook's ``block`` and would be right but for its fault.
The checker of a learner's own block compares with them, to say which fault it has.
"""

from ast import literal_eval
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from keras import layers

from resnext_course.exercises import TEXTS
from resnext_helpers.layers import GroupedConv2D


class Fault(NamedTuple):
    """What can be wrong with a residual block, and what helps a learner who made this mistake.

    ``sign`` is how an experiment shows it: the end of a sentence about a mystery block.
    """

    block: Callable
    message: str
    sign: str = ""


def conv(x, filters, strides=1):
    return layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)


def norm(x):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def relu(x):
    return layers.ReLU()(x)


def grouped(x, groups, strides):
    x = layers.ZeroPadding2D(1)(x)
    return GroupedConv2D(x.shape[-1], 3, groups=groups, strides=strides)(x)


def keeps_shape(x, channels, strides):
    return strides == 1 and x.shape[-1] == channels


def projection(x, channels, strides, norm=norm):
    return x if keeps_shape(x, channels, strides) else norm(conv(x, channels, strides))


def add_then_relu(y, shortcut):
    return relu(layers.Add()([y, shortcut]))


def right(
    x,
    channels,
    width,
    groups,
    strides=1,
    *,
    transform=grouped,
    expand=lambda y, channels, groups: norm(conv(y, channels)),
    shortcut=projection,
    merge=add_then_relu,
):
    """The right block; each of its parts can be replaced by a wrong one."""
    y = relu(norm(conv(x, width)))
    y = relu(norm(transform(y, groups, strides)))
    return merge(expand(y, channels, groups), shortcut(x, channels, strides))


def groups_swapped(x, channels, width, groups, strides=1):
    """As many groups as a group should have channels; a well-known book has it so."""
    return right(x, channels, width, width // groups, strides)


def no_projection(x, channels, width, groups, strides=1):
    merge = add_then_relu if keeps_shape(x, channels, strides) else lambda y, x: relu(y)
    return right(x, channels, width, groups, strides, merge=merge, shortcut=lambda x, *_: x)


def late_binding(y, groups, strides):
    y = layers.ZeroPadding2D(1)(y)
    d, parts = y.shape[-1] // groups, []
    for g in range(groups):
        # Each function looks up g when the model runs, and then g is the last one.
        part = layers.Lambda(lambda z: z[..., g * d : (g + 1) * d])(y)  # noqa: B023
        parts.append(layers.Conv2D(d, 3, strides=strides, use_bias=False)(part))
    return layers.Concatenate()(parts)


def same_padding(y, groups, strides):
    return GroupedConv2D(y.shape[-1], 3, groups=groups, strides=strides, padding="same")(y)


def norm_in_each_path(y, channels, groups):
    d = y.shape[-1] // groups
    paths = [norm(conv(y[..., g * d : (g + 1) * d], channels)) for g in range(groups)]
    return layers.Add()(paths) if groups > 1 else paths[0]


def early_stride(x, channels, width, groups, strides=1):
    y = relu(norm(conv(x, width, strides)))
    y = norm(conv(relu(norm(grouped(y, groups, 1))), channels))
    return add_then_relu(y, projection(x, channels, strides))


FAULTS = {
    "groups swapped": Fault(
        groups_swapped,
        "What does `groups` count: the groups, or the channels in one?",
        "has more weights in its 3×3 than a right one",
    ),
    "no projection": Fault(
        no_projection,
        "Where the shape changes, x can't be added as it is: bring it to the new shape by a 1×1 "
        "convolution with the same strides, and a batch norm.",
        "lacks the weights of a projection where the shape changes",
    ),
    "early ReLU": Fault(
        partial(right, merge=lambda y, x: layers.Add()([relu(y), x])),
        "The last ReLU comes too early: add first, then ReLU. Before the addition a ReLU would "
        "forbid the block to subtract.",
        "gives negative numbers, because no ReLU comes last",
    ),
    "same padding": Fault(
        partial(right, transform=same_padding),
        'At stride 2 padding="same" adds its zeros right and below alone, so your 3×3 stands one '
        "pixel off. Add one pixel of zeros on each side first: layers.ZeroPadding2D(1).",
        "lets four output pixels see one and the same input pixel at stride 2",
    ),
    "no last ReLU": Fault(
        partial(right, merge=lambda y, x: layers.Add()([y, x])),
        "The ReLU after the addition is missing.",
    ),
    "ReLU twice": Fault(
        partial(right, merge=lambda y, x: add_then_relu(relu(y), x)),
        "There is a ReLU too many: none before the addition.",
    ),
    "no shortcut": Fault(
        partial(right, merge=lambda y, x: relu(y)),
        "The shortcut is missing: the input must be added to what the block computes.",
    ),
    "projection without norm": Fault(
        partial(right, shortcut=partial(projection, norm=lambda x: x)),
        "The projection's 1×1 convolution needs a batch norm behind it.",
    ),
    "early stride": Fault(
        early_stride,
        "The stride is in the first 1×1 convolution, which then throws 3 of 4 pixels away unseen. "
        "Put it into the 3×3, as the paper does.",
    ),
    # The last ones, because they take longest to build.
    "late binding": Fault(
        partial(right, transform=late_binding),
        "All groups of your 3×3 read the channels of the last group. A function that is made in a "
        "loop looks its variable up later: bind it at once (lambda z, g=g: ...) or cut the "
        "channels without Lambda.",
        "has weights that never get a gradient, because no group reads what they compute",
    ),
    "norm in each path": Fault(
        partial(right, expand=norm_in_each_path),
        "The last batch norm is inside each path. Add the paths up first, then one batch norm "
        "(the paper's footnote 6).",
        "has many more batch norm numbers than a right one",
    ),
}

# Which fault the block of each letter has: six, in an order that gives nothing away.
MYSTERIES = literal_eval(TEXTS["04-diagnose"]["solution"].removeprefix("answer = "))


def mystery_blocks():
    """The six blocks to diagnose, by letter; no name of theirs tells the fault."""
    return {
        letter: lambda *args, wrong=FAULTS[fault].block, **numbers: wrong(*args, **numbers)
        for letter, fault in MYSTERIES.items()
    }
