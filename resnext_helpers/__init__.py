"""Helpers that the ResNeXt course's notebooks share.

Importing the package, before TensorFlow is imported, chooses how TensorFlow starts: its C++ log
stays quiet, and oneDNN's faster CPU kernels are on. A value that you set yourself is kept.
"""

import importlib
import logging
import os
import re
import sys
import tempfile
import warnings

_STARTUP = {
    "TF_CPP_MIN_LOG_LEVEL": "3",  # the C++ log would end up inside the notebooks' outputs
    "TF_ENABLE_ONEDNN_OPTS": "1",  # off by default on many CPUs, and nearly twice as fast
}


def import_tensorflow_quietly() -> None:
    """Import TensorFlow without its first log lines, which no setting turns off.

    They are written straight to file descriptor 2, which a notebook shows as an error. Lines of
    information or warning are dropped; everything else is passed on.
    """
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
        finally:  # a failed import needs its log most
            os.dup2(stderr, 2)
            os.close(stderr)
            log.seek(0)
            _print_but_for_information(log.read().decode(errors="replace"))
    # Keras compiles its grouped convolution anew at each call; TensorFlow would warn at the fifth.
    _drop_from_log("tensorflow", "_conv_xla")
    # Matplotlib lists the machine's fonts once, and logs on a busy machine that this takes long.
    _drop_from_log("matplotlib.font_manager", "building the font cache")


def _print_but_for_information(log: str) -> None:
    harmless = re.compile(r"[IW]\d{4} |WARNING: All log messages before absl")
    for line in log.splitlines():
        if line and not harmless.match(line):
            print(line, file=sys.stderr)


def _drop_from_log(name: str, text: str) -> None:
    """Keep a harmless message out of notebooks, where it would look like an error."""
    logging.getLogger(name).addFilter(lambda record: text not in record.getMessage())


if "tensorflow" in sys.modules:
    if any(name not in os.environ for name in _STARTUP):
        warnings.warn(
            "TensorFlow was imported before resnext_helpers, so the course's start-up settings "
            "have no effect. Restart the kernel and import resnext_helpers first.",
            stacklevel=2,
        )
else:
    for _name, _value in _STARTUP.items():
        os.environ.setdefault(_name, _value)
    if "ipykernel.kernelapp" in sys.modules:  # in a notebook's kernel
        import_tensorflow_quietly()
