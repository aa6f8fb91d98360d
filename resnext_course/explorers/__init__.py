"""Explorers: move a control, and see a picture and its numbers change.

Each is a plain function from values to a ``plots.Picture`` (tested without a browser), and a thin
``Panel`` of controls around it.
"""
