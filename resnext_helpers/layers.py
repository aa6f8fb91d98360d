"""Grouped convolution that trains fast on a CPU as well as on a GPU.

A grouped convolution splits its input channels into ``groups`` equal parts, convolves each part
with its own kernels, and puts the results side by side (Xie et al., 2017, Figure 3c). Keras'
``Conv2D(groups=...)`` computes the same function, but on a CPU its training step is many times
slower (notebook 03 measures it), so the course's layer takes other ways to the same result.
"""

import functools

import keras
from keras import ops

IMPLEMENTATIONS = ("auto", "native", "split", "merged")
MERGED_CHANNELS = 32  # channels in one merged convolution; see ``_merged``


@keras.saving.register_keras_serializable(package="resnext_helpers")
class GroupedConv2D(keras.layers.Layer):
    """A 2-D convolution in ``groups`` groups, without bias (batch norm follows it in ResNeXt).

    Input ``(batch, height, width, channels)``, output ``(batch, new_height, new_width, filters)``.
    The kernel has the shape that Keras' ``Conv2D(groups=...)`` gives it,
    ``(kernel_height, kernel_width, channels // groups, filters)``, so the weights are
    interchangeable.

    Args:
        filters: number of output channels; a multiple of ``groups``.
        kernel_size: height and width of the kernels, one number for both or a pair.
        groups: number of groups, the paper's cardinality; it must divide the input channels too.
        strides: step of the kernel, in pixels.
        padding: ``"valid"`` or ``"same"``.
        implementation: how it is computed; the result is the same.
            ``"native"``: one call of the framework's grouped convolution;
            ``"split"``: one convolution a group, then a concatenation;
            ``"merged"``: neighbouring groups share one convolution whose kernel is zero where
            a filter would see another group;
            ``"auto"``: native, or merged where TensorFlow can't train with its own (on a CPU
            without oneDNN, or in float16 or float64).

    Raises:
        ValueError: a group would be empty or unequal, or an argument isn't one of those above.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        *,
        groups,
        strides=1,
        padding="valid",
        implementation="auto",
        kernel_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if groups < 1 or filters < 1 or filters % groups:
            raise ValueError(
                f"{filters} filters can't be shared equally by {groups} groups: "
                f"choose a number of filters that is a multiple of the groups."
            )
        if padding not in ("valid", "same"):
            raise ValueError(f'padding is {padding!r}: choose "valid" or "same".')
        if implementation not in IMPLEMENTATIONS:
            raise ValueError(
                f"implementation is {implementation!r}: choose one of {', '.join(IMPLEMENTATIONS)}."
            )
        self.filters = filters
        self.kernel_size = (
            (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
        )
        self.groups = groups
        self.strides = strides
        self._steps = 1 if self.kernel_size == (1, 1) else strides  # see ``call``
        self.padding = padding
        self.implementation = implementation
        self.kernel_initializer = keras.initializers.get(
            kernel_initializer or default_kernel_initializer()
        )
        # Where there is a GPU, even a hidden one, Keras compiles a model with XLA if all its layers
        # allow it. On the CPU XLA would replace oneDNN's convolutions by slower ones.
        self.supports_jit = not _tensorflow_on_cpu()

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels is None or channels % self.groups:
            raise ValueError(
                f"{channels} input channels can't be split into {self.groups} equal groups: "
                f"choose groups that divide the channels."
            )
        self.kernel = self.add_weight(
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            name="kernel",
        )

    def call(self, inputs):
        implementation = self.implementation
        if implementation == "auto":
            implementation = "native" if _native_trains(self.compute_dtype) else "merged"
        if self._steps != self.strides:
            # A 1×1 kernel sees one pixel in each stride, so the others can go first. They must:
            # oneDNN's filter gradient for few channels would write outside its memory.
            inputs = inputs[:, :: self.strides, :: self.strides]
        return getattr(self, f"_{implementation}")(inputs, ops.cast(self.kernel, inputs.dtype))

    def _convolve(self, inputs, kernel):
        return ops.conv(inputs, kernel, self._steps, self.padding, data_format="channels_last")

    def _native(self, inputs, kernel):
        if keras.backend.backend() != "tensorflow" or not _native_trains(self.compute_dtype):
            return self._convolve(inputs, kernel)
        # Keras would compile this with XLA on a CPU, because TensorFlow's own CPU code has no
        # gradient for groups. oneDNN's code, which TensorFlow uses in its place, has one.
        return _tensorflow().nn.conv2d(inputs, kernel, self._steps, self.padding.upper())

    def _split(self, inputs, kernel, parts=None):
        parts = parts or self.groups
        branches = zip(
            ops.split(inputs, parts, axis=-1), ops.split(kernel, parts, axis=-1), strict=True
        )
        return ops.concatenate([self._convolve(x, k) for x, k in branches], axis=-1)

    def _merged(self, inputs, kernel):
        """Fewer, larger convolutions: many tiny ones leave a CPU's vector units idle.

        The kernel of ``merge`` neighbouring groups is block-diagonal: filter f of group g gets
        zeros for the channels of the other groups. The zeros cost multiplications, so the blocks
        stay small (``MERGED_CHANNELS``, measured).
        """
        per_group = inputs.shape[-1] // self.groups
        merge = _largest_divisor(self.groups, at_most=max(1, MERGED_CHANNELS // per_group))
        # Row i, column j: does input group i (within its block) feed the group of filter j?
        group_of_filter = ops.arange(self.filters) // (self.filters // self.groups) % merge
        feeds = ops.equal(ops.arange(merge)[:, None], group_of_filter[None, :])
        mask = ops.repeat(ops.cast(feeds, kernel.dtype), per_group, axis=0)
        block_diagonal = ops.tile(kernel, (1, 1, merge, 1)) * mask
        return self._split(inputs, block_diagonal, parts=self.groups // merge)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "groups": self.groups,
            "strides": self.strides,
            "padding": self.padding,
            "implementation": self.implementation,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def default_kernel_initializer():
    """The reference's first weights: normal, variance 2 / (kernel area x filters) (He et al.,
    2015).

    Keras' ``he_normal`` would count the input channels of all groups together and start a grouped
    kernel several times too wide.
    """
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


@functools.cache
def _native_trains(dtype):
    """Whether the framework's own grouped convolution has a gradient here; tried on a tiny one."""
    if not _tensorflow_on_cpu():
        return True
    tf = _tensorflow()
    with tf.init_scope():  # at once, even while a graph is being built
        image, kernel = tf.ones((1, 4, 4, 8), dtype), tf.ones((3, 3, 4, 8), dtype)
        try:
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=image.shape,
                filter=kernel,
                out_backprop=image,
                strides=[1] * 4,
                padding="SAME",
            )
        except tf.errors.OpError:
            return False
    return True


def _tensorflow_on_cpu():
    if keras.backend.backend() != "tensorflow":
        return False
    return not _tensorflow().config.get_visible_devices("GPU")


def _tensorflow():
    import tensorflow  # not above: the layers work on Keras' other backends too

    return tensorflow


def _largest_divisor(number, at_most):
    return next(d for d in range(min(number, at_most), 0, -1) if number % d == 0)
