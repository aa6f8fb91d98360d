"""Batch normalisation with the reference's numbers, in one operation a step.

Keras' own layer computes it in many small steps, and each of them reads the whole feature map from
memory again.
"""

import keras
from keras import ops

# Arguments of Keras' batch normalisation that ours has for one value only.
FIXED = {"axis": -1, "center": True, "scale": True, "renorm": False}

PIXELS = (0, 1, 2)  # the axes that a channel's statistics are taken over


@keras.saving.register_keras_serializable(package="resnext_helpers")
class BatchNorm(keras.layers.BatchNormalization):
    """Keras' batch normalisation with the reference's numbers, in one fused operation.

    Input and output ``(batch, height, width, channels)``. It differs from Keras' layer in three
    ways: momentum is 0.9 and epsilon 1e-5; the running variance takes in the unbiased variance of
    each batch (divided by n - 1, as in torchvision); on TensorFlow a step is one operation, which
    oneDNN and cuDNN also join with the ReLU behind it or the convolution before it.

    Where ``tf.distribute`` shares a batch among several replicas, each trains with the statistics
    of the whole batch (Peng et al., 2018), whatever ``synchronized`` says. That takes plain steps.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, **kwargs):
        for name, value in FIXED.items():
            if kwargs.get(name, value) != value:
                raise ValueError(
                    f"{name} of BatchNorm is always {value}: "
                    f"for {kwargs[name]} use keras.layers.BatchNormalization."
                )
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                f"BatchNorm takes pictures, (batch, height, width, channels), and got the shape "
                f"{tuple(input_shape)}: use keras.layers.BatchNormalization."
            )
        super().build(input_shape)

    def call(self, inputs, training=None):
        training = bool(training) and self.trainable  # frozen, it keeps to its running statistics
        # TensorFlow's fused operation knows neither 64 bits nor the other replicas' pictures.
        fused = (
            keras.backend.backend() == "tensorflow"
            and self.compute_dtype != "float64"
            and not (training and _one_of_several_replicas())
        )
        normalize = self._fused if fused else self._in_steps
        outputs, mean, variance = normalize(inputs, training)
        if training:
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
        return outputs

    def _fused(self, inputs, training):
        from tensorflow import raw_ops  # not above: the layer works on Keras' other backends too

        return raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=self.moving_mean,
            variance=self.moving_variance,
            epsilon=self.epsilon,
            exponential_avg_factor=1 - self.momentum,
            is_training=training,
        )[:3]

    def _in_steps(self, inputs, training):
        """The same in plain steps: normalise first, then take in the statistics."""
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        x = ops.cast(inputs, dtype)  # sums of squares overflow in float16
        mean, variance = self.moving_mean.value, self.moving_variance.value
        unbiased = variance
        if training:
            mean, variance, unbiased = _statistics(x)
        outputs = ops.batch_normalization(
            x, mean, variance, axis=-1, offset=self.beta, scale=self.gamma, epsilon=self.epsilon
        )
        mean, variance = (
            old * self.momentum + new * (1 - self.momentum)
            for old, new in ((self.moving_mean, mean), (self.moving_variance, unbiased))
        )
        return ops.cast(outputs, inputs.dtype), mean, variance


def _statistics(x):
    """Of each channel the mean, the variance, and the unbiased variance, over the whole batch."""
    count = ops.cast(ops.prod(ops.shape(x)[:3]), x.dtype)
    if replica := _one_of_several_replicas():
        count, total = replica.all_reduce("SUM", [count, ops.sum(x, PIXELS)])
        mean = total / count
        # Not the mean square minus the squared mean, which would lose its digits. The distances
        # from the mean add up to zero, so no gradient goes through the mean here.
        squares = ops.square(x - ops.stop_gradient(mean))
        variance = replica.all_reduce("SUM", ops.sum(squares, PIXELS)) / count
    else:
        mean, variance = ops.moments(x, axes=PIXELS)
    return mean, variance, variance * count / ops.maximum(count - 1, 1)


def _one_of_several_replicas():
    """The replica that this step computes for, where the batch has several; else None."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf  # not above: see ``_fused``

    replica = tf.distribute.get_replica_context()
    return replica if replica and replica.num_replicas_in_sync > 1 else None
