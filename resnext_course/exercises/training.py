"""The exercises of notebook 05."""

import warnings
from inspect import getsource

import keras
import numpy as np

from .checking import (
    AnswerError,
    Exercise,
    call,
    is_close,
    number,
    number_list,
    one_number,
    refuse_if,
)
from resnext_helpers import models
from resnext_helpers.counting import trainable_parameters


def check_depth(answer):
    blocks = number_list(answer)
    refuse_if(len(blocks) != 4, "Write the four numbers of blocks as a list, such as [1, 2, 3, 4].")
    refuse_if(
        blocks == [2, 3, 5, 2],
        "These are the loops of the article; each stack has one block more, before its loop.",
    )
    layers = 1 + 3 * sum(blocks) + 1
    refuse_if(
        layers != 50,
        f"1 + 3 × {sum(blocks)} + 1 = {layers} layers with weights, and it should be 50.",
    )
    refuse_if(
        blocks != [3, 4, 6, 3],
        "The sum is right, but the paper's Table 1 shares the blocks differently.",
    )


def check_resnet(answer):
    refuse_if(
        not isinstance(answer, keras.Model),
        f"{type(answer).__name__} is no Keras model: give what resnext50(...) returns.",
    )
    classes, pictures = answer.output_shape[-1], answer.input_shape[1:]
    parameters, wanted = trainable_parameters(answer), 25_557_032  # ResNet-50's, 1000 classes
    refuse_if(classes != 1000, f"It has {classes} classes; 1000 were asked for.")
    refuse_if(
        pictures != (224, 224, 3), f"Its pictures have the shape {pictures}, not (224, 224, 3)."
    )
    refuse_if(
        parameters != wanted,
        f"It has {parameters:,} parameters; ResNet-50 has {wanted:,}. How many groups has an "
        f"ordinary convolution, and how wide is its first stack?",
    )


STACKS = {  # arguments of ``stack_macs``; in the first, every slip below has a result of its own
    "a stack of 5 blocks": (5, 96, 160, 64, 8, 28, 2),
    "ResNeXt-50's stack 2": (4, 256, 512, 256, 32, 56, 2),
    "ResNeXt-50's stack 1": (3, 64, 256, 128, 32, 56, 1),
    "ResNet-50's stack 4": (3, 1024, 2048, 512, 1, 14, 2),
}


def stack_macs(number_of_blocks, in_channels, channels, width, groups, size, strides):
    def convolution(inputs, outputs, kernel_size, output_size, groups=1):
        return kernel_size**2 * (inputs // groups) * outputs * output_size**2

    small = size // strides
    total = convolution(in_channels, channels, 1, small)  # the projection
    for _ in range(number_of_blocks):
        total += convolution(in_channels, width, 1, size)
        total += convolution(width, width, 3, small, groups)
        total += convolution(width, channels, 1, small)
        in_channels, size = channels, small  # what the next block gets
    return total


def slips(n, inner, outer, width, groups, size, strides):
    """Each likely mistake: its result, and what to say of it."""
    small = size // strides
    right = stack_macs(n, inner, outer, width, groups, size, strides)
    one_block = stack_macs(1, inner, outer, width, groups, size, strides)
    return {
        right - inner * outer * small**2: "The first block's shortcut has a 1×1 convolution too, "
        "the projection.",
        right + (n - 1) * outer**2 * small**2: "Only the first block's shortcut has a projection; "
        "the others' is the identity.",
        stack_macs(n, inner, outer, width, 1, size, strides): "A filter of the 3×3 sees only the "
        "channels of its group: width / groups.",
        stack_macs(n, inner, outer, width, groups, small, 1): "The stride is in the 3×3, so the "
        "first block's first 1×1 still works on the large map.",
        stack_macs(n, inner, outer, width, groups, size, 1): "The map gets smaller: behind the "
        "first 3×3 its side is size // strides.",
        n * one_block: "Only the first block gets in_channels and the large map; the next ones get "
        "what the block before them gives.",
        one_block: "That is one block. How many are there?",
        stack_macs(n, inner, outer, width, groups, 1, 1): "Those are the weights. Each is used "
        "once at every position of the output's map.",
        2 * right: "A multiply-add counts as one, not as two.",
    }


def check_cost(answer):
    for name, stack in STACKS.items():
        said = f"stack_macs{stack}"
        value, right = number(call(answer, *stack, said=said), said), stack_macs(*stack)
        if value != right:
            slip = slips(*stack).get(value, "Add up the convolutions one by one.")
            raise AnswerError(f"For {name} it gives {value:,}, and {right:,} is right. {slip}")


def my_stack(x, number_of_blocks, *, channels, width, groups, strides, name):
    form = {"channels": channels, "width": width, "groups": groups}
    for i in range(number_of_blocks):  # as many as asked for: none before the loop
        strides_here = strides if i == 0 else 1  # the map is halved once
        x = models.block(x, **form, strides=strides_here, name=f"{name}_{i}")
    return x


def check_stack(answer):
    for number_of_blocks, strides in ((3, 2), (2, 1)):
        asked = f"Asked for {number_of_blocks} blocks with strides={strides}"
        try:
            check_one_stack(answer, number_of_blocks, strides)
        except AnswerError as wrong:
            raise AnswerError(f"{asked}: {wrong}") from wrong


def check_one_stack(answer, number_of_blocks, strides):
    form = {"channels": 32, "width": 16, "groups": 4, "strides": strides}
    inputs = keras.Input((32, 32, 8))

    def build(stack):
        outputs = stack(inputs, number_of_blocks, **form, name="try")
        return None if outputs is None else keras.Model(inputs, outputs)

    try:
        model = call(build, answer, said="it") if callable(answer) else call(answer)
    except AnswerError as wrong:
        refuse_if(
            "unique" in str(wrong),
            "Two blocks have the same name: use the block's number in it, as {name}_{i}.",
        )
        raise
    refuse_if(model is None, "it returns None: the last line should be return x.")
    spatial = [layer for layer in model.layers if getattr(layer, "kernel_size", (0,))[0] == 3]
    made = len(spatial)
    refuse_if(made == number_of_blocks + 1, f"it makes {made}: is there a block outside the loop?")
    refuse_if(made == 1, "only one is connected: each must go on from the last, x = block(x, ...).")
    refuse_if(made != number_of_blocks, f"it makes {made}.")
    for layer in spatial:
        groups, width = getattr(layer, "groups", 1), layer.output.shape[-1]
        refuse_if(groups != 4, f"groups=4, and a 3×3 convolution has groups={groups}.")
        refuse_if(width != 16, f"width=16, and its blocks are {width} wide inside.")
    size, right = model.output_shape[1], 32 // strides
    refuse_if(
        size == 32 // strides**number_of_blocks != right,
        f"32×32 becomes {size}×{size}: every block strides, and only one should.",
    )
    refuse_if(size != right, f"32×32 becomes {size}×{size}, and should become {right}×{right}.")
    outputs = model.output_shape[-1]
    refuse_if(outputs != 32, f"{outputs} channels leave it, not 32.")
    refuse_if(
        spatial[0].output.shape[1] != right,
        "a later block strides. The first should: so the others work on less.",
    )
    have, want = map(trainable_parameters, (model, build(my_stack)))
    refuse_if(have != want, f"it has {have:,} parameters, and a stack of such blocks has {want:,}.")


CLASSES, RATE = 3, 0.003  # another rate than Adam's own, or an unused optimizer isn't noticed


def my_classifier(inputs, features, num_classes, learning_rate):
    x = keras.layers.GlobalAveragePooling2D()(features)
    # Logits, no softmax. With a softmax here, from_logits=False would be right, too.
    model = keras.Model(inputs, keras.layers.Dense(num_classes)(x))
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),  # the object, not its name
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def check_classifier(answer):
    inputs = keras.Input((4, 4, 8))
    model = call(answer, inputs, inputs, CLASSES, RATE, said="It")
    refuse_if(
        not isinstance(model, keras.Model),
        f"It returns {type(model).__name__}, not the model.",
    )
    refuse_if(
        model.output_shape != (None, CLASSES),
        f"Asked for {CLASSES} classes, the model gives the shape {model.output_shape[1:]}.",
    )
    refuse_if(not model.compiled, "The model isn't compiled: model.compile(...) before return.")
    rate = float(model.optimizer.learning_rate)
    refuse_if(
        is_close(rate, 0.001, within=1e-4),
        f"Asked for a rate of {RATE}, it trains with 0.001, Keras' own: the optimizer that you "
        f"made isn't used. Pass the object, not its name.",
    )
    refuse_if(
        not is_close(rate, RATE, within=1e-4),
        f"Asked for a rate of {RATE}, it trains with {rate:.4g}.",
    )
    check_loss(model)


def check_loss(model):
    pictures = np.random.default_rng(0).normal(size=(32, 4, 4, 8)).astype("float32")
    labels = np.arange(32) % CLASSES
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scores = model.evaluate(pictures, labels, verbose=0, return_dict=True)
    except Exception:
        raise AnswerError(
            "The loss can't use labels such as 0, 1, 2. For whole numbers take "
            "SparseCategoricalCrossentropy."
        ) from None
    outputs = np.asarray(model(pictures))
    has_softmax = (outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-4)
    refuse_if(
        has_softmax and any("from_logits" in str(one.message) for one in caught),
        "The model ends with a softmax, and the loss says from_logits=True: one softmax too many. "
        "Keras warns and leaves one out, if it sees both. Decide for one of them.",
    )
    probabilities = outputs if has_softmax else np.asarray(keras.ops.softmax(outputs))
    wanted = -np.log(probabilities[np.arange(32), labels]).mean()
    if not is_close(scores["loss"], wanted, within=0.001):
        refuse_if(
            not has_softmax,
            "The model gives logits, and the loss takes them for probabilities. Nothing fails, and "
            "it learns badly. Say from_logits=True.",
        )
        raise AnswerError(
            f"The loss is {scores['loss']:.3f}, and for these probabilities the cross-entropy is "
            f"{wanted:.3f}."
        )
    refuse_if(
        not any("acc" in name for name in scores),
        "Nobody would see the accuracy: metrics=['accuracy'] is missing.",
    )


EXERCISES = {
    "05-blocks": Exercise(
        one_number(
            6,
            {5: "You counted the loop. Is there a block before the loop?"},
            otherwise="One call of block() before the loop, and range(blocks) gives one call each "
            "time.",
        ),
        praise="One block with a projection and five without: the third stack's 6 blocks.",
        hints=(
            "Read the code of stack() line by line: where is block() called?",
            "Once before the loop, and once for each i in range(5).",
        ),
        solution="So the article's blocks of 2, 3, 5, 2 are the paper's 3, 4, 6, 3.\n"
        "answer = 1 + 5",
    ),
    "05-depth": Exercise(
        check_depth,
        praise="1 + 3 × (3 + 4 + 6 + 3) + 1 = 50.",
        hints=(
            "Each block has three convolutions on its main path: 1×1, 3×3, 1×1.",
            "1 + 3 × (sum of the blocks) + 1 = 50, so the sum is 16.",
        ),
        solution="""\
1 (stem) + 3 × 16 (blocks) + 1 (dense) = 50. The projections of the shortcuts are not counted.
answer = [3, 4, 6, 3]""",
    ),
    "05-resnet": Exercise(
        check_resnet,
        praise="ResNet is ResNeXt with a cardinality of 1.",
        hints=(
            "An ordinary convolution is a grouped convolution with one group.",
            "ResNet-50's first stack is 64 channels wide inside its blocks.",
        ),
        solution="It has 25,557,032 parameters. One builder makes both networks.\n"
        "answer = resnext50((224, 224, 3), 1000, groups=1, width_per_group=64)",
    ),
    "05-field": Exercise(
        one_number(
            483,
            {
                427: "427 is with the stride in the 3×3, where the 3×3 still makes the shorter "
                "steps.",
                493: "Almost: you moved the stem's strides too. Its two windows stay as they are.",
            },
            otherwise="With the stride in the 1×1 before it, each stack's first 3×3 makes the "
            "longer steps already: 8, 16 and 32 pixels instead of 4, 8 and 16. How much does this "
            "add?",
        ),
        praise="56 pixels more, for the same cost in 3×3 convolutions.",
        hints=(
            "Only the three 3×3 windows with stride 2 change. By how many pixels do they widen "
            "what is seen, and by how many would they with a step twice as long?",
            "Each widens it by 2 steps. The steps were 4, 8, 16; now they are 8, 16, 32.",
        ),
        solution="The 1×1 in front of each of these 3×3 has halved the map already.\n"
        "answer = 427 + 2 * (8 - 4) + 2 * (16 - 8) + 2 * (32 - 16)  # 483",
    ),
    "05-cost": Exercise(
        check_cost,
        praise="Your function gives what the built network counts, for ResNet's stacks too.",
        hints=(
            "A block has a 1×1, a grouped 3×3 and a 1×1; the first one has a projection, too. A "
            "convolution costs kernel_size² · (in_channels / groups) · out_channels · output_size².",
            "The stride sits in the first block's 3×3. Which of its four convolutions give the "
            "large map, and which the small one?",
            "Behind the first block: in_channels becomes channels, size becomes size // strides.",
        ),
        solution=getsource(stack_macs),
    ),
    "05-stack": Exercise(
        check_stack,
        praise="As many blocks as asked for, and the map is halved once.",
        hints=(
            "There are two faults. What does the cell print, and what should it print?",
            "Count the calls of models.block. Then look at strides: which block should halve the "
            "map?",
            "One loop is enough: strides=strides if i == 0 else 1.",
        ),
        solution=getsource(my_stack),
    ),
    "05-compile": Exercise(
        check_classifier,
        praise="Model and loss agree on what a number means, and your learning rate is used.",
        hints=(
            "There are two faults, and neither gives an error. Read each argument of compile, and "
            "ask what it is given.",
            "Is the object in the variable optimizer used? And how many softmaxes are there, one "
            "in the model and one in the loss?",
            "optimizer=optimizer, and a Dense layer without activation.",
        ),
        solution=getsource(my_classifier),
    ),
}
