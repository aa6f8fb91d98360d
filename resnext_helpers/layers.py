"""The two layers that ResNeXt needs, faster on a CPU than Keras' own and with the same results.

``GroupedConv2D`` is Keras' ``Conv2D(groups=...)`` and ``BatchNorm`` is Keras'
``BatchNormalization`` with the reference's numbers; each computes its result in another way.
"""

import functools

import keras
import tensorflow as tf
from keras import ops

IMPLEMENTATIONS = ("auto", "native", "split", "merged")
MERGED_CHANNELS = 32  # channels in one merged convolution; see ``_merged``


@keras.saving.register_keras_serializable(package="resnext_helpers")
class GroupedConv2D(keras.layers.Conv2D):
    """A 2-D convolution in ``groups`` groups: each reads its own channels (Figure 3c of the paper).

    Input ``(batch, height, width, channels)``, output ``(batch, new_height, new_width, filters)``.
    The kernel is that of Keras' ``Conv2D(groups=...)``, ``(kernel_height, kernel_width,
    channels // groups, filters)``. There is no bias: in ResNeXt a batch norm follows.

    Args:
        filters: number of output channels; a multiple of ``groups``.
        kernel_size: height and width of the kernels, one number for both or a pair.
        groups: number of groups, the paper's cardinality; it must divide the input channels too.
        implementation: how it is computed; the result is the same.
            ``"native"``: the framework's grouped convolution; ``"split"``: one convolution a group;
            ``"merged"``: neighbouring groups share one convolution whose kernel is zero where
            a filter would see another group; ``"auto"``: native, or merged where TensorFlow can't
            train with its own (on a CPU without oneDNN, or in float16 or float64).
        kernel_initializer: ``kaiming_normal()`` unless given.
        **kwargs: ``strides``, ``padding`` and the others of ``keras.layers.Conv2D``.

    Raises:
        ValueError: a group would be empty or unequal, or an argument isn't one of those above.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        *,
        groups,
        implementation="auto",
        use_bias=False,
        kernel_initializer=None,
        **kwargs,
    ):
        if implementation not in IMPLEMENTATIONS:
            raise ValueError(
                f"implementation is {implementation!r}: choose one of {', '.join(IMPLEMENTATIONS)}."
            )
        kwargs["kernel_initializer"] = kernel_initializer or kaiming_normal()
        super().__init__(filters, kernel_size, groups=groups, use_bias=use_bias, **kwargs)
        self.implementation = implementation
        # Where there is a GPU, even a hidden one, Keras compiles a model with XLA if all its layers
        # allow it. On the CPU XLA would replace oneDNN's convolutions by slower ones.
        self.supports_jit = not _tensorflow_on_cpu()

    def convolution_op(self, inputs, kernel):
        way, strides = self.implementation, self.strides
        if way == "auto":
            way = "native" if _native_trains(self.compute_dtype) else "merged"
        if self.kernel_size == (1, 1) and strides != (1, 1):
            # A 1×1 kernel sees one pixel in each stride, so the others can go first. They must:
            # oneDNN's filter gradient for few channels would write outside its memory.
            inputs, strides = inputs[:, :: strides[0], :: strides[1]], (1, 1)
        kernel = ops.cast(kernel, inputs.dtype)
        if way == "native" and _tensorflow_on_cpu() and _native_trains(self.compute_dtype):
            # Keras would compile this with XLA on a CPU, because TensorFlow's own CPU code has no
            # gradient for groups. oneDNN's code, which TensorFlow uses in its place, has one.
            padding, dilations = self.padding.upper(), self.dilation_rate
            return tf.nn.conv2d(inputs, kernel, strides, padding, dilations=dilations)

        def convolve(inputs, kernel):
            return ops.conv(
                inputs, kernel, strides, self.padding, self.data_format, self.dilation_rate
            )

        if way == "native":
            return convolve(inputs, kernel)
        parts = self.groups
        if way == "merged":
            kernel, parts = self._merge(kernel)
        branches = zip(
            ops.split(inputs, parts, axis=-1), ops.split(kernel, parts, axis=-1), strict=True
        )
        return ops.concatenate([convolve(x, k) for x, k in branches], axis=-1)

    def _merge(self, kernel):
        """Fewer, larger convolutions: many tiny ones leave a CPU's vector units idle.

        The kernel of ``merge`` neighbouring groups is block-diagonal: filter f of group g gets
        zeros for the channels of the other groups. The zeros cost multiplications, so the blocks
        stay small (``MERGED_CHANNELS``, measured). Returns it, and for how many convolutions it is.
        """
        per_group = kernel.shape[2]
        at_most = max(1, MERGED_CHANNELS // per_group)
        merge = max(d for d in range(1, at_most + 1) if self.groups % d == 0)
        # Row i, column j: does input group i (within its block) feed the group of filter j?
        group_of_filter = ops.arange(self.filters) // (self.filters // self.groups) % merge
        feeds = ops.equal(ops.arange(merge)[:, None], group_of_filter[None, :])
        mask = ops.repeat(ops.cast(feeds, kernel.dtype), per_group, axis=0)
        return ops.tile(kernel, (1, 1, merge, 1)) * mask, self.groups // merge

    def get_config(self):
        return {**super().get_config(), "implementation": self.implementation}


@keras.saving.register_keras_serializable(package="resnext_helpers")
class BatchNorm(keras.layers.BatchNormalization):
    """Keras' batch normalisation with the reference's numbers, in one fused operation.

    Input and output ``(batch, height, width, channels)``. It differs from Keras' layer in three
    ways: momentum is 0.9 and epsilon 1e-5; the running variance takes in the unbiased variance of
    each batch (divided by n - 1, as in torchvision); on TensorFlow a step is one operation, which
    oneDNN and cuDNN also join with the ReLU behind it or the convolution before it. Keras' own
    many small steps each read the whole feature map from memory again.

    Where ``tf.distribute`` shares a batch among several replicas, each trains with the statistics
    of the whole batch (Peng et al., 2018), in Keras' own steps.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, **kwargs):
        kwargs["synchronized"] = keras.backend.backend() == "tensorflow"
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None):
        training = bool(training) and self.trainable  # frozen, it keeps to its running statistics
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        # TensorFlow's fused operation knows neither 64 bits nor the other replicas' pictures.
        if (
            keras.backend.backend() != "tensorflow"
            or self.compute_dtype == "float64"
            or (training and replicas > 1)
        ):
            return self._in_steps(inputs, training, replicas)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=self.moving_mean,
            variance=self.moving_variance,
            epsilon=self.epsilon,
            exponential_avg_factor=1 - self.momentum,
            is_training=training,
        )
        if training:
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
        return outputs

    def _in_steps(self, inputs, training, replicas):
        kept = self.momentum * ops.convert_to_tensor(self.moving_variance)
        outputs = super().call(inputs, training=training)
        if training:  # Keras took in the variance divided by n
            n = ops.cast(ops.prod(ops.shape(inputs)[:3]) * replicas, kept.dtype)
            taken_in = (self.moving_variance - kept) * n / ops.maximum(n - 1, 1)
            self.moving_variance.assign(kept + taken_in)
        return outputs


def kaiming_normal():
    """The reference's first weights: normal, variance 2 / (kernel area x filters) (He et al.,
    2015, from the outputs).

    This fan-out is taken from the kernel's shape and so counts the filters of all groups: 3·3·128 =
    1,152 for the first grouped kernel of ResNeXt-50, a standard deviation of 0.042. ``he_normal``
    takes the fan-in, which is that of one group: 3·3·4 = 36, a standard deviation of 0.236.
    """
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


@functools.cache
def _native_trains(dtype):
    """Whether the framework's own grouped convolution has a gradient here; tried on a tiny one."""
    if not _tensorflow_on_cpu():
        return True
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
    on_tensorflow = keras.backend.backend() == "tensorflow"
    return on_tensorflow and not tf.config.get_visible_devices("GPU")
