"""The exercises of notebook 05."""

import warnings

import keras
import numpy as np
from scipy.special import softmax

from resnext_helpers import models
from resnext_helpers.counting import trainable_parameters

from .checking import AnswerError, call, in_case, is_close, number, number_list


def check_depth(answer):
    blocks = number_list(answer)
    layers, is_paper = 1 + 3 * sum(blocks) + 1, blocks == [3, 4, 6, 3]
    sums = f"1 + 3 × {sum(blocks)} + 1 = {layers} layers with weights"
    yield {
        "Write the four numbers of blocks as a list, such as [1, 2, 3, 4].": len(blocks) != 4,
        "These are the loops of the article; each stage has one block more, before its "
        "loop.": blocks == [2, 3, 5, 2],
        f"{sums}, and it should be 50.": layers != 50,
        "The sum is right, but the paper's Table 1 shares the blocks differently.": not is_paper,
    }


def check_resnet(answer):
    is_model, kind = isinstance(answer, keras.Model), type(answer).__name__
    yield {f"{kind} is no Keras model: give what resnext50(...) returns.": not is_model}
    has_shape = getattr(answer, "input_shape", None) is not None  # a Sequential may have none yet
    yield {
        "The model has no layers yet, or no input: give what resnext50(...) returns.": not has_shape
    }
    classes, pictures = answer.output_shape[-1], answer.input_shape[1:]
    parameters, wanted = trainable_parameters(answer), 25_557_032  # ResNet-50's, 1000 classes
    spatial = [layer for layer in answer.layers if getattr(layer, "kernel_size", (0,))[0] == 3]
    groups, width = (getattr(next(iter(spatial), None), of, 0) for of in ("groups", "filters"))
    yield {
        f"It has {classes} classes; 1000 were asked for.": classes != 1000,
        f"Its pictures have the shape {pictures}, not (224, 224, 3).": pictures != (224, 224, 3),
        "Inside its blocks, your ResNeXt-50 has 32 × 4 = 128 channels in stage 1; ResNet-50 has "
        "half as many, all in one group.": groups == 1 and width != 64,
        f"It has {parameters:,} parameters; ResNet-50 has {wanted:,}. How many groups has an "
        f"ordinary convolution, and how wide is its stage 1?": parameters != wanted,
    }


STAGES = {  # arguments of ``stack_macs``; in the first, every slip below has a result of its own
    "a stage of 5 blocks": (5, 96, 160, 64, 8, 28, 2),
    "ResNeXt-50's stage 2": (4, 256, 512, 256, 32, 56, 2),
    "ResNeXt-50's stage 1": (3, 64, 256, 128, 32, 56, 1),
    "ResNet-50's stage 4": (3, 1024, 2048, 512, 1, 14, 2),
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


def check_cost(answer):
    for name, stage in STAGES.items():
        said = f"stack_macs{stage}"
        value, right = number(call(answer, *stage, said=said), said), stack_macs(*stage)
        slip = slips(*stage).get(value, "Add up the convolutions one by one.")
        yield {f"For {name} it gives {value:,}, and {right:,} is right. {slip}": value != right}


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


def my_stack(x, number_of_blocks, *, channels, width, groups, strides, name):
    form = {"channels": channels, "width": width, "groups": groups}
    for i in range(number_of_blocks):  # as many as asked for: none before the loop
        strides_here = strides if i == 0 else 1  # the map is halved once
        x = models.block(x, **form, strides=strides_here, name=f"{name}_{i}")
    return x


def check_stack(answer):
    for number_of_blocks, strides in ((3, 2), (2, 1)):
        asked = f"Tried with {number_of_blocks} blocks and strides={strides}: "
        yield in_case(asked, check_one_stack(answer, number_of_blocks, strides))


def check_one_stack(answer, number_of_blocks, strides):
    inputs = keras.Input((16, 16, 8))
    form = {"channels": 32, "width": 16, "groups": 4, "strides": strides}
    outputs = call(answer, inputs, number_of_blocks, said="it", **form, name="try")
    kind, is_tensor = type(outputs).__name__, isinstance(outputs, keras.KerasTensor)
    yield {
        "it returns None: the last line should be return x.": outputs is None,
        f"it returns {kind}, not what the last block gives.": not is_tensor,
    }
    try:
        model = keras.Model(inputs, outputs)
    except ValueError as error:
        why = "two blocks have the same name: use the block's number in it, as {name}_{i}."
        yield {why: "unique" in str(error)}
        raise
    spatial = [layer for layer in model.layers if getattr(layer, "kernel_size", (0,))[0] == 3]
    made = len(spatial)
    yield {
        f"it makes {made}: is there a block outside the loop?": made == number_of_blocks + 1,
        "only one is connected: each must go on from the last, x = block(x, ...).": made == 1,
        f"it makes {made}.": made != number_of_blocks,
    }
    groups, widths = ([getattr(one, name, 1) for one in spatial] for name in ("groups", "filters"))
    first = spatial[0].output.shape[1]
    size, _, channels = model.output_shape[1:]
    right = 16 // strides
    all_stride = size == 16 // strides**number_of_blocks != right
    yield {
        f"asked for groups=4, its 3×3 convolutions have {groups}.": set(groups) != {4},
        f"asked for width=16, its blocks are {widths} wide inside.": set(widths) != {16},
        f"16×16 becomes {size}×{size}: every block strides, and only one should.": all_stride,
        f"16×16 becomes {size}×{size}, and should become {right}×{right}.": size != right,
        f"{channels} channels leave it, not 32.": channels != 32,
        "a later block strides. The first should: so the others work on less.": first != right,
    }
    kernels = stack_macs(number_of_blocks, 8, 32, 16, 4, 1, 1)
    have, want = trainable_parameters(model), kernels + 2 * (32 + 64 * number_of_blocks)
    yield {f"it has {have:,} parameters, and a stack of such blocks has {want:,}.": have != want}


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


def check_compile(answer):
    inputs = keras.Input((4, 4, 8))
    model = call(answer, inputs, inputs, CLASSES, RATE, said="It")
    is_model, kind = isinstance(model, keras.Model), type(model).__name__
    yield {f"It returns {kind}, not the model.": not is_model}
    shape, compiled = model.output_shape[1:], model.compiled
    yield {
        f"Asked for {CLASSES} classes, the model gives the shape {shape}.": shape != (CLASSES,),
        "The model isn't compiled: model.compile(...) before return.": not compiled,
    }
    pictures = np.random.default_rng(0).normal(size=(32, 4, 4, 8)).astype("float32")
    labels = np.arange(32) % CLASSES
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.run_eagerly = True  # one batch isn't worth a graph
            scores = model.evaluate(pictures, labels, verbose=0, return_dict=True)
    except Exception:
        raise AnswerError(
            "The loss can't use labels such as 0, 1, 2. For whole numbers take "
            "SparseCategoricalCrossentropy."
        ) from None
    outputs = np.asarray(model(pictures))
    has_softmax = (outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-4)
    keras_warns = any("from_logits" in str(one.message) for one in caught)
    probabilities = outputs if has_softmax else softmax(outputs, axis=1)
    wanted = -np.log(probabilities[np.arange(32), labels]).mean()
    is_right = is_close(scores["loss"], wanted, 0.001)
    has_accuracy = any("acc" in name for name in scores)
    rate = float(model.optimizer.learning_rate)
    is_default, too_many = is_close(rate, 0.001, 1e-4), has_softmax and keras_warns
    only_one = "One fault left. " if is_default != too_many and (too_many or is_right) else ""
    yield {
        f"{only_one}Asked for a rate of {RATE}, it trains with 0.001, Keras' own: the optimizer "
        f"that you made isn't used. Pass the object, not its name.": is_default,
        f"Asked for a rate of {RATE}, it trains with {rate:.4g}.": not is_close(rate, RATE, 1e-4),
    }
    yield {
        f"{only_one}The model ends with a softmax, and the loss says from_logits=True: one softmax "
        f"too many. It may work by luck: Keras sees both and leaves one out. Don't rely on "
        f"it.": too_many,
        "The model gives logits, and the loss takes them for probabilities. Nothing fails, and it "
        "learns badly. Say from_logits=True.": not is_right and not has_softmax,
        f"The loss is {scores['loss']:.3f}, and for these probabilities the cross-entropy is "
        f"{wanted:.3f}.": not is_right,
        "Nobody would see the accuracy: metrics=['accuracy'] is missing.": not has_accuracy,
    }
