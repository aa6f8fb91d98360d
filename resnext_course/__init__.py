"""Around the story of ResNeXt: exercises, explorers, drawings, and the commands."""

import resnext_helpers  # noqa: F401 (before TensorFlow: it chooses how TensorFlow starts)
