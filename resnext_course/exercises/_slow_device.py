"""A device whose times are known, so that a timing function can be checked without waiting."""

import numpy as np

TYPICAL = 0.02  # seconds of a usual run
LAUNCH = 0.0001  # seconds until Python goes on


class SlowDevice:
    """Plays a device and its clock.

    Like a GPU, it computes while Python goes on; only who asks for a result waits. Its first three
    runs are slow, and every seventh is disturbed.

    Attributes:
        durations: seconds of all runs up to now.
        times_read: how often the clock was read.
    """

    def __init__(self):
        self.durations = []
        self.times_read = 0
        self._now = self._ready = 0.0

    def clock(self):
        """Seconds since the device was made."""
        self.times_read += 1
        return self._now

    def work(self):
        """Start a run; its result, a number, is ready later."""
        run = len(self.durations) + 1
        usual = 10 * TYPICAL if run % 7 == 0 else TYPICAL
        self.durations.append({1: 5.0, 2: 2.0, 3: 1.0}.get(run, usual))
        self._now += LAUNCH
        self._ready = max(self._now, self._ready) + self.durations[-1]
        return _Result(self, self._ready)

    def wait(self, until):
        """Let time pass, unless it has passed already."""
        self._now = max(self._now, until)


class _Result:
    """The number 0; every way to read it waits until it is ready."""

    def __init__(self, device, ready):
        self._device, self._ready = device, ready

    def numpy(self):
        self._device.wait(self._ready)
        return np.float32(0)

    def __float__(self):
        return float(self.numpy())

    def __int__(self):
        return int(self.numpy())

    def __repr__(self):
        return repr(self.numpy())

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.numpy(), dtype)
