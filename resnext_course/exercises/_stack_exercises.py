"""The two exercises of notebook 05 about a stack: what it costs, and one to repair.

The answer is a function. It is called and its result examined, its code is never read, so every
right answer passes, however it is written.
"""

import keras

from resnext_course.exercises._exercise import Exercise, is_number
from resnext_helpers import counting, models
from resnext_helpers.counting import conv_macs

# blocks, channels that enter, channels that leave, channels inside, groups, size of the map, stride
STACKS = {
    # The first one's numbers give every slip below a result of its own.
    "a stack of 5 blocks": (5, 96, 160, 64, 8, 28, 2),
    "ResNeXt-50's stack 2": (4, 256, 512, 256, 32, 56, 2),
    "ResNeXt-50's stack 1": (3, 64, 256, 128, 32, 56, 1),
    "ResNet-50's stack 4": (3, 1024, 2048, 512, 1, 14, 2),
}


def stack_macs(number_of_blocks, in_channels, channels, width, groups, size, strides):
    """Multiply-adds of a stack of blocks for one picture; it is the solution too."""
    small = size // strides
    total = conv_macs(in_channels, channels, 1, small)  # the projection
    for _ in range(number_of_blocks):
        total += conv_macs(in_channels, width, 1, size)
        total += conv_macs(width, width, 3, small, groups)
        total += conv_macs(width, channels, 1, small)
        in_channels, size = channels, small
    return total


def _cost_slips(n, inner, outer, width, groups, size, strides):
    """Each likely mistake: its result, and what to say of it."""
    small = size // strides
    right = stack_macs(n, inner, outer, width, groups, size, strides)
    projection = conv_macs(inner, outer, 1, small)
    one_block = stack_macs(1, inner, outer, width, groups, size, strides)
    return {
        right - projection: "The first block's shortcut has a 1×1 convolution too, the projection.",
        right + (n - 1) * conv_macs(outer, outer, 1, small): (
            "Only the first block's shortcut has a projection; the others' is the identity."
        ),
        stack_macs(n, inner, outer, width, 1, size, strides): (
            "A filter of the 3×3 sees only the channels of its group: width / groups."
        ),
        stack_macs(n, inner, outer, width, groups, small, 1): (
            "The stride is in the 3×3, so the first block's first 1×1 still works on the large map."
        ),
        stack_macs(n, inner, outer, width, groups, size, 1): (
            "The map gets smaller: behind the first 3×3 its side is size // strides."
        ),
        n * one_block: (
            "Only the first block gets in_channels and the large map; the next ones get what the "
            "block before them gives."
        ),
        one_block: "That is one block. How many are there?",
        stack_macs(n, inner, outer, width, groups, 1, 1): (
            "Those are the weights. Each is used once at every position of the output's map."
        ),
        2 * right: "A multiply-add counts as one, not as two.",
    }


def _cost(answer):
    if not callable(answer):
        return f"{answer!r} is no function: write def stack_macs(...) and give its name."
    for name, stack in STACKS.items():
        try:
            said = answer(*stack)
        except Exception as error:
            return f"For {name} it fails with {type(error).__name__}: {str(error).rstrip('.')}."
        if not is_number(said):
            return f"For {name} it gives {said!r}, which is no number. Is there a return?"
        right = stack_macs(*stack)
        if said != right:
            slip = _cost_slips(*stack).get(said, "Add up the convolutions one by one.")
            return f"For {name} it gives {said:,}, and {right:,} is right. {slip}"
    return None


COST = Exercise(
    _cost,
    praise="Your function gives what the built network counts, for ResNet's stacks too.",
    hints=(
        "A block has a 1×1, a grouped 3×3 and a 1×1; the first one has a projection, too. "
        "counting.conv_macs(in_channels, out_channels, kernel_size, output_size, groups) gives "
        "one convolution's.",
        "The stride sits in the first block's 3×3. Which of its four convolutions give the large "
        "map, and which the small one?",
        "Behind the first block: in_channels becomes channels, size becomes size // strides.",
    ),
    solution="""\
def stack_macs(number_of_blocks, in_channels, channels, width, groups, size, strides):
    small = size // strides
    total = counting.conv_macs(in_channels, channels, 1, small)  # the projection
    for _ in range(number_of_blocks):
        total += counting.conv_macs(in_channels, width, 1, size)
        total += counting.conv_macs(width, width, 3, small, groups)
        total += counting.conv_macs(width, channels, 1, small)
        in_channels, size = channels, small  # what the next block gets
    return total""",
)

FORM = {"channels": 32, "width": 16, "groups": 4}


def _stack(answer):
    if not callable(answer):
        return f"{answer!r} is no function: write def my_stack(...) and give its name."
    return _try_stack(answer, 3, 2) or _try_stack(answer, 2, 1)


def _try_stack(answer, number_of_blocks, strides):
    """What is wrong with a stack of so many blocks on a map of 32×32."""
    asked = f"Asked for {number_of_blocks} blocks with strides={strides}"
    inputs = keras.Input((32, 32, 8))
    try:
        outputs = answer(inputs, number_of_blocks, **FORM, strides=strides, name="try")
        model = keras.Model(inputs, outputs) if outputs is not None else None
    except Exception as error:
        if "name" in str(error) and "unique" in str(error):
            return "Two blocks have the same name: use the block's number in it, as {name}_{i}."
        return f"{asked}, it fails with {type(error).__name__}: {str(error).rstrip('.')}."
    if model is None:
        return "It returns None: the last line should be return x."
    convolutions = [layer for layer in model.layers if _side(layer) == 3]
    return _wrong_blocks(asked, convolutions, number_of_blocks) or _wrong_shape(
        asked, model, convolutions, number_of_blocks, strides
    )


def _side(layer):
    return getattr(layer, "kernel_size", (0,))[0]


def _wrong_blocks(asked, convolutions, number_of_blocks):
    count = len(convolutions)
    if count == number_of_blocks + 1:
        return f"{asked}, it makes {count}: is there a block outside the loop?"
    if count == 1 and number_of_blocks > 1:
        return f"{asked}, only one is connected: each must go on from the last, x = block(x, ...)."
    if count != number_of_blocks:
        return f"{asked}, it makes {count}."
    groups = {getattr(layer, "groups", 1) for layer in convolutions}
    if groups != {FORM["groups"]}:
        return f"{asked} and groups={FORM['groups']}, its 3×3 convolutions have {_list(groups)}."
    widths = {layer.output.shape[-1] for layer in convolutions}
    if widths != {FORM["width"]}:
        return f"{asked} and width={FORM['width']}, its blocks are {_list(widths)} wide inside."
    return None


def _list(numbers):
    return " and ".join(map(str, sorted(numbers)))


def _wrong_shape(asked, model, convolutions, number_of_blocks, strides):
    size, right = model.output_shape[1], 32 // strides
    if size == 32 // strides**number_of_blocks != right:
        return f"{asked}, 32×32 becomes {size}×{size}: every block strides, and only one should."
    if size != right:
        return f"{asked}, 32×32 becomes {size}×{size}, and should become {right}×{right}."
    if model.output_shape[-1] != FORM["channels"]:
        return f"{asked}, {model.output_shape[-1]} channels leave it, not {FORM['channels']}."
    if strides != 1 and _stride(convolutions[0]) != strides:
        return f"{asked}, a later block strides. The first should: so the others work on less."
    inputs = keras.Input((32, 32, 8))
    reference = keras.Model(
        inputs, models.stack(inputs, number_of_blocks, **FORM, strides=strides, name="right")
    )
    have, want = map(counting.trainable_parameters, (model, reference))
    if have != want:
        return f"{asked}, it has {have:,} parameters, and a stack of such blocks has {want:,}."
    return None


def _stride(layer):
    return layer.strides if isinstance(layer.strides, int) else layer.strides[0]


STACK = Exercise(
    _stack,
    praise="As many blocks as asked for, and the map is halved once.",
    hints=(
        "There are two faults. What does the cell print, and what should it print?",
        "Count the calls of models.block. Then look at strides: which block should halve the map?",
        "One loop is enough: strides=strides if i == 0 else 1.",
    ),
    solution="""\
def my_stack(x, number_of_blocks, *, channels, width, groups, strides, name):
    form = {"channels": channels, "width": width, "groups": groups}
    for i in range(number_of_blocks):  # as many as asked for: none before the loop
        strides_here = strides if i == 0 else 1  # the map is halved once
        x = models.block(x, **form, strides=strides_here, name=f"{name}_{i}")
    return x""",
)
