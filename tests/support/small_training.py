"""A training that tests kill: ``python small_training.py PHOTOGRAPHS RUN_DIR``.

The package is imported before TensorFlow, which it sets up.
"""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from resnext_helpers import data, models, settings, training

# isort: split
import keras
import tensorflow as tf

folder, run_dir = map(Path, sys.argv[1:])
tf.config.experimental.enable_op_determinism()
config = replace(
    settings.PROFILES["sample"], image_size=32, batch_size=4, epochs=10, data_dir=folder
)
photos = data.load(config, progress=False)
keras.utils.set_random_seed(1)
# Wide enough for files that take a moment to write.
model = models.resnext((32, 32, 3), 2, groups=8, width_per_group=32, blocks=(1, 1))
training.compile_model(model, training.warm_up_and_cosine(1e-3, 10 * len(photos.train)))
training.train(model, photos, config, run_dir, report=lambda *shown: None)
