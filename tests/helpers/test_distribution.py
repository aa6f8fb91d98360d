"""Two devices train as one does: the same step, with the statistics of the whole batch."""

import subprocess
import sys

# The two devices must be made before TensorFlow starts, so in a process of their own. In 64 bits:
# what 32 bits round differently may push an activation over zero, and grows from there.
PROGRAM = """
import resnext_helpers
import keras, numpy as np, tensorflow as tf
from resnext_helpers import layers, models, training

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])
one, two = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
keras.config.set_dtype_policy("float64")
images = np.random.default_rng(0).normal(size=(9, 16, 16, 3))
batches = tf.data.Dataset.from_tensor_slices((images, images.sum((1, 2)))).batch(
    4, drop_remainder=True
)

def after_two_steps(strategy):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        x = keras.Input((16, 16, 3))
        y = models.block(x, channels=8, width=8, groups=4, strides=2, name="block")
        y = keras.layers.GlobalAveragePooling2D()(y)
        model = keras.Model(x, keras.layers.Dense(3)(y))
        model.compile(training.Adam(0.01, epsilon=1e-3), "mse")
    loss = model.fit(batches, validation_data=batches, shuffle=False, verbose=0).history
    copies = [strategy.experimental_local_results(weight.value) for weight in model.weights]
    return model, copies, [loss["loss"], loss["val_loss"]]

model, wanted, losses = after_two_steps(one)
mirrored, copies, losses_of_two = after_two_steps(two)
np.testing.assert_allclose(losses_of_two, losses, rtol=1e-6)
for weight, (of_one,), of_two in zip(model.weights, wanted, copies, strict=True):
    assert len(of_two) == 2
    np.testing.assert_array_equal(of_two[0], of_two[1])
    np.testing.assert_allclose(of_two[0], of_one, rtol=0, atol=1e-9, err_msg=weight.path)
mirrored.save("model.keras")
loaded = keras.models.load_model("model.keras")
np.testing.assert_allclose(loaded(images), model(images), atol=1e-8)

def statistics(strategy, share):
    with strategy.scope():
        norm = layers.BatchNorm(dtype="float32")
        norm.build((None, 3, 5, 2))
    x = np.arange(240, dtype="float32").reshape(8, 3, 5, 2) % 17
    batch = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(np.split(x, share)[context.replica_id_in_sync_group])
    )
    strategy.run(tf.function(lambda x: norm(x, training=True)), (batch,))
    return norm.get_weights()

for of_one, of_two in zip(statistics(one, 1), statistics(two, 2), strict=True):
    np.testing.assert_allclose(of_two, of_one, rtol=1e-5)
print("the same")
"""


def test_two_devices_train_as_one_does(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == "the same", done.stderr
