"""One line of progress that is written over in place."""

from __future__ import (
    annotations,
)  # set-up imports this file, perhaps with a Python that is too old

import shutil
import sys


class StatusLine:
    """A line that shows how far the work is.

    On a terminal every ``update`` is written over the one before. Anywhere else (a file, a CI log)
    only the text of ``finish`` appears, so that a log holds one line a job.
    """

    def __init__(self, stream=None) -> None:
        self._stream = stream or sys.stdout
        self._shown = 0

    def update(self, text: str) -> None:
        """Shows ``text`` for now."""
        if self._stream.isatty():
            # A line that wraps can't be written over: cut it to the terminal's width.
            text = text[: shutil.get_terminal_size().columns - 1]
            self._stream.write("\r" + text.ljust(self._shown))
            self._stream.flush()
            self._shown = len(text)

    def finish(self, text: str) -> None:
        """Leaves ``text`` as the line's last word."""
        start = "\r" if self._stream.isatty() else ""
        self._stream.write(start + text.ljust(self._shown) + "\n")
        self._stream.flush()
        self._shown = 0
