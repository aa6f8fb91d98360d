"""One network to be timed, in a process of its own: ``python contenders.py NAME SIZE BATCH``.

speed.py starts it, writes one word a line ("train", "predict", "matmul" or "memory"), and reads
one number a line: seconds, or bytes for "memory". The first number, unasked, is the seconds from
the network's first layer to the end of its first training step.
"""

import os
import resource
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

CLASSES = 4  # the course's birds
LEARNING_RATE = 1e-4  # the article's
MATMUL_SIZE = 2048


class Course:
    """The course's network, trained as the notebooks train it."""

    @staticmethod
    def load():
        from resnext_helpers import models, training  # noqa: F401

    def __init__(self, size, batch):
        from tensorflow import random, zeros

        self.model = self.build(size)
        self.images, self.labels = random.uniform((batch, size, size, 3)), zeros((batch,))
        self.matrix = random.uniform((MATMUL_SIZE, MATMUL_SIZE))

    def build(self, size):
        from resnext_helpers import models, training

        model = models.ResNeXt50((size, size, 3), CLASSES)
        training.compile_model(model, LEARNING_RATE)
        training.make_variables(model)
        return model

    def train(self):
        self.model.train_on_batch(self.images, self.labels)

    def predict(self):
        self.model.predict_on_batch(self.images)

    def matmul(self):
        self.matrix @ self.matrix


class KerasGroups(Course):
    """What one writes first: Keras' own layers, everything as Keras and TensorFlow choose it."""

    @staticmethod
    def load():
        import tensorflow  # noqa: F401 (before our package, which would turn on oneDNN)

        warnings.filterwarnings("ignore", "TensorFlow was imported before")
        from resnext_helpers import models  # noqa: F401

    def build(self, size):
        import keras

        from resnext_helpers import layers, models

        def plain(layer):
            if isinstance(layer, layers.BatchNorm):
                return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=layer.name)
            if isinstance(layer, layers.GroupedConv2D):
                return self.grouped_convolution(keras, layer)
            return layer.__class__.from_config(layer.get_config())

        network = models.ResNeXt50((size, size, 3), CLASSES)
        model = keras.models.clone_model(network, clone_function=plain)
        model.compile(
            keras.optimizers.Adam(LEARNING_RATE),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return model

    def grouped_convolution(self, keras, layer):
        return keras.layers.Conv2D(
            layer.filters,
            layer.kernel_size,
            strides=layer.strides,
            padding=layer.padding,
            groups=layer.groups,
            use_bias=False,
            name=layer.name,
        )


class ArticleLoop(KerasGroups):
    """The article's loop over the groups, late-bound variable included (notebook 03 shows it)."""

    def grouped_convolution(self, keras, layer):
        inputs = keras.Input((*layer.input.shape[1:],))
        width = inputs.shape[-1] // layer.groups
        branches = []
        for group in range(layer.groups):
            part = keras.layers.Lambda(
                lambda x: x[:, :, :, group * width : (group + 1) * width]  # noqa: B023
            )(inputs)
            branches.append(
                keras.layers.Conv2D(
                    layer.filters // layer.groups,
                    layer.kernel_size,
                    strides=layer.strides,
                    padding=layer.padding,
                    use_bias=False,
                )(part)
            )
        return keras.Model(inputs, keras.layers.Concatenate()(branches), name=layer.name)


class Torchvision:
    """torchvision's resnext50_32x4d with the channels last in memory, as TensorFlow has them."""

    channels_last = True

    @staticmethod
    def load():
        import torchvision  # noqa: F401

    def __init__(self, size, batch):
        import torch
        import torchvision

        self.torch = torch
        order = torch.channels_last if self.channels_last else torch.contiguous_format
        network = torchvision.models.resnext50_32x4d(num_classes=CLASSES)
        self.network = network.to(memory_format=order)
        self.optimizer = torch.optim.Adam(self.network.parameters(), LEARNING_RATE)
        self.loss = torch.nn.CrossEntropyLoss()
        self.images = torch.rand(batch, 3, size, size).to(memory_format=order)
        self.labels = torch.zeros(batch, dtype=torch.long)
        self.matrix = torch.rand(MATMUL_SIZE, MATMUL_SIZE)

    def train(self):
        self.network.train()
        self.optimizer.zero_grad()
        self.loss(self.network(self.images), self.labels).backward()
        self.optimizer.step()

    def predict(self):
        self.network.eval()
        with self.torch.inference_mode():
            self.network(self.images)

    def matmul(self):
        self.matrix @ self.matrix


class TorchvisionContiguous(Torchvision):
    """torchvision's resnext50_32x4d in its default layout, channels first."""

    channels_last = False


CONTENDERS = {
    "course": Course,
    "torchvision, channels last": Torchvision,
    "torchvision, channels first": TorchvisionContiguous,
    "Keras Conv2D(groups=32)": KerasGroups,
    "article's Lambda loop": ArticleLoop,
}


def seconds(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def peak_memory():
    """Bytes; Linux counts in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    name, size, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    CONTENDERS[name].load()
    start = time.perf_counter()
    contender = CONTENDERS[name](size, batch)
    contender.train()
    print(time.perf_counter() - start, file=answers)
    for line in sys.stdin:
        word = line.strip()
        answer = peak_memory() if word == "memory" else seconds(getattr(contender, word))
        print(answer, file=answers)


if __name__ == "__main__":
    main()
